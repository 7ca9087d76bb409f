mod loaders;
mod query;
mod scores;
mod types;

pub(crate) use loaders::PredictionOfJob;
pub use query::PredictionQuery;
pub use types::Prediction;
