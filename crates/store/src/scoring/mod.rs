//! Scoring at once: which version is meant and whether the rows fit it, and which runners answer. Nothing is kept.

mod resolve;
mod rows;
mod runners;

pub use resolve::{Scorable, Target};
pub use rows::{MAX_ROWS, ScoreRows};
pub use runners::ScoringRunner;
