use async_graphql::{Context, Enum, ID, Json, Object};
use chrono::{DateTime, Utc};
use nunatak_store::detectors::DetectorRecord;
use serde_json::Value;

use super::super::{
    context::ContextExt,
    error::ApiError,
    runner::{Runner, RunnersOfDetector},
};

/// What rows a detector takes.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::InputKind")]
pub enum InputKind {
    /// Any table: each row stands for itself.
    Tabular,
    /// A table ordered by time: a row's neighbours count.
    Series,
}

/// One version of one anomaly detector, as its runners describe it.
#[derive(Debug, Clone)]
pub struct Detector(pub DetectorRecord);

impl From<DetectorRecord> for Detector {
    fn from(record: DetectorRecord) -> Self {
        Self(record)
    }
}

/// One version of one anomaly detector, as its runners describe it.
#[Object]
impl Detector {
    /// `det_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The word by which trainings ask for it, `isolation_forest`.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// `1.0.0`
    async fn version(&self) -> &str {
        &self.0.version
    }

    /// What people call it.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// One sentence on how it works.
    async fn summary(&self) -> &str {
        &self.0.summary
    }

    /// All there is to know: method, source, when to use it. Markdown.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// What rows it takes.
    async fn input_kind(&self) -> InputKind {
        self.0.input_kind.into()
    }

    /// The JSON Schema of its hyperparameters: an object whose properties have types, defaults, limits and
    /// descriptions. Trainings are checked against it.
    async fn hyperparameter_schema(&self) -> Json<Value> {
        Json(self.0.hyperparameter_schema.clone())
    }

    /// The runners that offer it. Without one that is online, its jobs wait.
    async fn runners(&self, ctx: &Context<'_>) -> Result<Vec<Runner>, ApiError> {
        let runners = ctx.load(RunnersOfDetector(self.0.id)).await?.unwrap_or_default();
        Ok(runners.into_iter().map(Runner::from).collect())
    }

    /// When a runner first offered it.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// When its description last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at.to_utc()
    }
}
