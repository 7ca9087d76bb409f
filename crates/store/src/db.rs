use std::{path::PathBuf, sync::Arc, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr,
    QueryResult, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
};

use crate::{
    StoreError,
    jobs::JobOptions,
    slow::{SlowLog, SlowStatements},
    stats::{Meter, PoolStats},
};

/// Where the database is and how hard it may be used.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// `sqlite:///path/file.db?mode=rwc` or `postgres://user:password@host/database`.
    pub database_url: String,
    pub max_connections: u32,
    /// No statement runs longer (PostgreSQL).
    pub statement_timeout: Duration,
    /// Where the files are: `blobs/` whole ones, `uploads/` those on their way in. Beside the SQLite file,
    /// else `nunatak-data` in the working directory, unless set.
    pub data_dir: PathBuf,
    /// Largest file that may be uploaded, in bytes.
    pub max_upload_bytes: i64,
    pub jobs: JobOptions,
    /// Which statements go to the log; none unless set.
    pub slow: Option<SlowStatements>,
    /// How often servers on one PostgreSQL database say that they are there; one that has been silent for three
    /// beats counts as gone. Only for [`Store::join_replicas`](crate::Store::join_replicas).
    pub beat: Duration,
    /// Told about every statement: to count them in tests.
    pub watch: Option<StatementWatch>,
}

/// Is called with the text of a statement (never its values), how long it took and whether it failed.
#[derive(Clone)]
pub struct StatementWatch(Arc<Watch>);

type Watch = dyn Fn(&str, Duration, bool) + Send + Sync;

impl StatementWatch {
    pub fn new(watch: impl Fn(&str, Duration, bool) + Send + Sync + 'static) -> Self {
        Self(Arc::new(watch))
    }
}

impl std::fmt::Debug for StatementWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StatementWatch")
    }
}

/// A day of vibration at 100 kHz is 35 GB as doubles; what is larger is more likely a mistake.
const MAX_UPLOAD_BYTES: i64 = 50 << 30;

impl StoreOptions {
    #[must_use]
    pub fn new(database_url: impl Into<String>) -> Self {
        let database_url = database_url.into();
        Self {
            data_dir: default_data_dir(&database_url),
            database_url,
            max_connections: 16,
            statement_timeout: Duration::from_secs(30),
            max_upload_bytes: MAX_UPLOAD_BYTES,
            jobs: JobOptions::default(),
            slow: None,
            beat: Duration::from_secs(5),
            watch: None,
        }
    }
}

fn default_data_dir(database_url: &str) -> PathBuf {
    let file = database_url.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
    let path = file.map(|file| file.split('?').next().unwrap_or(file)).filter(|path| !path.contains(":memory:"));
    let beside = path.and_then(|path| PathBuf::from(path).parent().map(|parent| parent.join("nunatak-data")));
    beside.unwrap_or_else(|| PathBuf::from("nunatak-data"))
}

/// A pool to read with and one to write with. On SQLite the second has a single connection: writers queue
/// in the program, where waiting is fair and cheap, instead of failing with "database is locked".
#[derive(Debug)]
pub(crate) struct Db {
    read: DatabaseConnection,
    write: DatabaseConnection,
    meter: Arc<Meter>,
    slow: Option<Arc<SlowLog>>,
    unwatched: DatabaseConnection,
}

impl Db {
    pub(crate) async fn connect(options: &StoreOptions) -> Result<Self, DbErr> {
        if options.database_url.starts_with("postgres") {
            let timeout = options.statement_timeout.as_millis();
            let mut connect = ConnectOptions::new(&options.database_url);
            connect
                .max_connections(options.max_connections)
                .acquire_timeout(Duration::from_secs(10))
                // A ping before each statement would double the round trips; one that has been quiet may be cut.
                .test_before_acquire_if_idle_for(Duration::from_secs(5))
                .sqlx_logging(false)
                .map_sqlx_postgres_opts(move |pg| {
                    // Statements of milliseconds: compiling them or starting workers costs more than it saves, and
                    // what they touch is in memory.
                    pg.options([
                        ("statement_timeout", timeout.to_string()),
                        ("jit", "off".to_owned()),
                        ("max_parallel_workers_per_gather", "0".to_owned()),
                        ("random_page_cost", "1.1".to_owned()),
                        // Planning a page anew takes as long as running it, and the way is chosen here anyway.
                        ("plan_cache_mode", "force_generic_plan".to_owned()),
                    ])
                });
            let pool = Database::connect(connect).await?;
            return Ok(Self::watched(pool.clone(), pool, options));
        }
        let write = Database::connect(sqlite(options, 1)).await?;
        let read = if options.database_url.contains(":memory:") {
            write.clone()
        } else {
            Database::connect(sqlite(options, options.max_connections)).await?
        };
        Ok(Self::watched(read, write, options))
    }

