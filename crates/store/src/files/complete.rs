//! The end of an upload: checked, named by its content, noted.

use nunatak_authz::{Action, Permit};
use nunatak_domain::{Problem, UploadId, UploadStatus};
use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, sea_query::OnConflict};
use sha2::Digest;

use super::{
    UploadRecord,
    disk::{self, PartLock},
    uploads::closed,
};
use crate::{
    Store, StoreError,
    entities::{blobs, uploads},
    scope,
};

impl Store {
    /// Ends an upload of the permit's own actor: all bytes must be here and hash to what was announced.
    /// Completing a completed upload returns it again.
    ///
    /// # Errors
    /// `UPLOAD_INCOMPLETE`, `CHECKSUM_MISMATCH` (the bytes are dropped and the upload has ended),
    /// `UPLOAD_BUSY` while a body is arriving, `UPLOAD_CLOSED`; `NotFound` for another's upload.
    pub async fn complete_upload(&self, permit: &Permit, id: UploadId) -> Result<UploadRecord, StoreError> {
        scope::require(permit, Action::CreateUpload)?;
        let (_, project) = scope::project_of(permit)?;
        let find = || async {
            let row = self.own_upload(self.0.db.read(), permit.actor(), id).await?;
            if row.project_id == project.0 { Ok(row) } else { Err(StoreError::NotFound("upload")) }
        };
        let row = find().await?;
        if row.status == UploadStatus::Completed.number() {
            return self.upload_record(row).await;
        }
        let mut lock = self.0.files.try_lock(id).ok_or_else(busy)?;
        // Read again: somebody else may have ended it while holding the lock.
        let row = find().await?;
        if row.status == UploadStatus::Completed.number() {
            self.0.files.forget(id);
            return self.upload_record(row).await;
        }
        if row.status != UploadStatus::Pending.number() || row.expires_at <= self.now().micros() {
            self.0.files.forget(id);
            return Err(closed());
        }
        self.all_received(&row).await?;
        let sha256 = self.hash_of_part(&row, &mut lock).await?;
        if row.expected_sha256.as_ref().is_some_and(|expected| *expected != sha256) {
            self.give_up(&row).await?;
            let message =
                format!("the bytes received have the SHA-256 {sha256}; create a new upload and send them again");
            return Err(Problem::new("CHECKSUM_MISMATCH", message).at("sha256").into());
        }
        self.0.files.publish(id, &sha256).await?;
        let completed = self.note_complete(row, sha256).await?;
        if let Err(error) = self.0.files.discard(id).await {
            tracing::warn!(%error, upload.id = %id, "a complete upload's partial file stays until it is collected");
        }
        self.0.files.forget(id);
        drop(lock);
        self.upload_record(completed).await
    }

    async fn all_received(&self, row: &uploads::Model) -> Result<(), StoreError> {
        let received = self.0.files.received(row.id.into()).await?;
        if received == row.size.unsigned_abs() {
            return Ok(());
        }
        let message = format!("{received} of {} bytes have been received; send the rest first", row.size);
        Err(Problem::new("UPLOAD_INCOMPLETE", message).into())
    }

    /// What was hashed while it arrived, or, after a restart, the file read once more.
    async fn hash_of_part(&self, row: &uploads::Model, lock: &mut PartLock) -> Result<String, StoreError> {
        let hasher = match &lock.running {
            Some((hasher, length)) if *length == row.size.unsigned_abs() => hasher.clone(),
            _ => {
                let path = self.0.files.part_path(row.id.into());
                let hasher = disk::blocking(move || disk::hash_file(&path)).await?;
                lock.running = Some((hasher.clone(), row.size.unsigned_abs()));
                hasher
            }
        };
        Ok(hex::encode(hasher.finalize()))
    }

    async fn give_up(&self, row: &uploads::Model) -> Result<(), StoreError> {
        let ended =
            uploads::ActiveModel { id: Set(row.id), status: Set(UploadStatus::Aborted.number()), ..Default::default() };
        uploads::Entity::update(ended).exec(self.0.db.write()).await?;
        self.0.files.discard(row.id.into()).await?;
        self.0.files.forget(row.id.into());
        Ok(())
    }

    /// Notes the blob that [`publish`](disk::FileStore::publish) has named, or that it was sent once more. Collection
    /// may have removed the file since; from here to the transaction's end it stays away.
    async fn note_blob(
        &self,
        txn: &DatabaseTransaction,
        upload: UploadId,
        sha256: &str,
        size: i64,
    ) -> Result<(), StoreError> {
        self.hold_blob(txn, sha256).await?;
        let blob = blobs::ActiveModel {
            sha256: Set(sha256.to_owned()),
            size: Set(size),
            created_at: Set(self.now().micros()),
        };
        let again = OnConflict::column(blobs::Column::Sha256).update_column(blobs::Column::CreatedAt).to_owned();
        blobs::Entity::insert(blob).on_conflict(again).exec_without_returning(txn).await?;
        if !self.0.files.has_blob(sha256).await? {
            self.0.files.publish(upload, sha256).await?;
        }
        Ok(())
    }

    async fn note_complete(&self, row: uploads::Model, sha256: String) -> Result<uploads::Model, StoreError> {
        let now = self.now().micros();
        let transaction = self.0.db.begin().await?;
        self.note_blob(&transaction, row.id.into(), &sha256, row.size).await?;
        let done = uploads::ActiveModel {
            sha256: Set(Some(sha256)),
            status: Set(UploadStatus::Completed.number()),
            completed_at: Set(Some(now)),
            ..Default::default()
        };
        let pending = uploads::Column::Status.eq(UploadStatus::Pending.number());
        let updated = uploads::Entity::update_many().set(done).filter(uploads::Column::Id.eq(row.id)).filter(pending);
        if updated.exec(&transaction).await?.rows_affected == 0 {
            return Err(closed());
        }
        let completed = uploads::Entity::find_by_id(row.id).one(&transaction).await?;
        transaction.commit().await?;
        completed.ok_or(StoreError::NotFound("upload"))
    }
}

fn busy() -> StoreError {
    Problem::new("UPLOAD_BUSY", "another request writes or completes this upload; wait until it has ended").into()
}
