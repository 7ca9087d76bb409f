use std::time::Duration;

use nunatak_migrations::{Migrator, MigratorTrait};
use nunatak_store::StoreOptions;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tempfile::TempDir;
use uuid::Uuid;

/// The database that fresh ones are copied from: migrated once for all tests, in any process.
const TEMPLATE: &str = "nunatak_test_template";
/// Held while one of the test processes makes the template.
const TEMPLATE_LOCK: i64 = 7_062_418;

/// A migrated, empty database and a directory for files, gone when dropped.
#[derive(Debug)]
pub struct TestDb {
    /// Ready for `Store::open`.
    pub options: StoreOptions,
    pub dir: TempDir,
    on_postgres: Option<(String, String)>,
}

impl TestDb {
    /// # Panics
    /// When the database cannot be made: no test could go on.
    pub async fn fresh() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (url, on_postgres) = match std::env::var("NUNATAK_TEST_DATABASE") {
            Ok(server) if !server.is_empty() => {
                let name = format!("t_{}", Uuid::new_v4().simple());
                (copy_template(&server, &name).await, Some((server, name)))
            }
            _ => {
                let url = format!("sqlite://{}/test.db?mode=rwc", dir.path().display());
                Migrator::up(&connect(&url).await, None).await.expect("migrations run");
                (url, None)
            }
        };
        let mut options = StoreOptions::new(url);
        options.data_dir = dir.path().join("files");
        // Many tests run at once, each with pools of its own.
        options.max_connections = 5;
        Self { options, dir, on_postgres }
    }

    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.on_postgres.is_some()
    }

    /// A connection beside the store's, for what a test must see or break underneath.
    pub async fn connect(&self) -> DatabaseConnection {
        connect(&self.options.database_url).await
    }
}

async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false).acquire_timeout(Duration::from_secs(60));
    Database::connect(options).await.expect("the test database answers")
}

/// Another database on the same server: the last part of the URL's path is its name.
fn sibling(server: &str, name: &str) -> String {
    let (address, query) = server.split_once('?').map_or((server, ""), |(address, query)| (address, query));
    let base = address.rsplit_once('/').map_or(address, |(base, _)| base);
    if query.is_empty() { format!("{base}/{name}") } else { format!("{base}/{name}?{query}") }
}

async fn copy_template(server: &str, name: &str) -> String {
    let admin = connect(server).await;
    let run = async |text: String| admin.execute_unprepared(&text).await;
    run(format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await.expect("the lock");
    let found = admin
        .query_one_raw(sea_orm::Statement::from_string(
            admin.get_database_backend(),
            format!("SELECT 1 AS one FROM pg_database WHERE datname = '{TEMPLATE}' AND datistemplate"),
        ))
        .await
        .expect("the list of databases");
    if found.is_none() {
        run(format!("DROP DATABASE IF EXISTS {TEMPLATE}")).await.expect("an unfinished template goes");
        run(format!("CREATE DATABASE {TEMPLATE}")).await.expect("the template");
        let template = connect(&sibling(server, TEMPLATE)).await;
        Migrator::up(&template, None).await.expect("migrations run");
        template.close().await.expect("the template is let go");
        run(format!("ALTER DATABASE {TEMPLATE} IS_TEMPLATE true")).await.expect("the template is marked");
    }
    run(format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await.expect("the lock is given back");
    run(format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}")).await.expect("a fresh database");
    admin.close().await.expect("the server is let go");
    sibling(server, name)
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let Some((server, name)) = self.on_postgres.take() else { return };
        // Drop cannot wait in the test's own runtime; a thread with one of its own can.
        let gone = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let admin = connect(&server).await;
                let text = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                admin.execute_unprepared(&text).await.expect("the test's database goes");
            });
        });
        // A failure here loses a temporary database, not the test's result.
        let _ = gone.join();
    }
}

/// Migrations on a database that starts empty, for tests of the migrations themselves.
impl TestDb {
    /// # Panics
    /// When the database cannot be made.
    pub async fn unmigrated() -> Self {
        let db = Self::fresh().await;
        Migrator::down(&db.connect().await, None).await.expect("migrations go down");
        db
    }
}
