use sea_orm_migration::{prelude::*, sea_orm::DatabaseBackend};

use crate::Dialect;

/// How often each value of each key occurs: PostgreSQL otherwise takes keys and values to be independent, expects a
/// tenth of the versions that have `kernel = 'rbf'`, and joins them in the wrong order. SQLite has nothing like it.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0006_statistics"
    }
}

const UP: &str = "CREATE STATISTICS hyperparameters_key_text (mcv) ON key_id, text_head FROM hyperparameters;
CREATE STATISTICS hyperparameters_key_number (mcv) ON key_id, number FROM hyperparameters;
CREATE STATISTICS parameters_key_text (mcv) ON key_id, text_head FROM parameters;
ANALYZE hyperparameters;
ANALYZE parameters;
";
const DOWN: &str = "DROP STATISTICS parameters_key_text;
DROP STATISTICS hyperparameters_key_number;
DROP STATISTICS hyperparameters_key_text;
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on_postgres(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on_postgres(manager, DOWN).await
    }
}

async fn on_postgres(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    match manager.get_database_backend() {
        DatabaseBackend::Postgres => Dialect::of(manager).run(manager, sql).await,
        _ => Ok(()),
    }
}
