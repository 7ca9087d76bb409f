use sea_orm_migration::prelude::*;

use crate::Dialect;

/// Schedules and what came of each firing; comparisons with the version that an alias names, which moves of aliases
/// refer to.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0010_schedules"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0010_schedules.up.sql")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0010_schedules.down.sql")).await
    }
}
