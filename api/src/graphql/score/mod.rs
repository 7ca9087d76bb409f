mod input;
mod query;
mod types;

pub use query::ScoreQuery;
