use sea_orm_migration::prelude::*;

use crate::Dialect;

/// Everything that the registry, the job queue and the permissions stand on.
///
/// Times are microseconds since 1970 (BIGINT), JSON is TEXT (never searched), enums are SMALLINT.
/// Hot key/value rows join on `row_id`; the public id is a `UUIDv7`.
/// A float that is NULL in `metrics` was logged as NaN: SQLite cannot keep a NaN, and NULL sorts as we want it.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_foundation"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0001_foundation.up.sql")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0001_foundation.down.sql")).await
    }
}
