use std::collections::BTreeSet;

use nunatak_authz::{Action, Actor, Permit};
use nunatak_domain::{
    DatasetVersionId, JobId, JobKind, JobStatus, Name, Problem, ProjectId, ScheduleId, SweepId, VersionId,
    VersionStatus,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::{JobRecord, checks, hyperparameters};
use crate::{
    IdempotencyKey, Store, StoreError, db, detectors,
    entities::{dataset_versions, jobs, projects, versions},
    runners::{MAX_LABEL_CHARS, MAX_LABELS},
    scope,
};

/// What to train, on what.
#[derive(Debug, Clone)]
pub struct TrainRequest {
    /// The model to add a version to; made where it is missing.
    pub model: Name,
    pub detector: String,
    /// The newest registered where none is given.
    pub detector_version: Option<String>,
    /// A JSON object, or null for the defaults.
    pub hyperparameters: Value,
    pub dataset: DatasetVersionId,
    pub seed: i64,
    pub tags: Vec<Name>,
    /// Only a runner that has all of these gets it.
    pub labels: Vec<String>,
    /// Higher goes first; -100 to 100.
    pub priority: i32,
    /// 1 to 10.
    pub max_attempts: i32,
}

/// Which version to apply to which rows: for a prediction or an evaluation.
#[derive(Debug, Clone)]
pub struct ApplyRequest {
    pub version: VersionId,
    pub dataset: DatasetVersionId,
    /// Only a runner that has all of these gets it.
    pub labels: Vec<String>,
    pub priority: i32,
    pub max_attempts: i32,
}

/// What asked for a job by itself; nothing where a person did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cause {
    pub sweep: Option<SweepId>,
    pub schedule: Option<ScheduleId>,
}

/// Crashes and restarts of runners are survived; a job that kills its runner each time is not tried for ever.
pub(super) const DEFAULT_ATTEMPTS: i32 = 3;
const MAX_ATTEMPTS: i32 = 10;
const MAX_PRIORITY: i32 = 100;
const MAX_TAGS: usize = 20;

impl TrainRequest {
    /// With all that may be left out at its default.
    #[must_use]
    pub fn new(model: Name, detector: impl Into<String>, dataset: DatasetVersionId) -> Self {
        Self {
            model,
            detector: detector.into(),
            detector_version: None,
            hyperparameters: Value::Null,
            dataset,
            seed: 0,
            tags: Vec::new(),
            labels: Vec::new(),
            priority: 0,
            max_attempts: DEFAULT_ATTEMPTS,
        }
    }

    fn check(&self) -> Result<(), Problem> {
        check_bounds(self.priority, self.max_attempts)?;
        check_labels(&self.labels)?;
        if self.tags.len() > MAX_TAGS {
            return Err(Problem::new("LIMIT_EXCEEDED", "a version has at most 20 tags").at("tags"));
        }
        Ok(())
    }
}

impl ApplyRequest {
    /// With all that may be left out at its default.
    #[must_use]
    pub fn new(version: VersionId, dataset: DatasetVersionId) -> Self {
        Self { version, dataset, labels: Vec::new(), priority: 0, max_attempts: DEFAULT_ATTEMPTS }
    }
}

fn check_bounds(priority: i32, max_attempts: i32) -> Result<(), Problem> {
    if !(-MAX_PRIORITY..=MAX_PRIORITY).contains(&priority) {
        return Err(Problem::new("OUT_OF_RANGE", "a priority is from -100 to 100").at("priority"));
    }
    if !(1..=MAX_ATTEMPTS).contains(&max_attempts) {
        return Err(Problem::new("OUT_OF_RANGE", "a job has 1 to 10 attempts").at("maxAttempts"));
    }
    Ok(())
}

fn check_labels(labels: &[String]) -> Result<(), Problem> {
    let bad = |label: &String| label.is_empty() || label.chars().count() > MAX_LABEL_CHARS || label.contains('\0');
    if labels.len() > MAX_LABELS || labels.iter().any(bad) {
        return Err(
            Problem::new("INVALID_INPUT", "a job asks for at most 20 labels of 1 to 60 characters").at("labels")
        );
    }
    Ok(())
}

/// Each once, in order.
fn unique(labels: &[String]) -> BTreeSet<&str> {
    labels.iter().map(String::as_str).collect()
}

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
    #[expect(dead_code, reason = "what queues trainings by itself comes next")]
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
        let row = jobs::ActiveModel {
            sweep_id: Set(cause.sweep.map(|id| id.0)),
            schedule_id: Set(cause.schedule.map(|id| id.0)),
            ..row
        };
        self.insert_job(txn, permit, row, "trainModel").await
    }

    async fn new_training(
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
        let (project_row, project) = scope::project_of(permit)?;
        check_bounds(request.priority, request.max_attempts)?;
        check_labels(&request.labels)?;
        let operation = if kind == JobKind::Evaluate { "evaluate" } else { "predict" };
        let txn = self.0.db.begin().await?;
        if let Some(id) = self.replayed(&txn, permit, operation, key).await? {
            return self.job_in(&txn, id.into()).await;
        }
        let version = visible_version(self, &txn, permit.actor(), request.version).await?;
        let version = version.filter(|version| version.project_row == project_row);
        let version = version
            .ok_or_else(|| Problem::new("NOT_FOUND", "there is no such version in this project").at("version"))?;
        let (detector_name, made_by) = applicable(&version)?;
        // A runner that was upgraded since still reads the version's file.
        let detector_version = detectors::reader_of(&txn, &detector_name, made_by).await?;
        let dataset = checks::dataset(&txn, request.dataset, project).await?;
        check_rows(&version, &dataset, kind)?;

        let row = jobs::ActiveModel {
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
        };
        self.submit(txn, permit, row, operation, key).await
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

    async fn insert_job(
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
