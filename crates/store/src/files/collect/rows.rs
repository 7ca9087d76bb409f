//! Rows of blobs that nothing refers to, and then their files.

use nunatak_domain::{Timestamp, UploadStatus};
use sea_orm::{ConnectionTrait, SqlErr};

use super::{HOLDERS, Tally};
use crate::{Store, StoreError, db};

/// Rows that one statement looks at: some milliseconds, however many there are.
const PAGE: i64 = 1000;

/// A blob in a page: whether something refers to it.
struct Seen {
    sha256: String,
    size: u64,
    orphan: bool,
}

impl Store {
    /// Walks over all rows, a page at a time.
    pub(super) async fn collect_rows(&self, cutoff: Timestamp, dry_run: bool) -> Result<Tally, StoreError> {
        let (mut tally, mut after) = (Tally::default(), String::new());
        loop {
            let page = self.blobs_after(&after, cutoff).await?;
            let Some(last) = page.last() else { return Ok(tally) };
            after.clone_from(&last.sha256);
            for blob in page.into_iter().filter(|blob| blob.orphan) {
                if dry_run {
                    tally.add(blob.size);
                } else if self.forget_blob(&blob.sha256, cutoff).await? {
                    self.remove_file(&blob.sha256).await?;
                    tally.add(blob.size);
                }
            }
        }
    }

    async fn blobs_after(&self, after: &str, cutoff: Timestamp) -> Result<Vec<Seen>, StoreError> {
        let text = format!(
            "SELECT b.sha256, b.size, (b.created_at <= $2 AND {}) AS orphan FROM \
             (SELECT sha256, size, created_at FROM blobs WHERE sha256 > $1 ORDER BY sha256 LIMIT $3) b ORDER BY b.sha256",
            unheld("b.sha256")
        );
        let db = self.0.db.read();
        let values = vec![after.into(), cutoff.micros().into(), PAGE.into()];
        let rows = db.query_all_raw(db::sql(db, &text, values)).await?;
        let seen = rows.iter().map(|row| {
            let size: i64 = row.try_get("", "size")?;
            Ok(Seen {
                sha256: row.try_get("", "sha256")?,
                size: size.unsigned_abs(),
                orphan: row.try_get("", "orphan")?,
            })
        });
        seen.collect()
    }

    /// Takes the blob's row away, if still nothing refers to it; uploads of it that nobody used end with it.
    async fn forget_blob(&self, sha256: &str, cutoff: Timestamp) -> Result<bool, StoreError> {
        let txn = self.0.db.begin().await?;
        let uploads = "UPDATE uploads SET sha256 = NULL, status = $3 WHERE sha256 = $1 AND completed_at <= $2";
        let aborted = UploadStatus::Aborted.number();
        let values = vec![sha256.into(), cutoff.micros().into(), aborted.into()];
        txn.execute_raw(db::sql(&txn, uploads, values)).await?;
        let blob = format!("DELETE FROM blobs WHERE sha256 = $1 AND created_at <= $2 AND {}", unheld("blobs.sha256"));
        let deleted = txn.execute_raw(db::sql(&txn, &blob, vec![sha256.into(), cutoff.micros().into()])).await;
        match deleted {
            Ok(deleted) if deleted.rows_affected() == 0 => Ok(false),
            Ok(_) => {
                txn.commit().await?;
                Ok(true)
            }
            // A reference that was being written while the statement looked.
            Err(error) if matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_))) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Holds where no row refers to the blob; uploads only where they were completed after `$2`.
fn unheld(blob: &str) -> String {
    let holders =
        HOLDERS.map(|(table, column)| format!("NOT EXISTS (SELECT 1 FROM {table} h WHERE h.{column} = {blob})"));
    let uploads = format!("NOT EXISTS (SELECT 1 FROM uploads u WHERE u.sha256 = {blob} AND u.completed_at > $2)");
    format!("{uploads} AND {}", holders.join(" AND "))
}
