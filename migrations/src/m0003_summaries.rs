use sea_orm_migration::prelude::*;

use crate::Dialect;

/// Indexes for the summaries of projects: what occurs in a project is found by jumping from one value to the next.
///
/// `audience` says for whom a row is worth looking at: 0 for anybody, the author's number for a private version's,
/// -1 for a deleted version's. It only says where to look; whether the version may be seen is asked of `versions`.
/// So the rows that are there may stay at 0: nothing leaks through them, and nothing is missed.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_summaries"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0003_summaries.up.sql")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0003_summaries.down.sql")).await
    }
}
