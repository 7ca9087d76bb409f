use std::{path::PathBuf, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr,
    Statement, TransactionTrait, Value,
};

use crate::{StoreError, jobs::JobOptions};

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
        }
    }
}

fn default_data_dir(database_url: &str) -> PathBuf {
    let file = database_url.strip_prefix("sqlite:").map(|rest| rest.trim_start_matches("//"));
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
}

impl Db {
    pub(crate) async fn connect(options: &StoreOptions) -> Result<Self, DbErr> {
        if options.database_url.starts_with("postgres") {
            let timeout = options.statement_timeout.as_millis();
            let mut connect = ConnectOptions::new(&options.database_url);
            connect
                .max_connections(options.max_connections)
                .acquire_timeout(Duration::from_secs(10))
                .sqlx_logging(false)
                .map_sqlx_postgres_opts(move |pg| {
                    // JIT compilation costs more than it saves on statements of milliseconds.
                    pg.options([("statement_timeout", timeout.to_string()), ("jit", "off".to_owned())])
                });
            let pool = Database::connect(connect).await?;
            return Ok(Self { read: pool.clone(), write: pool });
        }
        let write = Database::connect(sqlite(options, 1)).await?;
        let read = if options.database_url.contains(":memory:") {
            write.clone()
        } else {
            Database::connect(sqlite(options, options.max_connections)).await?
        };
        Ok(Self { read, write })
    }

    pub(crate) fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// For one statement that changes something.
    pub(crate) fn write(&self) -> &DatabaseConnection {
        &self.write
    }

    /// A transaction that may write. Inside it, use only it: on SQLite there is no second writer.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        Ok(self.write.begin().await?)
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
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(10))
                .pragma("cache_size", "-65536")
                .pragma("temp_store", "memory")
        });
    connect
}

/// A statement with `$1`, `$2`…, which both databases understand.
pub(crate) fn sql(db: &impl ConnectionTrait, text: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), text, values)
}
