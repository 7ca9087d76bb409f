use async_graphql::{Context, Enum, ID, Json, Object, SimpleObject, connection::Connection};
use chrono::{DateTime, Utc};
use nunatak_store::jobs::{JobError as StoreJobError, JobRecord};
use serde_json::Value;

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::ContextExt,
        dataset::DatasetVersion,
        detector::{Detector, DetectorNamed},
        error::ApiError,
        model::Model,
        prediction::{Prediction, PredictionOfJob},
        project::Project,
        runner::Runner,
        scalars::Int64,
        version::Version,
        viewer::User,
    },
    details::{JobAttempt, JobLogLine, JobMetric},
    loaders::{AttemptsOf, LiveMetricsOf},
};

/// What a job is to do.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::JobKind")]
pub enum JobKind {
    /// Fit a detector to a dataset: makes a version.
    Train,
    /// Score a dataset with a version: makes a prediction with a score for each row.
    Predict,
    /// Score a labelled dataset with a version: makes a prediction with metrics only.
    Evaluate,
}

/// How far a job is.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::JobStatus")]
pub enum JobStatus {
    /// It waits for a runner, or out the pause after a failure.
    Queued,
    /// A runner is at work on it.
    Running,
    /// Its result is there.
    Succeeded,
    /// It failed for good; `error` says why.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

/// Why the last attempt at a job failed.
#[derive(SimpleObject, Debug, Clone)]
pub struct JobError {
    /// Upper snake case: `INPUT_SCHEMA`, `NUMERIC`, `LEASE_EXPIRED`…
    pub code: String,
    /// A sentence that says what to do.
    pub message: String,
    /// Another attempt could succeed.
    pub retryable: bool,
}

impl From<StoreJobError> for JobError {
    fn from(error: StoreJobError) -> Self {
        Self { code: error.code, message: error.message, retryable: error.retryable }
    }
}

/// One training, prediction or evaluation that was asked for. Runners carry it out.
#[derive(Debug, Clone)]
pub struct Job(pub JobRecord);

impl From<JobRecord> for Job {
    fn from(record: JobRecord) -> Self {
        Self(record)
    }
}

/// One training, prediction or evaluation that was asked for. Runners carry it out.
#[Object]
impl Job {
    /// `job_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What it is to do.
    async fn kind(&self) -> JobKind {
        self.0.kind.into()
    }

    /// How far it is.
    async fn status(&self) -> JobStatus {
        self.0.status.into()
    }

    /// The project that it belongs to.
    async fn project(&self, ctx: &Context<'_>) -> Result<Option<Project>, ApiError> {
        Ok(ctx.load(self.0.project).await?.map(Project::from))
    }

    /// The model that gets a version by it, or whose version it applies.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>, ApiError> {
        let Some(model) = self.0.model else { return Ok(None) };
        Ok(ctx.load(model).await?.map(Model::from))
    }

    /// The detector that it needs.
    async fn detector(&self, ctx: &Context<'_>) -> Result<Option<Detector>, ApiError> {
        let key = DetectorNamed(self.0.detector_name.clone(), self.0.detector_version.clone());
        Ok(ctx.load(key).await?.map(Detector::from))
    }

    /// The name of the detector that it needs.
    async fn detector_name(&self) -> &str {
        &self.0.detector_name
    }

    /// The version of the detector that it needs.
    async fn detector_version(&self) -> &str {
        &self.0.detector_version
    }

    /// All hyperparameters of a training, defaults filled in; null for predictions and evaluations.
    async fn hyperparameters(&self) -> Option<Json<Value>> {
        self.0.hyperparameters.clone().map(Json)
    }

    /// The seed of a training: the same seed, data and detector give the same model, bit for bit.
    async fn seed(&self) -> Int64 {
        Int64(self.0.seed)
    }

    /// The names of the tags that the version of a training gets.
    async fn tags(&self) -> &[String] {
        &self.0.tags
    }

    /// Higher goes first, among jobs that wait; of equal ones those of the project for which the fewest run.
    async fn priority(&self) -> i32 {
        self.0.priority
    }

    /// Only a runner that has all of these labels gets it.
    async fn labels(&self) -> &[String] {
        &self.0.labels
    }

    /// The rows that it reads.
    async fn dataset_version(&self, ctx: &Context<'_>) -> Result<Option<DatasetVersion>, ApiError> {
        Ok(ctx.load(self.0.dataset_version).await?.map(DatasetVersion::from))
    }

    /// Made by a training once it has succeeded; applied by a prediction or evaluation.
    async fn version(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        let Some(version) = self.0.version else { return Ok(None) };
        Ok(ctx.load(version).await?.map(Version::from))
    }

    /// What a prediction or evaluation made.
    async fn prediction(&self, ctx: &Context<'_>) -> Result<Option<Prediction>, ApiError> {
        Ok(ctx.load(PredictionOfJob(self.0.id)).await?.map(Prediction::from))
    }

    /// How often a runner has begun it.
    async fn attempt(&self) -> i32 {
        self.0.attempt
    }

    /// After how many attempts it fails for good.
    async fn max_attempts(&self) -> i32 {
        self.0.max_attempts
    }

    /// What became of each attempt, the first one first: with a job that is given up, the reasons of all.
    async fn attempts(&self, ctx: &Context<'_>) -> Result<Vec<JobAttempt>, ApiError> {
        let attempts = ctx.load(AttemptsOf(self.0.id)).await?.unwrap_or_default();
        Ok(attempts.into_iter().map(JobAttempt).collect())
    }

    /// What its runners wrote to the log, the first line first; `last` gives the newest. At most 10,000 lines of an
    /// attempt are kept.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what this attempt wrote.")] attempt: Option<i32>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, JobLogLine>, ApiError> {
        let page = page_request(first, after, last, before)?;
        Ok(connection(ctx.store().job_log(ctx.actor(), self.0.id, attempt, &page).await?, JobLogLine))
    }

    /// What the last attempt has measured so far, by key and step: of more values than asked for, those of the latest
    /// steps.
    async fn metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 200, validator(minimum = 1, maximum = 1000), desc = "How many values, 1 to 1000.")]
        max_points: i32,
    ) -> Result<Vec<JobMetric>, ApiError> {
        let metrics = ctx.load(LiveMetricsOf(self.0.id, max_points)).await?.unwrap_or_default();
        Ok(metrics.into_iter().map(JobMetric).collect())
    }

    /// From 0 to 1.
    async fn progress(&self) -> f64 {
        self.0.progress
    }

    /// What the runner last said that it is doing.
    async fn progress_message(&self) -> Option<&str> {
        self.0.progress_message.as_deref()
    }

    /// Why the last attempt failed; there may be another one to come.
    async fn error(&self) -> Option<JobError> {
        self.0.error.clone().map(JobError::from)
    }

    /// The runner that has it or had it last.
    async fn runner(&self, ctx: &Context<'_>) -> Result<Option<Runner>, ApiError> {
        let Some(runner) = self.0.runner else { return Ok(None) };
        Ok(ctx.load(runner).await?.map(Runner::from))
    }

    /// Somebody wants it to stop; the runner ends it soon.
    async fn cancel_requested(&self) -> bool {
        self.0.cancel_requested
    }

    /// Who asked for it.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.created_by).await?.map(User::from))
    }

    /// When it was asked for.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// When a runner first began it.
    async fn started_at(&self) -> Option<DateTime<Utc>> {
        self.0.started_at.map(|at| at.to_utc())
    }

    /// When it ended.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at.map(|at| at.to_utc())
    }
}
