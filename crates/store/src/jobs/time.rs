//! The time that leases and pauses are counted in.
//!
//! They are written by one server and judged by another. With each one's own clock, a server that is some minutes ahead
//! would take all jobs from their runners, and one that is behind would leave them with dead ones. So servers ask the
//! database for the time now and then, and count on from there with a clock that nobody sets.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use nunatak_domain::Timestamp;
use sea_orm::ConnectionTrait;
use tokio::time::Instant;

use crate::{Store, StoreError, db};

/// What the common time was, and when that was by this machine's steady clock. None where it is not asked for.
#[derive(Debug, Default)]
pub(crate) struct CommonTime(Mutex<Option<(Timestamp, Instant)>>);

/// Steady clocks of two machines drift apart by some milliseconds in this time.
const ASKED_EVERY: Duration = Duration::from_secs(30);

impl CommonTime {
    fn now(&self) -> Option<Timestamp> {
        self.at().map(|(then, asked)| then.plus(asked.elapsed()))
    }

    fn at(&self) -> Option<(Timestamp, Instant)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Instant::now()));
    }
}

impl Store {
    /// From now on leases do not depend on this machine's clock: on PostgreSQL they are counted in the database's time,
    /// which all servers share; on SQLite, where there is one server, in the time that has passed since now.
    ///
    /// # Errors
    /// Database.
    pub async fn keep_common_time(&self) -> Result<(), StoreError> {
        let now = if self.0.db.is_postgres() { self.time_of_database().await? } else { self.now() };
        self.0.common_time.set(now);
        Ok(())
    }

    /// What leases and pauses are compared with.
    pub(crate) fn lease_now(&self) -> Timestamp {
        self.0.common_time.now().unwrap_or_else(|| self.now())
    }

    /// Asks the database again where that was long ago.
    pub(super) async fn adjust_common_time(&self) -> Result<(), StoreError> {
        let due = self.0.common_time.at().is_some_and(|(_, asked)| asked.elapsed() >= ASKED_EVERY);
        if due && self.0.db.is_postgres() { self.keep_common_time().await } else { Ok(()) }
    }

    async fn time_of_database(&self) -> Result<Timestamp, StoreError> {
        let text = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS now";
        let db = self.0.db.read();
        let row = db.query_one_raw(db::sql(db, text, Vec::new())).await?;
        let row = row.ok_or_else(|| StoreError::Corrupt("the database has no time".to_owned()))?;
        Ok(Timestamp::from_micros(row.try_get("", "now")?))
    }
}
