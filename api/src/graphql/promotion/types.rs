use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};
use nunatak_domain::PromotionState as State;
use nunatak_store::promotions::PromotionRecord;

use super::super::{
    context::ContextExt,
    dataset::DatasetVersion,
    error::ApiError,
    job::Job,
    metric::MetricDirection,
    model::Model,
    schedule::Schedule,
    version::{Version, VersionRow},
    viewer::User,
};

/// What became of a comparison.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::PromotionState")]
pub enum PromotionState {
    /// Evaluations are awaited.
    Comparing,
    /// The alias moved to the candidate.
    Promoted,
    /// The alias stayed where it was.
    Kept,
}

/// A version compared with the one that an alias names, on the same rows; the alias moves if it is better.
#[derive(Debug, Clone)]
pub struct Promotion(pub PromotionRecord);

impl From<PromotionRecord> for Promotion {
    fn from(record: PromotionRecord) -> Self {
        Self(record)
    }
}

/// A version compared with the one that an alias names, on the same rows; the alias moves if it is better.
#[Object]
impl Promotion {
    /// `prm_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What became of it.
    async fn state(&self) -> PromotionState {
        self.0.state.into()
    }

    /// Why, as a sentence.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The model whose alias it is.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>, ApiError> {
        Ok(ctx.load(self.0.model).await?.map(Model::from))
    }

    /// The alias.
    async fn alias(&self) -> &str {
        self.0.alias.as_str()
    }

    /// The new version.
    async fn candidate(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        Ok(ctx.load(VersionRow(self.0.candidate_row)).await?.map(Version::from))
    }

    /// The version that the alias named when it was decided, or names; null where it named none, or where you may
    /// not see that version.
    async fn incumbent(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        let Some(row) = self.0.incumbent_row else { return Ok(None) };
        Ok(ctx.load(VersionRow(row)).await?.map(Version::from))
    }

    /// The metric by which they are compared.
    async fn metric(&self) -> &str {
        self.0.metric.as_str()
    }

    /// Which end of it is good.
    async fn direction(&self) -> MetricDirection {
        self.0.direction.into()
    }

    /// By how much the candidate must be better at least.
    async fn min_improvement(&self) -> f64 {
        self.0.min_improvement
    }

    /// The rows on which both are measured.
    async fn dataset_version(&self, ctx: &Context<'_>) -> Result<Option<DatasetVersion>, ApiError> {
        Ok(ctx.load(self.0.dataset_version).await?.map(DatasetVersion::from))
    }

    /// Whether evaluations are compared; else what the two trainings reported.
    async fn evaluated(&self) -> bool {
        self.0.evaluated
    }

    /// What was measured of the candidate; null where nothing was, or no finite number.
    async fn candidate_value(&self) -> Option<f64> {
        Some(self.0.candidate_value).filter(|value| value.is_finite())
    }

    /// What was measured of the incumbent; null where nothing was, or no finite number.
    async fn incumbent_value(&self) -> Option<f64> {
        Some(self.0.incumbent_value).filter(|value| value.is_finite())
    }

    /// The evaluation of the candidate that was queued for it; null where there was one already, or need of none.
    async fn candidate_job(&self, ctx: &Context<'_>) -> Result<Option<Job>, ApiError> {
        let Some(job) = self.0.candidate_job else { return Ok(None) };
        Ok(ctx.load(job).await?.map(Job::from))
    }

    /// The evaluation of the incumbent that was queued for it; null where there was one already, or need of none.
    async fn incumbent_job(&self, ctx: &Context<'_>) -> Result<Option<Job>, ApiError> {
        let Some(job) = self.0.incumbent_job else { return Ok(None) };
        Ok(ctx.load(job).await?.map(Job::from))
    }

    /// How often the alias was moved by somebody else meanwhile; each time it was compared anew.
    async fn rounds(&self) -> i32 {
        self.0.rounds
    }

    /// The schedule that asked for it; null where a person did.
    async fn schedule(&self, ctx: &Context<'_>) -> Result<Option<Schedule>, ApiError> {
        let Some(schedule) = self.0.schedule else { return Ok(None) };
        Ok(ctx.load(schedule).await?.map(Schedule::from))
    }

    /// In whose name the alias moves.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.owner).await?.map(User::from))
    }

    /// When the comparison began.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// When it was decided.
    async fn decided_at(&self) -> Option<DateTime<Utc>> {
        self.0.decided_at.filter(|_| self.0.state != State::Comparing).map(|at| at.to_utc())
    }
}
