use sea_orm_migration::prelude::*;

use crate::Dialect;

/// Who follows jobs and comes back asks which ones have ended since: without an index that reads all of them.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0004_finished_jobs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0004_finished_jobs.up.sql")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0004_finished_jobs.down.sql")).await
    }
}
