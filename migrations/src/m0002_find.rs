use sea_orm_migration::prelude::*;

use crate::Dialect;

/// What the search needs to be fast at a million versions.
///
/// `version_maps` holds what a page shows of a version's hyperparameters, parameters and metrics, ready to read;
/// a version without a row there (or with NULL in it) is read from the typed rows. A tag's name gets an id, kept
/// beside each version, because the same name in a hundred projects is a hundred tags. Texts are found inside
/// models' names by trigrams where PostgreSQL lets us have its extension, and by reading the names elsewhere.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_find"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0002_find.up.sql")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        Dialect::of(manager).run(manager, include_str!("m0002_find.down.sql")).await
    }
}
