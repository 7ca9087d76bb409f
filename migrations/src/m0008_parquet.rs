use sea_orm_migration::prelude::*;

use crate::Dialect;

/// Dataset versions remember the file that they were made of.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0008_parquet"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0008_parquet.up.sql")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0008_parquet.down.sql")).await
    }
}
