use sea_orm_migration::{prelude::*, sea_orm::DatabaseBackend};

use crate::Dialect;

/// What made logging slow without making anything else fast.
///
/// Rows that have no value in a column are not in its index any more: a number is in the index of numbers, a string in
/// that of strings, neither is in both. Whoever looks for a value finds it as before; a third index has what is neither,
/// for lists that are ordered by a key.
///
/// On PostgreSQL a foreign key asks a question and locks a row for each row that is written: two or more for each of the
/// 30 that a version has, and versions that were logged at the same time met at the rows of `keys`. What hangs on a
/// version is written by the statement that makes the version, or while the version is locked; rows of `keys` never go;
/// tags are locked before they are put on a version. So nothing that is referred to can be missing. What the foreign
/// keys did besides, taking along what hangs on a version or tag that is deleted, triggers do.
///
/// SQLite looks into its own memory for a foreign key, and cannot drop one: it keeps them.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0005_logging"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager);
        dialect.run(manager, include_str!("m0005_logging.up.sql")).await?;
        if manager.get_database_backend() == DatabaseBackend::Postgres {
            dialect.run(manager, include_str!("m0005_logging.postgres.up.sql")).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager);
        if manager.get_database_backend() == DatabaseBackend::Postgres {
            dialect.run(manager, include_str!("m0005_logging.postgres.down.sql")).await?;
        }
        dialect.run(manager, include_str!("m0005_logging.down.sql")).await
    }
}
