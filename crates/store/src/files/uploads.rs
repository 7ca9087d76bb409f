//! Uploads: announced, received (`write.rs`), completed or given up.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use nunatak_authz::{Action, Actor, Permit};
use nunatak_domain::{JobId, Problem, ProjectId, Timestamp, UploadId, UploadStatus, UserId};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    entity::prelude::Uuid,
    sea_query::{Expr, ExprTrait, SimpleExpr},
};

use super::collect::{Tally, disk::remove};
use crate::{IdempotencyKey, Store, StoreError, entities::uploads, scope};

/// A file on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRecord {
    pub id: UploadId,
    pub project: ProjectId,
    pub created_by: UserId,
    pub file_name: String,
    /// Bytes that were announced.
    pub size: i64,
    /// Bytes that have arrived.
    pub received: i64,
    /// Of the whole file, once it is complete.
    pub sha256: Option<String>,
    pub status: UploadStatus,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// The announcement of a file, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpload {
    file_name: String,
    size: i64,
    sha256: Option<String>,
}

/// A day is enough for 50 GiB at 5 Mbit/s and short enough that what was abandoned goes away.
const EXPIRY: Duration = Duration::from_secs(24 * 60 * 60);

impl NewUpload {
    /// # Errors
    /// `INVALID_FILE_NAME`, `EMPTY_FILE`, `INVALID_SHA256`: all that is wrong.
    pub fn parse(file_name: String, size: i64, sha256: Option<String>) -> Result<Self, StoreError> {
        let mut problems = Vec::new();
        let separators = |c: char| c.is_control() || matches!(c, '/' | '\\');
        let reserved = matches!(file_name.as_str(), "." | "..") || file_name.trim().is_empty();
        if reserved || file_name.len() > 255 || file_name.chars().any(separators) {
            let message = "a file name has 1 to 255 bytes, no `/` or `\\` and no control characters";
            problems.push(Problem::new("INVALID_FILE_NAME", message).at("fileName"));
        }
        if size < 1 {
            problems.push(Problem::new("EMPTY_FILE", "a file has at least 1 byte").at("size"));
        }
        let sha256 = sha256.map(|sha256| sha256.to_ascii_lowercase());
        if sha256.as_ref().is_some_and(|sha256| sha256.len() != 64 || hex::decode(sha256).is_err()) {
            let message = "a SHA-256 has 64 hexadecimal digits";
            problems.push(Problem::new("INVALID_SHA256", message).at("sha256"));
        }
        if problems.is_empty() { Ok(Self { file_name, size, sha256 }) } else { Err(StoreError::Invalid(problems)) }
    }
}

impl Store {
    /// Announces a file. It may then be sent within a day.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` above the largest size permitted, `IDEMPOTENCY_MISMATCH`, database.
    pub async fn create_upload(
        &self,
        permit: &Permit,
        new: NewUpload,
        key: Option<&IdempotencyKey>,
    ) -> Result<UploadRecord, StoreError> {
        scope::require(permit, Action::CreateUpload)?;
        let (_, project) = scope::project_of(permit)?;
        let max = self.0.files.max_upload_bytes;
        if new.size > max {
            let message = format!("the file has {} bytes; at most {max} are allowed", new.size);
            return Err(Problem::new("LIMIT_EXCEEDED", message).at("size").into());
        }
        let transaction = self.0.db.begin().await?;
        if let Some(id) = self.replayed(&transaction, permit, "createUpload", key).await? {
            let row = self.own_upload(&transaction, permit.actor(), id.into()).await?;
            return self.upload_record(row).await;
        }
        let now = self.now();
        let row = uploads::ActiveModel {
            id: Set(UploadId::new(now).0),
            project_id: Set(project.0),
            job_id: Set(job_of(permit.actor()).map(Into::into)),
            created_by: Set(permit.user().0),
            file_name: Set(new.file_name),
            size: Set(new.size),
            sha256: Set(None),
            expected_sha256: Set(new.sha256),
            status: Set(UploadStatus::Pending.number()),
            created_at: Set(now.micros()),
            expires_at: Set(now.plus(EXPIRY).micros()),
            completed_at: Set(None),
        };
        let row = row.insert(&transaction).await?;
        self.remember(&transaction, permit, "createUpload", key, row.id).await?;
        transaction.commit().await?;
        self.upload_record(row).await
    }

    /// An upload of the actor's own.
    ///
    /// # Errors
    /// `NotFound` for another's, database, file system.
    pub async fn upload(&self, actor: &Actor, id: UploadId) -> Result<UploadRecord, StoreError> {
        let row = self.own_upload(self.0.db.read(), actor, id).await?;
        self.upload_record(row).await
    }

    /// Those of `ids` that are the actor's own.
    ///
    /// # Errors
    /// Database, file system.
    pub async fn uploads_by_ids(
        &self,
        actor: &Actor,
        ids: &[UploadId],
    ) -> Result<HashMap<UploadId, UploadRecord>, StoreError> {
        let ids = ids.iter().map(|id| id.0);
        let select = uploads::Entity::find().filter(uploads::Column::Id.is_in(ids)).filter(own(self, actor));
        let mut found = HashMap::new();
        for row in select.all(self.0.db.read()).await? {
            found.insert(row.id.into(), self.upload_record(row).await?);
        }
        Ok(found)
    }

