use async_graphql::{Enum, ID, Object};
use chrono::{DateTime, Utc};
use nunatak_store::files::UploadRecord;

use super::super::scalars::{Int64, Sha256};

/// A file on its way in: announced by `createUpload`, sent with `PUT`, ended by `completeUpload`. Seen only by
/// who announced it.
#[derive(Debug, Clone)]
pub struct Upload(pub UploadRecord);

impl From<UploadRecord> for Upload {
    fn from(record: UploadRecord) -> Self {
        Self(record)
    }
}

/// How far an upload is.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::UploadStatus")]
pub enum UploadStatus {
    /// Waits for bytes, or for `completeUpload`.
    Pending,
    /// Whole, checked and ready to be used.
    Completed,
    /// Given up: expired, its bytes were not the ones announced, or its file was removed because nothing had used it.
    Aborted,
}

/// A file on its way in: announced by `createUpload`, sent with `PUT`, ended by `completeUpload`. Seen only by
/// who announced it.
#[Object]
impl Upload {
    /// `upl_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The name that the file had where it came from.
    async fn file_name(&self) -> &str {
        &self.0.file_name
    }

    /// Bytes that were announced.
    async fn size(&self) -> Int64 {
        Int64(self.0.size)
    }

    /// Bytes that have arrived: where to go on after a broken connection.
    async fn received(&self) -> Int64 {
        Int64(self.0.received)
    }

    /// The checksum of the whole file, once it is complete.
    async fn sha256(&self) -> Option<Sha256> {
        self.0.sha256.clone().map(Sha256)
    }

    /// How far it is.
    async fn status(&self) -> UploadStatus {
        self.0.status.into()
    }

    /// Where to `PUT` the bytes, relative to the server, with the same Authorization header. A body without
    /// `Content-Range` is the whole file; `Content-Range: bytes a-b/size` goes on at `a`, which must be
    /// `received`. The answer is `{ "received", "size" }`; 409 with `received` tells where to go on.
    async fn url(&self) -> String {
        format!("/uploads/{}", self.0.id)
    }

    /// When it was announced.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// When it will be given up unless completed.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at.to_utc()
    }
}
