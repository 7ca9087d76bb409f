//! Files: uploads on their way in, and the content-addressed blobs that they become.

use nunatak_domain::{Problem, ProjectId, UploadId, UploadStatus};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::{Store, StoreError, entities::uploads};

/// A whole, checked file: what a completed upload stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRecord {
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: i64,
    pub file_name: String,
}

impl Store {
    /// The file behind a completed upload of this project.
    pub(crate) async fn completed_upload(
        &self,
        db: &impl ConnectionTrait,
        upload: UploadId,
        project: ProjectId,
    ) -> Result<BlobRecord, StoreError> {
        let row = uploads::Entity::find_by_id(upload.0)
            .filter(uploads::Column::ProjectId.eq(project.0))
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
