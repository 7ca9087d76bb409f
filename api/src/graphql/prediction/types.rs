use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use nunatak_domain::{Problem, Special};
use nunatak_store::{
    StoreError,
    jobs::ReportedMetric,
    predictions::{PredictionRecord, ScoreQuery},
};

use super::{
    super::{
        context::ContextExt,
        dataset::DatasetVersion,
        error::ApiError,
        figure::{Figure, FiguresOfPrediction},
        job::Job,
        project::Project,
        scalars::{Int64, NonFinite},
        version::Version,
        viewer::User,
    },
    scores::{ScoreConnection, parse_cursor},
};

/// A measured value of a prediction.
#[derive(SimpleObject, Debug, Clone)]
pub struct PredictionMetric {
    /// `roc_auc`, `average_precision`…
    pub key: String,
    /// Null where it is no finite number: then `special` says which.
    pub value: Option<f64>,
    /// NaN or an infinity.
    pub special: Option<NonFinite>,
    /// 0 unless it was measured in steps.
    pub step: Int64,
}

impl From<&ReportedMetric> for PredictionMetric {
    fn from(metric: &ReportedMetric) -> Self {
        Self {
            key: metric.key.to_string(),
            value: Some(metric.value).filter(|value| value.is_finite()),
            special: Special::of(metric.value).map(Into::into),
            step: Int64(metric.step),
        }
    }
}

/// A version applied to a dataset: a score for each row, or (an evaluation) metrics only.
#[derive(Debug, Clone)]
pub struct Prediction(pub PredictionRecord);

impl From<PredictionRecord> for Prediction {
    fn from(record: PredictionRecord) -> Self {
        Self(record)
    }
}

/// A version applied to a dataset: a score for each row, or (an evaluation) metrics only.
#[Object]
impl Prediction {
    /// `prd_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The project that it belongs to.
    async fn project(&self, ctx: &Context<'_>) -> Result<Option<Project>, ApiError> {
        Ok(ctx.load(self.0.project).await?.map(Project::from))
    }

    /// The version that was applied.
    async fn version(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        Ok(ctx.load(self.0.version).await?.map(Version::from))
    }

    /// The rows that it was applied to.
    async fn dataset_version(&self, ctx: &Context<'_>) -> Result<Option<DatasetVersion>, ApiError> {
        Ok(ctx.load(self.0.dataset_version).await?.map(DatasetVersion::from))
    }

    /// The job that made it.
    async fn job(&self, ctx: &Context<'_>) -> Result<Option<Job>, ApiError> {
        Ok(ctx.load(self.0.job).await?.map(Job::from))
    }

    /// How many rows there are.
    async fn row_count(&self) -> Int64 {
        Int64(self.0.row_count)
    }

    /// How many of them are anomalies.
    async fn anomaly_count(&self) -> Int64 {
        Int64(self.0.anomaly_count)
    }

    /// A row is an anomaly when its score is greater.
    async fn threshold(&self) -> f64 {
        self.0.threshold
    }

    /// How well the scores agree with the labels, where the dataset has some.
    async fn metrics(&self) -> Vec<PredictionMetric> {
        self.0.metrics.iter().map(Into::into).collect()
    }

    /// Plots of the scores, in the runner's order.
    async fn figures(&self, ctx: &Context<'_>) -> Result<Vec<Figure>, ApiError> {
        let figures = ctx.load(FiguresOfPrediction(self.0.id)).await?.unwrap_or_default();
        Ok(figures.into_iter().map(Figure::from).collect())
    }

    /// Who asked for it.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.created_by).await?.map(User::from))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// Where to download all scores as safetensors: `score` (f64) and `label` (u8). Null for an evaluation.
    async fn scores_url(&self) -> Option<String> {
        self.0.scores.as_ref().map(|_| format!("/predictions/{}/scores", self.0.id))
    }

    /// Where to download all scores as CSV. Null for an evaluation.
    async fn csv_url(&self) -> Option<String> {
        self.0.scores.as_ref().map(|_| format!("/predictions/{}/scores.csv", self.0.id))
    }

    /// The scores in the dataset's order. Null for an evaluation, which keeps none.
    #[graphql(complexity = "usize::try_from(first).unwrap_or(0).min(1000) / 20 * child_complexity + 1")]
    async fn scores(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 1000.", default = 100)] first: i32,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "The first row wanted, counted from 0.")] from: Option<Int64>,
        #[graphql(desc = "The row to stop before.")] to: Option<Int64>,
        #[graphql(desc = "Leave out rows with label 0.", default)] only_anomalies: bool,
    ) -> Result<Option<ScoreConnection>, ApiError> {
        if self.0.scores.is_none() {
            return Ok(None);
        }
        let after = parse_cursor(after.as_ref())?;
        let limit = usize::try_from(first).map_err(|_| {
            StoreError::from(Problem::new("LIMIT_EXCEEDED", "one call gives 1 to 1000 scores").at("first"))
        })?;
        let query = ScoreQuery { limit, after, from: from.map(|row| row.0), to: to.map(|row| row.0), only_anomalies };
        let page = ctx.store().scores(ctx.actor(), self.0.id, query).await?;
        Ok(Some(ScoreConnection::new(page, after)))
    }
}