    /// Gives up what has expired and deletes partial files that belong to no upload under way. Returns how
    /// many uploads and files went. Call from time to time.
    ///
    /// # Errors
    /// Database, file system.
    pub async fn sweep_uploads(&self) -> Result<u64, StoreError> {
        let expired = Condition::all().add(uploads::Column::ExpiresAt.lte(self.now().micros()));
        let aborted = self.abort_uploads(expired.clone()).await?;
        let parts = self.sweep_parts(expired, false).await?;
        let (store, now) =
            (self.clone(), SystemTime::UNIX_EPOCH + Duration::from_micros(self.now().micros().unsigned_abs()));
        let made = super::disk::blocking(move || store.0.files.sweep_scratch(now)).await?;
        Ok(aborted + parts.files + made)
    }

    /// Gives up those uploads under way that are `abandoned`.
    pub(super) async fn abort_uploads(&self, abandoned: Condition) -> Result<u64, StoreError> {
        let update = uploads::Entity::update_many()
            .col_expr(uploads::Column::Status, Expr::value(UploadStatus::Aborted.number()))
            .filter(pending())
            .filter(abandoned);
        Ok(update.exec(self.0.db.write()).await?.rows_affected)
    }

    /// Deletes (or only counts) partial files of uploads that are over or `abandoned`.
    pub(super) async fn sweep_parts(&self, abandoned: Condition, dry_run: bool) -> Result<Tally, StoreError> {
        let mut swept = Tally::default();
        for chunk in self.0.files.part_files().await?.chunks(500) {
            let ids = chunk.iter().map(|(id, ..)| id.0);
            let live = uploads::Entity::find()
                .select_only()
                .column(uploads::Column::Id)
                .filter(uploads::Column::Id.is_in(ids))
                .filter(pending())
                .filter(abandoned.clone().not());
            let live: Vec<Uuid> = live.into_tuple().all(self.0.db.read()).await?;
            for (id, path, bytes) in chunk.iter().filter(|(id, ..)| !live.contains(&id.0)) {
                // A body that is still arriving keeps its file until it ends; the next sweep takes it.
                let Some(_lock) = self.0.files.try_lock(*id) else { continue };
                if !dry_run {
                    remove(path).await?;
                }
                self.0.files.forget(*id);
                swept.add(*bytes);
            }
        }
        Ok(swept)
    }

    /// The row of an upload that the actor itself began.
    pub(super) async fn own_upload(
        &self,
        db: &impl ConnectionTrait,
        actor: &Actor,
        id: UploadId,
    ) -> Result<uploads::Model, StoreError> {
        let select = uploads::Entity::find_by_id(id.0).filter(own(self, actor));
        select.one(db).await?.ok_or(StoreError::NotFound("upload"))
    }

    pub(super) async fn upload_record(&self, row: uploads::Model) -> Result<UploadRecord, StoreError> {
        let status = UploadStatus::from_number(row.status)
            .ok_or_else(|| StoreError::Corrupt(format!("upload status {}", row.status)))?;
        let received = match status {
            UploadStatus::Pending => self.0.files.received(row.id.into()).await?.cast_signed(),
            UploadStatus::Completed => row.size,
            UploadStatus::Aborted => 0,
        };
        Ok(UploadRecord {
            id: row.id.into(),
            project: row.project_id.into(),
            created_by: row.created_by.into(),
            file_name: row.file_name,
            size: row.size,
            received,
            sha256: row.sha256,
            status,
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: Timestamp::from_micros(row.expires_at),
        })
    }
}

/// Uploads that the actor began: a person's own, or those of the very job, in projects where it may upload.
fn own(store: &Store, actor: &Actor) -> Condition {
    let reach = store.authorizer().reach(actor, Action::CreateUpload);
    let job = job_of(actor).map(nunatak_domain::ids::JobId::into);
    let whose = match (actor.user_id(), job) {
        (_, Some(job)) => uploads::Column::JobId.eq::<sea_orm::entity::prelude::Uuid>(job),
        (user, None) => uploads::Column::JobId.is_null().and(uploads::Column::CreatedBy.eq(user.map(|user| user.0))),
    };
    Condition::all().add(whose).add(scope::project_ids(uploads::Column::ProjectId, reach))
}

fn job_of(actor: &Actor) -> Option<JobId> {
    match actor {
        Actor::Job { id, .. } => Some(*id),
        Actor::Anonymous | Actor::User { .. } | Actor::Scorer { .. } => None,
    }
}

fn pending() -> SimpleExpr {
    uploads::Column::Status.eq(UploadStatus::Pending.number())
}

/// What is said of an upload that takes nothing more.
pub(super) fn closed() -> StoreError {
    Problem::new("UPLOAD_CLOSED", "this upload is complete, given up or expired; create a new one").into()
}
