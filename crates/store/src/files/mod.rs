//! Files: uploads on their way in, and the content-addressed blobs that they become.
//!
//! A file is announced (`uploads`), sent (`write`), checked and named by its SHA-256 (`complete`), and read
//! back by whoever may see what refers to it (`download`, `read`, `scores`). What nothing refers to any more is taken
//! away (`collect`). Only `disk` and `collect` know paths.

mod collect;
mod complete;
mod disk;
mod download;
mod made;
mod read;
mod reasons;
mod scores;
mod uploads;
mod write;

pub use collect::{Collect, Collected, FileStats, HOLDERS, Tally};
pub(crate) use disk::{FileStore, open_blob_blocking};
pub(crate) use download::named_by_job;
pub(crate) use made::{Made, Making};
pub use reasons::Reason;
pub(crate) use scores::Layout;
pub use uploads::{NewUpload, UploadRecord};
pub use write::{PartRange, UploadWriteError};

use std::collections::HashMap;

use nunatak_domain::{JobId, Problem, ProjectId, UploadId, UploadStatus, UserId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::{Store, StoreError, entities::uploads as entity};

/// A whole, checked file: what a completed upload stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRecord {
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: i64,
    pub file_name: String,
}

/// Whose uploads count: nobody takes a file that somebody else sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sender {
    User(UserId),
    Job(JobId),
}

impl Store {
    /// The file behind a completed upload of this project, of those that the sender sent itself.
    pub(crate) async fn completed_upload(
        &self,
        db: &impl ConnectionTrait,
        upload: UploadId,
        project: ProjectId,
        sender: Sender,
    ) -> Result<BlobRecord, StoreError> {
        let mut found = self.completed_uploads(db, &[upload], project, sender).await?;
        let absent = || Problem::new("NOT_FOUND", "there is no such upload in this project");
        Ok(found.remove(&upload).unwrap_or_else(|| Err(absent()))?)
    }

    /// The same for many: what is not there is left out, what is not complete has a problem.
    pub(crate) async fn completed_uploads(
        &self,
        db: &impl ConnectionTrait,
        wanted: &[UploadId],
        project: ProjectId,
        sender: Sender,
    ) -> Result<HashMap<UploadId, Result<BlobRecord, Problem>>, StoreError> {
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let select = entity::Entity::find()
            .filter(entity::Column::Id.is_in(wanted.iter().map(|id| id.0)))
            .filter(entity::Column::ProjectId.eq(project.0))
            .filter(match sender {
                Sender::Job(job) => entity::Column::JobId.eq(job.0),
                Sender::User(user) => entity::Column::CreatedBy.eq(user.0),
            });
        Ok(select.all(db).await?.into_iter().map(|row| (row.id.into(), completed(row))).collect())
    }
}

fn completed(row: entity::Model) -> Result<BlobRecord, Problem> {
    match row.sha256 {
        Some(sha256) if row.status == UploadStatus::Completed.number() => {
            Ok(BlobRecord { sha256, size: row.size, file_name: row.file_name })
        }
        _ if row.status == UploadStatus::Aborted.number() => {
            let message =
                "this upload was given up, or its file was removed because nothing had used it; send it again";
            Err(Problem::new("UPLOAD_CLOSED", message))
        }
        _ => Err(Problem::new("UPLOAD_INCOMPLETE", "send the file to the upload's url, then call completeUpload")),
    }
}
