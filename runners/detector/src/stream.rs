//! Scoring rows as they come, and what was expected of them.

use std::fmt::Debug;

use ndarray::Array2;

/// Scores rows one at a time. Holds what it remembers of the rows before, of bounded size.
pub trait StreamScorer: Debug + Send {
    /// Takes the next row, of `n_features` finite values, and gives its score.
    fn push(&mut self, row: &[f64]) -> f64;
}

/// Expected values with bounds, each of shape (n_rows + horizon, n_features), in the units of the frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    pub mean: Array2<f64>,
    pub lower: Array2<f64>,
    pub upper: Array2<f64>,
}
