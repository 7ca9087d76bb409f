use nunatak_authz::{Action, Actor, Permit};
use nunatak_domain::{DatasetVersionId, JobId, JobKind, JobStatus, Problem, ProjectId, VersionId, VersionStatus};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use serde_json::json;

use super::{
    ApplyRequest, Cause, JobRecord, TrainRequest, checks, hyperparameters,
    request::{check_bounds, check_labels, unique},
};
use crate::{
    IdempotencyKey, Store, StoreError, db, detectors,
    entities::{dataset_versions, jobs, projects, versions},
    scope,
};

/// A row that waits for a runner.
fn queued(store: &Store, permit: &Permit, project: ProjectId, kind: JobKind) -> jobs::ActiveModel {
    let now = store.now();
    jobs::ActiveModel {
        id: Set(JobId::new(now).0),
        project_id: Set(project.0),
        kind: Set(kind.number()),
        status: Set(JobStatus::Queued.number()),
        attempt: Set(0),
        not_before: Set(store.lease_now().micros()),
        cancel_requested: Set(false),
        progress: Set(0.0),
        created_by: Set(permit.user().0),
        created_at: Set(now.micros()),
        ..Default::default()
    }
}

/// The same row, which says what asked for it.
pub(super) fn caused(row: jobs::ActiveModel, cause: Cause) -> jobs::ActiveModel {
    jobs::ActiveModel {
        sweep_id: Set(cause.sweep.map(|id| id.0)),
        schedule_id: Set(cause.schedule.map(|id| id.0)),
        ..row
    }
}

/// What the audit and idempotency keys call it.
pub(super) const fn operation(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Train => "trainModel",
        JobKind::Predict => "predict",
        JobKind::Evaluate => "evaluate",
    }
}

impl Store {
    /// Queues a training. What would fail for sure is refused now.
    ///
    /// # Errors
    /// Problems: `NOT_FOUND` at `detector` or `dataset`, those of the hyperparameters, `TOO_FEW_ROWS`,
    /// `NO_FEATURES`, `MISSING_VALUES`.
    pub async fn train_model(
        &self,
        permit: &Permit,
        request: &TrainRequest,
        key: Option<&IdempotencyKey>,
    ) -> Result<JobRecord, StoreError> {
        scope::require(permit, Action::Train)?;
        request.check()?;
        let txn = self.0.db.begin().await?;
        if let Some(id) = self.replayed(&txn, permit, "trainModel", key).await? {
            return self.job_in(&txn, id.into()).await;
        }
        let row = self.new_training(&txn, permit, request).await?;
        self.submit(txn, permit, row, "trainModel", key).await
    }

    /// Queues a training inside the transaction that caused it: a sweep's next round, a schedule. What would fail for
    /// sure is refused now. To be told to the bus ([`Store::job_changed`], [`Store::job_queued`]) once the transaction is committed.
    ///
    /// # Errors
    /// Those of [`Store::train_model`].
    pub(crate) async fn queue_training(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        request: &TrainRequest,
        cause: Cause,
    ) -> Result<JobRecord, StoreError> {
        scope::require(permit, Action::Train)?;
        request.check()?;
        let row = self.new_training(txn, permit, request).await?;
        self.insert_job(txn, permit, caused(row, cause), "trainModel").await
    }

    pub(super) async fn new_training(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        request: &TrainRequest,
    ) -> Result<jobs::ActiveModel, StoreError> {
        let project = scope::project_of(permit)?;
        let detector = detectors::find(txn, &request.detector, request.detector_version.as_deref()).await?;
        let detector = detector.ok_or_else(|| unknown_detector(request))?;
        let settings = hyperparameters::resolve(&detector.hyperparameter_schema, &request.hyperparameters)
            .map_err(StoreError::Invalid)?;
        let dataset = checks::dataset(txn, request.dataset, project.1).await?;
        checks::trainable(&dataset, &checks::columns(&dataset)?, &settings)?;

        let model = self.ensure_model(txn, project, &request.model, permit.user()).await?;
        Ok(jobs::ActiveModel {
            priority: Set(request.priority),
            max_attempts: Set(request.max_attempts),
            detector_name: Set(detector.name),
            detector_version: Set(detector.version),
            hyperparameters: Set(settings.to_string()),
            seed: Set(request.seed),
            tags: Set(json!(request.tags).to_string()),
            labels: Set(json!(unique(&request.labels)).to_string()),
            model_id: Set(Some(model.0)),
            dataset_version_id: Set(dataset.id),
            ..queued(self, permit, project.1, JobKind::Train)
        })
    }

    /// The permit to apply a version: in the project that the version belongs to.
    ///
    /// # Errors
    /// `NotFound` where the actor does not see the version, [`StoreError::Denied`] where it may only look.
    pub async fn predict_permit(&self, actor: &Actor, version: VersionId) -> Result<Permit, StoreError> {
        let db = self.0.db.read();
        let version = visible_version(self, db, actor, version).await?.ok_or(StoreError::NotFound("version"))?;
        let project = project_id(db, version.project_row).await?;
        self.project_permit(actor, Action::Predict, project).await
    }

    /// Queues the scoring of a dataset; the scores are kept.
    ///
    /// # Errors
    /// Problems: `NOT_FOUND` at `version` or `dataset`, `NOT_APPLICABLE`, `INPUT_SCHEMA`, `MISSING_VALUES`.
    pub async fn predict(
        &self,
        permit: &Permit,
        request: &ApplyRequest,
        key: Option<&IdempotencyKey>,
    ) -> Result<JobRecord, StoreError> {
        self.apply(permit, request, JobKind::Predict, key).await
    }

