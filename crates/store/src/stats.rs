//! What the database is asked, in numbers.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use sea_orm::{DatabaseBackend, DatabaseConnection};

use crate::{Store, files::FileStats};

/// Counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    statements: AtomicU64,
    failed: AtomicU64,
    slow: AtomicU64,
    micros: AtomicU64,
    /// Attempts that this server saw end: by success, failure (a retry may follow), cancel, and silence.
    attempts: [AtomicU64; 4],
}

impl Meter {
    pub(crate) fn statement(&self, elapsed: Duration, failed: bool) {
        self.statements.fetch_add(1, Relaxed);
        self.failed.fetch_add(u64::from(failed), Relaxed);
        self.micros.fetch_add(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn attempt(&self, end: AttemptEnd) {
        self.attempts[end as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn slow(&self) {
        self.slow.fetch_add(1, Relaxed);
    }

    pub(crate) fn slow_so_far(&self) -> u64 {
        self.slow.load(Relaxed)
    }
}

/// How an attempt at a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    Succeeded = 0,
    Failed = 1,
    Cancelled = 2,
    /// The runner fell silent.
    Expired = 3,
}

impl AttemptEnd {
    pub const ALL: [Self; 4] = [Self::Succeeded, Self::Failed, Self::Cancelled, Self::Expired];

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// What the database was asked since the start, and its connections now.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreStats {
    pub statements: u64,
    pub failed: u64,
    /// Those that went to the log of slow statements.
    pub slow: u64,
    /// All statements' time together.
    pub busy: Duration,
    pub pools: Vec<PoolStats>,
    /// Attempts at jobs that this server saw end, in the order of [`AttemptEnd::ALL`].
    pub attempts: [u64; 4],
    pub files: FileStats,
}

/// The connections of one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolStats {
    /// `all` on PostgreSQL; `read` and `write` on SQLite.
    pub name: &'static str,
    pub open: usize,
    /// Of the open ones, those that nobody uses.
    pub idle: usize,
    pub max: usize,
}

impl PoolStats {
    pub(crate) fn of(name: &'static str, pool: &DatabaseConnection) -> Self {
        let (open, idle, max) = if pool.get_database_backend() == DatabaseBackend::Postgres {
            let pool = pool.get_postgres_connection_pool();
            (pool.size(), pool.num_idle(), pool.options().get_max_connections())
        } else {
            let pool = pool.get_sqlite_connection_pool();
            (pool.size(), pool.num_idle(), pool.options().get_max_connections())
        };
        Self { name, open: open as usize, idle, max: max as usize }
    }
}

impl Store {
    /// What the database was asked so far, and how its pools stand.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        let (meter, pools) = self.0.db.stats();
        StoreStats {
            statements: meter.statements.load(Relaxed),
            failed: meter.failed.load(Relaxed),
            slow: meter.slow_so_far(),
            busy: Duration::from_micros(meter.micros.load(Relaxed)),
            pools,
            attempts: AttemptEnd::ALL.map(|end| meter.attempts[end as usize].load(Relaxed)),
            files: self.file_stats(),
        }
    }
}
