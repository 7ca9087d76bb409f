mod loaders;
mod query;
mod scores;
mod types;

pub(crate) use loaders::PredictionOfJob;
pub use query::PredictionQuery;
pub use scores::{Reason, Score};
pub use types::Prediction;
