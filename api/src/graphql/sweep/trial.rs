use std::sync::Arc;

use async_graphql::{Context, Enum, Json, Object, SimpleObject};
use nunatak_store::sweeps::{SweepRecord, TrialError, TrialOrder, TrialRecord};
use serde_json::Value;

use super::super::{context::ContextExt, dataset::DatasetVersion, error::ApiError, job::Job, version::Version};

/// How far a trial is.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::TrialStatus")]
pub enum TrialStatus {
    /// Its turn will come.
    Planned,
    /// Its job waits for a runner.
    Queued,
    /// A runner is at work on it.
    Running,
    /// Its version is there.
    Succeeded,
    /// It failed for good; `error` says why.
    Failed,
    /// It was stopped: by hand, or with the sweep.
    Cancelled,
    /// The sweep ended before its turn.
    Skipped,
}

/// In which order trials are listed.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepTrialOrder {
    /// Data set by data set, the best first; those without a score last.
    Score,
    /// As they are begun.
    Number,
}

impl From<SweepTrialOrder> for TrialOrder {
    fn from(order: SweepTrialOrder) -> Self {
        match order {
            SweepTrialOrder::Score => Self::Score,
            SweepTrialOrder::Number => Self::Number,
        }
    }
}

/// Why a trial failed.
#[derive(SimpleObject, Debug, Clone)]
pub struct SweepTrialError {
    /// Upper snake case: `NUMERIC`, `MISSING_VALUES`…
    pub code: String,
    /// A sentence that says what to do.
    pub message: String,
}

impl From<TrialError> for SweepTrialError {
    fn from(error: TrialError) -> Self {
        Self { code: error.code, message: error.message }
    }
}

/// One training of a sweep, done or to be done.
#[derive(Debug, Clone)]
pub struct SweepTrial {
    sweep: Arc<SweepRecord>,
    record: TrialRecord,
}

impl SweepTrial {
    pub(super) const fn new(sweep: Arc<SweepRecord>, record: TrialRecord) -> Self {
        Self { sweep, record }
    }
}

/// One training of a sweep, done or to be done.
#[Object]
impl SweepTrial {
    /// From 1, in the order of beginning.
    async fn number(&self) -> i32 {
        self.record.number
    }

    /// Trials of the same configuration differ in nothing but the data set and the resource.
    async fn configuration(&self) -> i32 {
        self.record.configuration
    }

    /// Of successive halving, from 0; else 0.
    async fn rung(&self) -> i32 {
        self.record.rung
    }

    /// 1 for the best on its data set; null as long as it has no score.
    async fn rank(&self) -> Option<i32> {
        self.record.rank.and_then(|rank| i32::try_from(rank).ok())
    }

    /// How far it is.
    async fn status(&self) -> TrialStatus {
        self.record.status.into()
    }

    /// The detector's name.
    async fn detector_name(&self) -> Option<&str> {
        self.sweep.plan.detectors.get(self.record.detector).map(|detector| detector.name.as_str())
    }

    /// The detector's version.
    async fn detector_version(&self) -> Option<&str> {
        self.sweep.plan.detectors.get(self.record.detector).and_then(|detector| detector.version.as_deref())
    }

    /// What the sweep chose: the hyperparameters in which trials differ. All of them are in `job`.
    async fn hyperparameters(&self) -> Json<&Value> {
        Json(&self.record.hyperparameters)
    }

    /// The rows that it is trained on.
    async fn dataset_version(&self, ctx: &Context<'_>) -> Result<Option<DatasetVersion>, ApiError> {
        let Some(target) = self.sweep.plan.targets.get(self.record.place) else { return Ok(None) };
        Ok(ctx.load(target.dataset).await?.map(DatasetVersion::from))
    }

    /// The last value of the sweep's metric when the training ended; null before, and where it is missing or NaN, which
    /// counts as the worst.
    async fn score(&self) -> Option<f64> {
        self.record.score
    }

    /// From when a runner first began it to its end.
    async fn seconds(&self) -> Option<f64> {
        self.record.seconds
    }

    /// Why it failed.
    async fn error(&self) -> Option<SweepTrialError> {
        self.record.error.clone().map(Into::into)
    }

    /// Its training; null before its turn.
    async fn job(&self, ctx: &Context<'_>) -> Result<Option<Job>, ApiError> {
        let Some(job) = self.record.job else { return Ok(None) };
        Ok(ctx.load(job).await?.map(Job::from))
    }

    /// What it made.
    async fn version(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        let Some(version) = self.record.version else { return Ok(None) };
        Ok(ctx.load(version).await?.map(Version::from))
    }
}