    /// Queues the scoring of a labelled dataset, of which only the metrics and figures are kept.
    ///
    /// # Errors
    /// Those of [`Store::predict`], and `NO_LABELS`, `ONE_CLASS`.
    pub async fn evaluate(
        &self,
        permit: &Permit,
        request: &ApplyRequest,
        key: Option<&IdempotencyKey>,
    ) -> Result<JobRecord, StoreError> {
        self.apply(permit, request, JobKind::Evaluate, key).await
    }

    async fn apply(
        &self,
        permit: &Permit,
        request: &ApplyRequest,
        kind: JobKind,
        key: Option<&IdempotencyKey>,
    ) -> Result<JobRecord, StoreError> {
        scope::require(permit, Action::Predict)?;
        check_bounds(request.priority, request.max_attempts)?;
        let operation = operation(kind);
        let txn = self.0.db.begin().await?;
        if let Some(id) = self.replayed(&txn, permit, operation, key).await? {
            return self.job_in(&txn, id.into()).await;
        }
        let row = self.new_application(&txn, permit, request, kind).await?;
        self.submit(txn, permit, row, operation, key).await
    }

    pub(super) async fn new_application(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        request: &ApplyRequest,
        kind: JobKind,
    ) -> Result<jobs::ActiveModel, StoreError> {
        check_labels(&request.labels)?;
        let (project_row, project) = scope::project_of(permit)?;
        let version = visible_version(self, txn, permit.actor(), request.version).await?;
        let version = version.filter(|version| version.project_row == project_row);
        let version = version
            .ok_or_else(|| Problem::new("NOT_FOUND", "there is no such version in this project").at("version"))?;
        let (detector_name, made_by) = applicable(&version)?;
        // A runner that was upgraded since still reads the version's file.
        let detector_version = detectors::reader_of(txn, &detector_name, made_by).await?;
        let dataset = checks::dataset(txn, request.dataset, project).await?;
        check_rows(&version, &dataset, kind)?;

        Ok(jobs::ActiveModel {
            priority: Set(request.priority),
            max_attempts: Set(request.max_attempts),
            detector_name: Set(detector_name),
            detector_version: Set(detector_version),
            hyperparameters: Set("null".to_owned()),
            seed: Set(0),
            tags: Set("[]".to_owned()),
            labels: Set(json!(unique(&request.labels)).to_string()),
            model_id: Set(Some(version.model_id)),
            version_row: Set(Some(version.row_id)),
            dataset_version_id: Set(dataset.id),
            ..queued(self, permit, project, kind)
        })
    }

    async fn submit(
        &self,
        txn: DatabaseTransaction,
        permit: &Permit,
        row: jobs::ActiveModel,
        operation: &str,
        key: Option<&IdempotencyKey>,
    ) -> Result<JobRecord, StoreError> {
        let job = self.insert_job(&txn, permit, row, operation).await?;
        self.remember(&txn, permit, operation, key, job.id.0).await?;
        txn.commit().await?;
        self.job_changed(job.id, job.project);
        self.job_queued(job.project);
        Ok(job)
    }

    pub(super) async fn insert_job(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        row: jobs::ActiveModel,
        operation: &str,
    ) -> Result<JobRecord, StoreError> {
        let row = row.insert(txn).await?;
        let id = JobId(row.id);
        let job = self.job_in(txn, id).await?;
        for label in &job.labels {
            let text = "INSERT INTO job_labels (job_id, label) VALUES ($1, $2)";
            txn.execute_raw(db::sql(txn, text, vec![row.id.into(), label.as_str().into()])).await?;
        }
        let detail = json!({"operation": operation, "dataset": DatasetVersionId(row.dataset_version_id)});
        self.audit(txn, permit, id, detail).await?;
        Ok(job)
    }
}

fn unknown_detector(request: &TrainRequest) -> Problem {
    let (name, message) = match &request.detector_version {
        None => ("detector", format!("no runner has registered a detector `{}`", request.detector)),
        Some(version) => {
            let message = format!("no runner has registered version {version} of a detector `{}`", request.detector);
            ("detectorVersion", message)
        }
    };
    Problem::new("NOT_FOUND", message).at(name)
}

/// What made the version, where it can be applied to data.
fn applicable(version: &versions::Model) -> Result<(String, String), Problem> {
    let refuse = |message: &str| Err(Problem::new("NOT_APPLICABLE", message).at("version"));
    if version.status != VersionStatus::Ready.number() {
        return refuse("this version is not ready: its file has not been stored yet");
    }
    if version.artifact_sha256.is_none() {
        return refuse("this version has no file to apply");
    }
    match (&version.detector_name, &version.detector_version) {
        (Some(name), Some(number)) => Ok((name.clone(), number.clone())),
        _ => refuse("this version was not made by a detector that runners know"),
    }
}

fn check_rows(version: &versions::Model, dataset: &dataset_versions::Model, kind: JobKind) -> Result<(), StoreError> {
    checks::scorable(dataset)?;
    if let Some(input_schema) = &version.input_schema {
        checks::matches_schema(input_schema, dataset, &checks::columns(dataset)?)?;
    }
    if kind == JobKind::Evaluate {
        checks::labelled(dataset)?;
    }
    Ok(())
}

async fn visible_version(
    store: &Store,
    db: &impl ConnectionTrait,
    actor: &Actor,
    id: VersionId,
) -> Result<Option<versions::Model>, StoreError> {
    use sea_orm::ColumnTrait;
    let seen = scope::versions_visible(store, actor);
    Ok(versions::Entity::find().filter(versions::Column::Id.eq(id.0)).filter(seen).one(db).await?)
}

async fn project_id(db: &impl ConnectionTrait, row: i64) -> Result<ProjectId, StoreError> {
    let project = projects::Entity::find_by_id(row).one(db).await?;
    project.map(|project| project.id.into()).ok_or(StoreError::NotFound("project"))
}