    fn watched(mut read: DatabaseConnection, mut write: DatabaseConnection, options: &StoreOptions) -> Self {
        let meter: Arc<Meter> = Arc::default();
        let unwatched = read.clone();
        let slow = options.slow.map(|slow| SlowLog::new(slow, read.clone(), meter.clone()));
        for pool in [&mut read, &mut write] {
            let (meter, slow, watch) = (meter.clone(), slow.clone(), options.watch.clone());
            pool.set_metric_callback(move |info| {
                meter.statement(info.elapsed, info.failed);
                if let Some(slow) = &slow {
                    slow.hear(info.statement, info.elapsed, info.failed);
                }
                if let Some(StatementWatch(watch)) = &watch {
                    watch(&info.statement.sql, info.elapsed, info.failed);
                }
            });
        }
        Self { read, write, meter, slow, unwatched }
    }

    /// For what the server reads to know the database, on behalf of no request.
    pub(crate) fn unwatched(&self) -> &DatabaseConnection {
        &self.unwatched
    }

    pub(crate) fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// A search: one statement that reads. Should it be slow, the log tells what `shape` says of it.
    pub(crate) async fn search(
        &self,
        shape: impl FnOnce() -> String,
        statement: Statement,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let Some(slow) = &self.slow else { return self.read.query_all_raw(statement).await };
        slow.search(shape, statement.clone(), self.read.query_all_raw(statement)).await
    }

    pub(crate) fn stats(&self) -> (&Meter, Vec<PoolStats>) {
        let pools = match self.is_postgres() {
            true => vec![PoolStats::of("all", &self.read)],
            false => vec![PoolStats::of("read", &self.read), PoolStats::of("write", &self.write)],
        };
        (&self.meter, pools)
    }

    /// For one statement that changes something.
    pub(crate) fn write(&self) -> &DatabaseConnection {
        &self.write
    }

    /// A transaction that may write. Inside it, use only it: on SQLite there is no second writer.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        // Immediate: a transaction that read first and then finds another process writing could not go on.
        let options = TransactionOptions {
            sqlite_transaction_mode: (!self.is_postgres()).then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(self.write.begin_with_options(options).await?)
    }

    pub(crate) fn backend(&self) -> DatabaseBackend {
        self.read.get_database_backend()
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.backend() == DatabaseBackend::Postgres
    }
}

fn sqlite(options: &StoreOptions, max_connections: u32) -> ConnectOptions {
    use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
    let mut connect = ConnectOptions::new(&options.database_url);
    connect
        .max_connections(max_connections)
        .acquire_timeout(Duration::from_secs(30))
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(10))
                // Of each connection, in KiB: the inner pages of the indexes. The system's cache has the rest, once.
                .pragma("cache_size", "-4096")
                .pragma("temp_store", "memory")
        });
    connect
}

/// A statement with `$1`, `$2`…, which both databases understand.
pub(crate) fn sql(db: &impl ConnectionTrait, text: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), text, values)
}

pub(crate) fn is_postgres(db: &impl ConnectionTrait) -> bool {
    db.get_database_backend() == DatabaseBackend::Postgres
}

/// Runs a transaction again that the database ended because it could not go together with another one: at most
/// four times, because each time one of the others got through.
pub(crate) async fn again<T, F: Future<Output = Result<T, StoreError>>>(
    attempt: impl Fn() -> F,
) -> Result<T, StoreError> {
    for _ in 0..3 {
        match attempt().await {
            Err(error) if error.is_collision() => tracing::debug!(error.kind = %error, "a transaction runs again"),
            other => return other,
        }
    }
    attempt().await
}
