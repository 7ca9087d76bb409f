use async_graphql::{InputObject, Json};
use nunatak_store::versions::NewFigure;
use serde_json::Value;

/// A plot.
#[derive(InputObject, Debug, Clone)]
pub struct FigureInput {
    /// A short word for programs, `score_distribution`.
    pub name: String,
    /// What stands above it.
    pub title: String,
    /// A Vega-Lite document, at most 2 MiB.
    pub spec: Json<Value>,
}

impl From<FigureInput> for NewFigure {
    fn from(input: FigureInput) -> Self {
        Self { name: input.name, title: input.title, spec: input.spec.0 }
    }
}
