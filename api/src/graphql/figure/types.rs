use std::collections::HashMap;

use async_graphql::{Context, ID, Json, Object};
use nunatak_authz::Actor;
use nunatak_domain::{FigureId, PredictionId};
use nunatak_store::{Store, StoreError, figures::FigureRecord};
use serde_json::Value;

use super::super::{context::ContextExt, error::ApiError, loaders::BatchKey};

/// A plot, as a Vega-Lite document.
#[derive(Debug, Clone)]
pub struct Figure(pub FigureRecord);

impl From<FigureRecord> for Figure {
    fn from(record: FigureRecord) -> Self {
        Self(record)
    }
}

/// A plot, as a Vega-Lite document.
#[Object]
impl Figure {
    /// `fig_…`
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// A short word for programs, `score_distribution`.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What stands above it.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// The Vega-Lite document.
    #[graphql(complexity = 10)]
    async fn spec(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>, ApiError> {
        Ok(ctx.load(SpecOf(self.0.id)).await?.map(Json))
    }
}

/// The figures of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FiguresOf(pub i64);

/// The figures of a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FiguresOfPrediction(pub PredictionId);

/// The document of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SpecOf(FigureId);

impl BatchKey for FiguresOf {
    type Value = Vec<FigureRecord>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let rows: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let found = store.figures_of(actor, &rows).await?;
        Ok(found.into_iter().map(|(row, figures)| (Self(row), figures)).collect())
    }
}

impl BatchKey for FiguresOfPrediction {
    type Value = Vec<FigureRecord>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let ids: Vec<PredictionId> = keys.iter().map(|key| key.0).collect();
        let found = store.figures_by_predictions(actor, &ids).await?;
        Ok(found.into_iter().map(|(id, figures)| (Self(id), figures)).collect())
    }
}

impl BatchKey for SpecOf {
    type Value = Value;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Value>, StoreError> {
        let ids: Vec<FigureId> = keys.iter().map(|key| key.0).collect();
        let found = store.figure_specs(actor, &ids).await?;
        Ok(found.into_iter().map(|(id, spec)| (Self(id), spec)).collect())
    }
}
