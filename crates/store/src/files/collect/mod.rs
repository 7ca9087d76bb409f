//! Files that nothing refers to are taken away.
//!
//! A blob is kept while a column of [`HOLDERS`] names it, and for a grace after it was sent (`uploads` name it then).
//! First its row goes, in one conditional statement: from then on nothing can refer to it, because every reference is
//! a foreign key. Then its file goes (`disk`), unless somebody has sent the same content meanwhile: whoever names a blob's
//! file and whoever removes it hold the blob ([`Store::hold_blob`]), so that one waits for the other, on one server or on
//! several over one directory. A collector that is killed in between leaves a file without a row, which the walk over the
//! directory finds the next time.

pub(super) mod disk;
mod meter;
mod rows;

use std::time::Duration;

pub(super) use meter::FileMeter;
pub use meter::FileStats;
use nunatak_domain::{JobStatus, Timestamp};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
};

use crate::{
    Store, StoreError, db,
    entities::{jobs, uploads},
};

/// The columns that keep a blob: tables, and what in them names it. Soft-deleted rows keep theirs, too. A test looks for
/// columns of the schema that should be here.
pub const HOLDERS: [(&str, &str); 4] = [
    ("dataset_versions", "sha256"),
    ("dataset_versions", "source_sha256"),
    ("versions", "artifact_sha256"),
    ("predictions", "sha256"),
];

/// How to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collect {
    /// What was sent, or left behind, less long ago than this stays: somebody may be about to use it.
    pub grace: Duration,
    /// Only count.
    pub dry_run: bool,
}

/// Files and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub files: u64,
    pub bytes: u64,
}

/// What a collection removed, or would have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Whole files.
    pub blobs: Tally,
    /// Those on their way in, and what else was left half done.
    pub parts: Tally,
}

impl Tally {
    pub(super) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

impl Store {
    /// Removes files that nothing refers to, and uploads that nobody will complete. Works in small steps: it may be
    /// dropped at any time, and any number may run at once, beside uploads.
    ///
    /// # Errors
    /// Database, file system.
    pub async fn collect(&self, how: Collect) -> Result<Collected, StoreError> {
        let cutoff = self.now().minus(how.grace);
        let mut collected = Collected { blobs: self.collect_rows(cutoff, how.dry_run).await?, ..Collected::default() };
        self.collect_strays(cutoff, how.dry_run, &mut collected).await?;
        self.collect_uploads(cutoff, how.dry_run, &mut collected).await?;
        if !how.dry_run {
            self.0.files.meter.freed(collected);
        }
        self.measure_files().await?;
        Ok(collected)
    }

    /// Uploads that have expired, and those of jobs that are over.
    async fn collect_uploads(
        &self,
        cutoff: Timestamp,
        dry_run: bool,
        collected: &mut Collected,
    ) -> Result<(), StoreError> {
        let abandoned = abandoned(self.now(), cutoff);
        if !dry_run {
            self.abort_uploads(abandoned.clone()).await?;
        }
        let parts = self.sweep_parts(abandoned, dry_run).await?;
        collected.parts.files += parts.files;
        collected.parts.bytes += parts.bytes;
        Ok(())
    }

    /// Holds the blob of this content until the transaction ends: meanwhile its file neither comes nor goes by another's
    /// doing. On SQLite the transaction itself does that, because it is the only one that writes.
    pub(super) async fn hold_blob(&self, txn: &DatabaseTransaction, sha256: &str) -> Result<(), StoreError> {
        if self.0.db.is_postgres() {
            // 60 bits of the hash: two contents that share them wait for each other, and nothing else.
            let key = sha256.get(..15).and_then(|head| i64::from_str_radix(head, 16).ok()).unwrap_or(0);
            txn.execute_raw(db::sql(txn, "SELECT pg_advisory_xact_lock($1)", vec![key.into()])).await?;
        }
        Ok(())
    }
}

fn abandoned(now: Timestamp, cutoff: Timestamp) -> Condition {
    let waiting = [JobStatus::Queued, JobStatus::Running].map(JobStatus::number);
    let over =
        jobs::Entity::find().select_only().column(jobs::Column::Id).filter(jobs::Column::Status.is_not_in(waiting));
    // No job has them; said because NOT (unknown) would pass for neither.
    let of_a_job = uploads::Column::JobId.is_not_null();
    let of_the_past = uploads::Column::CreatedAt.lte(cutoff.micros());
    Condition::any()
        .add(uploads::Column::ExpiresAt.lte(now.micros()))
        .add(Condition::all().add(of_a_job).add(of_the_past).add(uploads::Column::JobId.in_subquery(over.into_query())))
}
