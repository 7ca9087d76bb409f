//! Everything that is kept: one module per aggregate, scoped reads, permitted writes. `DbErr` stops here.
//!
//! - A read takes the [`Actor`] and returns only rows that it may see; what is forbidden looks absent.
//! - A write takes a [`Permit`], got from [`Store::permit`] (instance), [`Store::workspace_permit`] or
//!   [`Store::project_permit`].
//! - What leaves is a record of plain fields (`VersionRecord`), never an entity.
//!
//! To add a noun: a migration, an entity, a module here with its record, reads and writes, and the
//! GraphQL types and resolvers in `api/src/graphql/<noun>/`.

mod audit;
mod bus;
mod cells;
mod db;
mod entities;
mod error;
mod idempotency;
mod keys;
mod origin;
mod paging;
mod rows;
mod scope;
mod slow;
mod stats;

pub mod aliases;
pub mod datasets;
pub mod detectors;
pub mod facets;
pub mod figures;
pub mod files;
pub mod identity;
pub mod jobs;
pub mod lineage;
pub mod metrics;
pub mod models;
pub mod organisation;
pub mod predictions;
pub mod runners;
pub mod since;
pub mod summaries;
pub mod tags;
pub mod versions;

use std::sync::Arc;

pub use audit::AuditRecord;
pub use bus::{Bus, Event, Heard, Listener};
pub use db::{StatementWatch, StoreOptions};
pub use error::StoreError;
pub use idempotency::IdempotencyKey;
use nunatak_authz::Authorizer;
pub use nunatak_authz::{Action, Actor, Permit, Scope};
use nunatak_domain::{Clock, Timestamp};
pub use origin::Origin;
pub use slow::SlowStatements;
pub use stats::{AttemptEnd, PoolStats, StoreStats};

/// The handle to everything that is kept; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: db::Db,
    authorizer: Authorizer,
    clock: Arc<dyn Clock>,
    bus: Bus,
    files: files::FileStore,
    keys: keys::KeyCache,
    models: models::KnownModels,
    jobs: jobs::JobOptions,
    common_time: jobs::CommonTime,
    samples: versions::Samples,
    counts: versions::Counts,
}

impl Store {
    /// Connects to the database that `options` name. The schema must be there already (`nunatak migrate`).
    ///
    /// # Errors
    /// [`StoreError::Database`] when it cannot be reached.
    pub async fn open(
        options: &StoreOptions,
        authorizer: Authorizer,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let db = db::Db::connect(options).await?;
        let files = files::FileStore::open(&options.data_dir, options.max_upload_bytes).await?;
        let bus = Bus::new(clock.clone(), options.beat);
        Ok(Self(Arc::new(Inner {
            db,
            authorizer,
            clock,
            bus,
            files,
            keys: keys::KeyCache::default(),
            models: models::KnownModels::default(),
            jobs: options.jobs,
            common_time: jobs::CommonTime::default(),
            samples: Default::default(),
            counts: Default::default(),
        })))
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.0.bus
    }

    #[must_use]
    pub fn authorizer(&self) -> &Authorizer {
        &self.0.authorizer
    }

    /// # Errors
    /// When the database does not answer: the readiness check.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.0.db.read().ping().await.map_err(StoreError::from)
    }
}
