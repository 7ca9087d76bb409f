//! Every step goes up and down again on the database at hand and leaves nothing behind.

use nunatak_migrations::{Migrator, MigratorTrait};
use nunatak_test_support::TestDb;
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

async fn objects(db: &DatabaseConnection) -> Vec<String> {
    let text = match db.get_database_backend() {
        sea_orm_migration::sea_orm::DatabaseBackend::Postgres => {
            "SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'public' AND c.relkind IN ('r', 'v', 'i') AND c.relname NOT LIKE 'seaql%' ORDER BY 1"
        }
        _ => {
            "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite%' AND name NOT LIKE 'seaql%' \
             AND tbl_name NOT LIKE 'seaql%' ORDER BY 1"
        }
    };
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), text)).await.unwrap();
    rows.iter().map(|row| row.try_get("", "name").unwrap()).collect()
}

#[tokio::test]
async fn steps_go_up_down_and_up() {
    let test = TestDb::fresh().await;
    let db = test.connect().await;
    let before = objects(&db).await;
    assert!(before.iter().any(|name| name == "versions"), "{before:?}");
    Migrator::down(&db, None).await.unwrap();
    assert_eq!(objects(&db).await, Vec::<String>::new());
    Migrator::up(&db, None).await.unwrap();
    assert_eq!(objects(&db).await, before);
}
