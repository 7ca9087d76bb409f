//! Frozen empirical distributions, one a feature: what ECOD and COPOD learn.

use ndarray::Array2;
use nunatak_detector::{Artifact, DetectorError, Frame, SavedState, Tensor};

/// The sorted training values and the sign of the skewness of each feature.
#[derive(Debug)]
pub(crate) struct Ecdf {
    /// Shape (n_features, n_training_rows), each row ascending.
    sorted: Array2<f64>,
    /// -1, 0 or 1 for each feature.
    skew_sign: Vec<f64>,
}

/// Negative log tail probabilities of one value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tails {
    /// -ln P(X <= x)
    pub(crate) left: f64,
    /// -ln P(X >= x)
    pub(crate) right: f64,
    /// The tail on the side that the feature is skewed to; the sum of both when it is not skewed.
    pub(crate) skewed: f64,
}

impl Ecdf {
    pub(crate) fn fit(frame: &Frame) -> Self {
        let mut sorted = frame.values().t().as_standard_layout().into_owned();
        let mut skew_sign = Vec::with_capacity(sorted.nrows());
        for mut column in sorted.rows_mut() {
            skew_sign.push(skewness_sign(column.as_slice().unwrap_or_default()));
            if let Some(column) = column.as_slice_mut() {
                column.sort_unstable_by(f64::total_cmp);
            }
        }
        Self { sorted, skew_sign }
    }

    pub(crate) fn load(artifact: &Artifact) -> Result<Self, DetectorError> {
        let n_features = artifact.header.n_features();
        let skew_sign = artifact.vector_of("skew_sign", n_features)?.to_vec();
        let n_rows = artifact.indices_of("n_rows", 1)?[0] as usize;
        let sorted = artifact.matrix("sorted", n_rows)?;
        let ascending = sorted.rows().into_iter().all(|row| row.iter().zip(row.iter().skip(1)).all(|(a, b)| a <= b));
        if sorted.nrows() != n_features || !ascending {
            return Err(DetectorError::artifact("its sorted values are not one ascending row for each feature"));
        }
        Ok(Self { sorted, skew_sign })
    }

    pub(crate) fn save(&self) -> SavedState {
        let tensors = [
            ("sorted", Tensor::matrix(&self.sorted)),
            ("skew_sign", Tensor::vector(self.skew_sign.clone())),
            ("n_rows", Tensor::indices(vec![self.sorted.ncols() as u32])),
        ];
        SavedState { tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(), preprocessing: None }
    }

    /// Sum over the features of `score(tails)`.
    pub(crate) fn score_row(&self, row: &[f64], score: impl Fn(Tails) -> f64) -> f64 {
        let sorted = self.sorted.as_slice().unwrap_or_default().chunks_exact(self.sorted.ncols());
        row.iter().zip(sorted).zip(&self.skew_sign).map(|((x, sorted), sign)| score(tails(*x, sorted, *sign))).sum()
    }
}

fn tails(x: f64, sorted: &[f64], skew_sign: f64) -> Tails {
    let n = sorted.len();
    let probability = |count: usize| {
        // A value beyond all training values is a little less likely than the outermost of them.
        if count == 0 { 1.0 / (n as f64 + 1.0) } else { count as f64 / n as f64 }
    };
    let left = -probability(sorted.partition_point(|value| *value <= x)).ln();
    let right = -probability(n - sorted.partition_point(|value| *value < x)).ln();
    let skewed = match skew_sign {
        sign if sign < 0.0 => left,
        sign if sign > 0.0 => right,
        _ => left + right,
    };
    Tails { left, right, skewed }
}

/// Sign of the third central moment; 0 for a constant column.
fn skewness_sign(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().map(|x| x / n).sum::<f64>();
    let largest = values.iter().map(|x| (x - mean).abs()).fold(0.0, f64::max);
    // A constant column differs from its mean by rounding only, which has no direction.
    if largest <= 8.0 * f64::EPSILON * mean.abs() || !largest.is_finite() {
        return 0.0;
    }
    let third = values.iter().map(|x| ((x - mean) / largest).powi(3)).sum::<f64>();
    if third == 0.0 { 0.0 } else { third.signum() }
}
