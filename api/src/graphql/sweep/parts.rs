use async_graphql::{Context, Json, Object, SimpleObject};
use chrono::{DateTime, Utc};
use nunatak_store::sweeps::{Progress, PromotionRecord, SweepRecord, Target};
use serde_json::Value;

use super::super::{context::ContextExt, dataset::DatasetVersion, error::ApiError, model::Model, version::Version};

/// Why a sweep ended other than with all of its trials.
#[derive(SimpleObject, Debug)]
pub struct SweepReason {
    /// `GOAL`, `NO_IMPROVEMENT`, `BUDGET`, `CANCELLED`, `FAILURES`, `ALL_FAILED`, `NO_METRIC` or `FORBIDDEN`.
    pub code: String,
    /// A sentence.
    pub message: String,
}

/// How many trials of a sweep are in which state.
#[derive(SimpleObject, Debug)]
pub struct SweepProgress {
    /// All that there will have been, should none fail.
    pub total: i32,
    /// Those whose turn will come.
    pub planned: i32,
    /// Those that wait for a runner.
    pub queued: i32,
    /// Those that a runner is at work on.
    pub running: i32,
    /// Those that made a version.
    pub succeeded: i32,
    /// Those that failed for good.
    pub failed: i32,
    /// Those that were stopped.
    pub cancelled: i32,
    /// Those that were not begun because the sweep ended.
    pub skipped: i32,
}

/// How many trials get how much of the resource, on each data set.
#[derive(SimpleObject, Debug)]
pub struct SweepRung {
    /// How many trials, should enough of the rung before have a score.
    pub trials: i32,
    /// What the resource is set to; null without successive halving.
    pub resource: Option<f64>,
}

/// A detector of a sweep.
#[derive(SimpleObject, Debug)]
pub struct SweepDetector {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// What all of its trials have in common.
    pub hyperparameters: Option<Json<Value>>,
    /// What differs between them.
    pub space: Option<Json<Value>>,
}

impl SweepProgress {
    pub(super) fn new(sweep: &SweepRecord, progress: Progress) -> Self {
        let small = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
        // Rungs that are to come have no trials yet.
        let to_come = (i64::from(sweep.plan.total) - progress.known()).max(0);
        let to_come = if sweep.finished_at.is_none() && sweep.ending.is_none() { to_come } else { 0 };
        Self {
            total: small(progress.known() + to_come),
            planned: small(progress.planned + to_come),
            queued: small(progress.queued),
            running: small(progress.running),
            succeeded: small(progress.succeeded),
            failed: small(progress.failed),
            cancelled: small(progress.cancelled),
            skipped: small(progress.skipped),
        }
    }
}

/// What came of the rule of promotion for one model.
#[derive(Debug)]
pub struct SweepPromotion(pub(super) PromotionRecord);

/// What came of the rule of promotion for one model.
#[Object]
impl SweepPromotion {
    /// The model.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>, ApiError> {
        Ok(ctx.load(self.0.model).await?.map(Model::from))
    }

    /// Its best version of this sweep at that moment.
    async fn version(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        Ok(ctx.load(self.0.version).await?.map(Version::from))
    }

    /// The alias.
    async fn alias(&self) -> &str {
        &self.0.alias
    }

    /// Whether the version got it.
    async fn promoted(&self) -> bool {
        self.0.promoted
    }

    /// Why, as in the alias's history; or why not.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// When that was decided.
    async fn at(&self) -> DateTime<Utc> {
        self.0.moment().to_utc()
    }
}

/// A data set of a sweep.
#[derive(Debug)]
pub struct SweepDataset(pub(super) Target);

/// A data set of a sweep.
#[Object]
impl SweepDataset {
    /// The rows.
    async fn dataset_version(&self, ctx: &Context<'_>) -> Result<Option<DatasetVersion>, ApiError> {
        Ok(ctx.load(self.0.dataset).await?.map(DatasetVersion::from))
    }

    /// The name of the model that gets the versions that are trained on it.
    async fn model_name(&self) -> &str {
        &self.0.model
    }
}
