use sea_orm_migration::prelude::*;

use crate::Dialect;

/// What many runners need: labels that a job asks for, how many jobs a runner takes, turns by project, each attempt with
/// its log and live metrics. Jobs that something asked for by itself say what: a sweep, a schedule.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0007_run"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0007_run.up.sql")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0007_run.down.sql")).await
    }
}
