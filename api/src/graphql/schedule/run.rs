use async_graphql::{Context, Enum, ID, Object, SimpleObject, Union};
use chrono::{DateTime, Utc};
use nunatak_domain::{DatasetVersionId, UserId};
use nunatak_store::schedules::{Aggregate, FiringCause as Cause, Reading, RunError, RunRecord};

use super::{
    super::{
        context::ContextExt, dataset::DatasetVersion, error::ApiError, job::Job, metric::MetricDirection,
        promotion::Promotion, scalars::Int64, version::Version, viewer::User,
    },
    Schedule,
    trigger::{MetricWindow, WindowAggregate},
};

/// How far a run is.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::RunState")]
pub enum ScheduleRunState {
    /// Its job is not over.
    Running,
    /// It has trained a version, which is being compared.
    Comparing,
    /// Its job has succeeded, and the comparison, if there is one, is over.
    Succeeded,
    /// Its job has failed, or was refused; `error` says why.
    Failed,
    /// Somebody cancelled its job.
    Cancelled,
    /// It was passed over, because the run before was not over.
    Skipped,
}

/// Why nothing came of a run.
#[derive(SimpleObject, Debug)]
pub struct ScheduleRunError {
    /// That of the job, or why none was queued: `OVERLAP`, `NOT_FOUND`, `MISSING_VALUES`…
    code: String,
    /// A sentence that says what to do.
    message: String,
}

impl From<RunError> for ScheduleRunError {
    fn from(error: RunError) -> Self {
        Self { code: error.code, message: error.message }
    }
}

/// One firing of a schedule.
#[derive(Debug, Clone)]
pub struct ScheduleRun(pub RunRecord);

impl From<RunRecord> for ScheduleRun {
    fn from(record: RunRecord) -> Self {
        Self(record)
    }
}

/// One firing of a schedule.
#[Object]
impl ScheduleRun {
    /// `run_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The schedule; null where it was deleted.
    async fn schedule(&self, ctx: &Context<'_>) -> Result<Option<Schedule>, ApiError> {
        Ok(ctx.load(self.0.schedule).await?.map(Schedule::from))
    }

    /// How far it is.
    async fn state(&self) -> ScheduleRunState {
        self.0.state.into()
    }

    /// Why it fired.
    async fn cause(&self) -> FiringCause {
        FiringCause::from(&self.0.cause)
    }

    /// How often in a row it was passed over; else 1.
    async fn times(&self) -> Int64 {
        Int64(self.0.times)
    }

    /// The job that it queued.
    async fn job(&self, ctx: &Context<'_>) -> Result<Option<Job>, ApiError> {
        let Some(job) = self.0.job else { return Ok(None) };
        Ok(ctx.load(job).await?.map(Job::from))
    }

    /// The comparison with the version that the alias names, after a training.
    async fn promotion(&self, ctx: &Context<'_>) -> Result<Option<Promotion>, ApiError> {
        let Some(promotion) = self.0.promotion else { return Ok(None) };
        Ok(ctx.load(promotion).await?.map(Promotion::from))
    }

    /// Why nothing came of it.
    async fn error(&self) -> Option<ScheduleRunError> {
        self.0.error.clone().map(ScheduleRunError::from)
    }

    /// When it fired; of those that were passed over, the first.
    async fn fired_at(&self) -> DateTime<Utc> {
        self.0.fired_at.to_utc()
    }

    /// When it was over; of those that were passed over, the last.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at.map(|at| at.to_utc())
    }
}

/// Why a schedule fired.
#[derive(Union, Debug)]
pub enum FiringCause {
    Cron(CronFiring),
    Dataset(DatasetVersionFiring),
    Metric(MetricFiring),
    Manual(ManualFiring),
}

impl From<&Cause> for FiringCause {
    fn from(cause: &Cause) -> Self {
        match cause {
            Cause::Cron(at) => Self::Cron(CronFiring { scheduled_at: at.to_utc() }),
            Cause::Dataset(version) => Self::Dataset(DatasetVersionFiring(*version)),
            Cause::Metric(reading) => Self::Metric(MetricFiring(reading.clone())),
            Cause::Manual(user) => Self::Manual(ManualFiring(*user)),
        }
    }
}

/// The clock.
#[derive(SimpleObject, Debug)]
pub struct CronFiring {
    /// The moment that the expression names: earlier than the firing where no server was there. Of several that were
    /// missed, the first.
    scheduled_at: DateTime<Utc>,
}

/// A new version of the dataset.
#[derive(Debug)]
pub struct DatasetVersionFiring(DatasetVersionId);

/// A new version of the dataset.
#[Object]
impl DatasetVersionFiring {
    /// Which one; of several that came while a run was at work, the newest.
    async fn dataset_version(&self, ctx: &Context<'_>) -> Result<Option<DatasetVersion>, ApiError> {
        Ok(ctx.load(self.0).await?.map(DatasetVersion::from))
    }
}

/// A metric that got worse than the threshold.
#[derive(Debug)]
pub struct MetricFiring(Reading);

/// A metric that got worse than the threshold.
#[Object]
impl MetricFiring {
    /// Of which version.
    async fn version(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        Ok(ctx.load(self.0.version).await?.map(Version::from))
    }

    /// The metric.
    async fn key(&self) -> &str {
        self.0.key.as_str()
    }

    /// The value; null where it was infinite.
    async fn value(&self) -> Option<f64> {
        Some(self.0.value).filter(|value| value.is_finite())
    }

    /// What it was worse than.
    async fn threshold(&self) -> f64 {
        self.0.threshold
    }

    /// Which end was good.
    async fn direction(&self) -> MetricDirection {
        self.0.direction.into()
    }

    /// Which values counted.
    async fn window(&self) -> MetricWindow {
        self.0.window.into()
    }

    /// What of them was compared.
    async fn aggregate(&self) -> WindowAggregate {
        Aggregate::into(self.0.aggregate)
    }

    /// How many values there were.
    async fn points(&self) -> i32 {
        i32::try_from(self.0.points).unwrap_or(i32::MAX)
    }
}

/// Somebody asked for it.
#[derive(Debug)]
pub struct ManualFiring(UserId);

/// Somebody asked for it.
#[Object]
impl ManualFiring {
    /// Who.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0).await?.map(User::from))
    }
}
