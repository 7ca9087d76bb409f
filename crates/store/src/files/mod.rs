//! Files: uploads on their way in, and the content-addressed blobs that they become.
//!
//! A file is announced (`uploads`), sent (`write`), checked and named by its SHA-256 (`complete`), and read
//! back by whoever may see what refers to it (`download`, `read`, `scores`). Only `disk` knows paths.

mod complete;
mod disk;
mod download;
mod read;
mod scores;
mod uploads;
mod write;

pub(crate) use disk::{FileStore, open_blob_blocking};
pub(crate) use download::named_by_job;
pub(crate) use scores::Layout;
pub use uploads::{NewUpload, UploadRecord};
pub use write::{PartRange, UploadWriteError};

use nunatak_domain::{JobId, Problem, ProjectId, UploadId, UploadStatus, UserId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::{Store, StoreError, entities};

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
        let mut select =
            entities::uploads::Entity::find_by_id(upload.0).filter(entities::uploads::Column::ProjectId.eq(project.0));
        select = match sender {
            Sender::Job(job) => select.filter(entities::uploads::Column::JobId.eq(job.0)),
            Sender::User(user) => select.filter(entities::uploads::Column::CreatedBy.eq(user.0)),
        };
        let row = select
            .one(db)
            .await?
            .ok_or_else(|| Problem::new("NOT_FOUND", "there is no such upload in this project"))?;
        match row.sha256 {
            Some(sha256) if row.status == UploadStatus::Completed.number() => {
                Ok(BlobRecord { sha256, size: row.size, file_name: row.file_name })
            }
            _ => {
                Err(Problem::new("UPLOAD_INCOMPLETE", "send the file to the upload's url, then call completeUpload")
                    .into())
            }
        }
    }
}
