//! How much disk the files take, and how much collecting gave back.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use sea_orm::ConnectionTrait;

use super::{Collected, Tally};
use crate::{Store, StoreError, db};

/// Since the start; what is held as it was when last measured.
#[derive(Debug, Default)]
pub(in crate::files) struct FileMeter {
    held_files: AtomicU64,
    held_bytes: AtomicU64,
    freed_files: AtomicU64,
    freed_bytes: AtomicU64,
}

/// The files of an installation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileStats {
    /// Whole files when they were last measured.
    pub held: Tally,
    /// What this server has removed since its start.
    pub freed: Tally,
}

impl FileMeter {
    pub(super) fn freed(&self, collected: Collected) {
        self.freed_files.fetch_add(collected.blobs.files + collected.parts.files, Relaxed);
        self.freed_bytes.fetch_add(collected.blobs.bytes + collected.parts.bytes, Relaxed);
    }
}

impl Store {
    /// Counts the whole files and their bytes, for [`Store::stats`].
    ///
    /// # Errors
    /// Database.
    pub async fn measure_files(&self) -> Result<(), StoreError> {
        let text = "SELECT COUNT(*) AS files, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM blobs";
        let db = self.0.db.read();
        if let Some(row) = db.query_one_raw(db::sql(db, text, Vec::new())).await? {
            let (files, bytes): (i64, i64) = (row.try_get("", "files")?, row.try_get("", "bytes")?);
            self.0.files.meter.held_files.store(files.unsigned_abs(), Relaxed);
            self.0.files.meter.held_bytes.store(bytes.unsigned_abs(), Relaxed);
        }
        Ok(())
    }

    pub(crate) fn file_stats(&self) -> FileStats {
        let meter = &self.0.files.meter;
        let tally =
            |files: &AtomicU64, bytes: &AtomicU64| Tally { files: files.load(Relaxed), bytes: bytes.load(Relaxed) };
        FileStats {
            held: tally(&meter.held_files, &meter.held_bytes),
            freed: tally(&meter.freed_files, &meter.freed_bytes),
        }
    }
}
