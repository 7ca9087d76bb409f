//! Standardisation that is part of a version: learned in training, stored in the artefact, applied before every score.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::DetectorError;

/// z = (x - mean) / scale for each column, as scikit-learn's `StandardScaler`: `scale` is the population standard deviation
/// (ddof 0), and 1 for constant columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standardization {
    pub mean: Vec<f64>,
    pub scale: Vec<f64>,
}

impl Standardization {
    /// Learns mean and scale of each column of `values`, shape (n_rows, n_features).
    pub fn fit(values: ArrayView2<'_, f64>) -> Self {
        let (mean, scale) = values.columns().into_iter().map(|column| moments(&column.to_vec())).unzip();
        Self { mean, scale }
    }

    /// The columns unchanged: mean 0, scale 1.
    pub fn identity(n_features: usize) -> Self {
        Self { mean: vec![0.0; n_features], scale: vec![1.0; n_features] }
    }

    pub fn n_features(&self) -> usize {
        self.mean.len()
    }

    /// Writes the standardised `row` into `out`; both have `n_features` entries.
    pub fn apply_row(&self, row: &[f64], out: &mut [f64]) {
        for (((z, x), mean), scale) in out.iter_mut().zip(row).zip(&self.mean).zip(&self.scale) {
            *z = (x - mean) / scale;
        }
    }

    /// The standardised table, row-major.
    pub fn apply(&self, values: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut standardized = Array2::zeros(values.raw_dim());
        for (row, mut out) in values.rows().into_iter().zip(standardized.rows_mut()) {
            for (j, (z, x)) in out.iter_mut().zip(row).enumerate() {
                *z = (x - self.mean[j]) / self.scale[j];
            }
        }
        standardized
    }

    /// Refuses what cannot come from [`fit`](Self::fit): unequal lengths, non-finite values, a scale that is not positive.
    pub(crate) fn check(&self, n_features: usize) -> Result<(), DetectorError> {
        let sound = self.mean.len() == n_features
            && self.scale.len() == n_features
            && self.mean.iter().all(|mean| mean.is_finite())
            && self.scale.iter().all(|scale| scale.is_finite() && *scale > 0.0);
        if sound { Ok(()) } else { Err(DetectorError::artifact("its standardisation does not fit its columns")) }
    }
}

/// Mean and population standard deviation; a constant column has scale 1.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    // scikit-learn's order of operations and NumPy's of summation, to the last bit: where values lie on the edge of a
    // histogram's bin, the bin depends on it.
    let sum_of = |term: &dyn Fn(f64) -> f64| pairwise_sum(&values.iter().map(|x| term(*x)).collect::<Vec<_>>());
    let mean = pairwise_sum(values) / n;
    let correction = sum_of(&|x| x - mean);
    let scale = ((sum_of(&|x| (x - mean) * (x - mean)) - correction * correction / n) / n).sqrt();
    // Rounding alone moves a constant column's mean by a few units in the last place: that is not a spread.
    let is_spread = |scale: f64, mean: f64| scale > 10.0 * f64::EPSILON * mean.abs() && scale > f64::MIN_POSITIVE;
    if mean.is_finite() && scale.is_finite() {
        return (mean, if is_spread(scale, mean) { scale } else { 1.0 });
    }
    // Squares of huge finite values overflow; those of values scaled down do not.
    let mean = sum_of(&|x| x / n);
    let halved = |x: &f64| x / 2.0 - mean / 2.0;
    let largest = values.iter().map(|x| halved(x).abs()).fold(0.0, f64::max);
    let variance = values.iter().map(|x| (halved(x) / largest).powi(2)).sum::<f64>() / n;
    let scale = variance.sqrt() * largest * 2.0;
    (mean, if scale.is_finite() && is_spread(scale, mean) { scale } else { 1.0 })
}

/// NumPy's summation: halves down to 128 values, eight running sums within. Its error grows with log n only.
fn pairwise_sum(values: &[f64]) -> f64 {
    const LANES: usize = 8;
    const BLOCK: usize = 128;
    let n = values.len();
    if n < LANES {
        return values.iter().sum();
    }
    if n > BLOCK {
        let half = n / 2 - n / 2 % LANES;
        return pairwise_sum(&values[..half]) + pairwise_sum(&values[half..]);
    }
    let mut r = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        r.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x);
    }
    let sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    rest.iter().fold(sum, |sum, x| sum + x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn matches_standard_scaler_and_leaves_constant_columns_alone() {
        let values = array![[1.0, 0.1], [2.0, 0.1], [3.0, 0.1], [4.0, 0.1]];
        let fitted = Standardization::fit(values.view());
        assert!((fitted.mean[0] - 2.5).abs() < 1e-15);
        assert!((fitted.scale[0] - 1.25_f64.sqrt()).abs() < 1e-15);
        assert_eq!(fitted.scale[1], 1.0);
        assert!(fitted.apply(values.view()).iter().all(|z| z.is_finite()));
    }

    #[test]
    fn huge_values_do_not_overflow() {
        let fitted = Standardization::fit(array![[1e300], [-1e300], [5e299]].view());
        assert!(fitted.mean[0].is_finite() && fitted.scale[0].is_finite() && fitted.scale[0] > 1.0);
    }
}
