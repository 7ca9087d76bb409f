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
        let n = values.nrows() as f64;
        let table = values.as_standard_layout();
        let rows = table.as_slice().unwrap_or_default();
        // scikit-learn's order of operations and NumPy's of summation, to the last bit: where values lie on the edge of a
        // histogram's bin, the bin depends on it.
        let sums = pairwise_sums(rows, &vec![0.0; values.ncols()], |x, _| x);
        let mut mean: Vec<f64> = sums.into_iter().map(|sum| sum / n).collect();
        let corrections = pairwise_sums(rows, &mean, |x, mean| x - mean);
        let squares = pairwise_sums(rows, &mean, |x, mean| (x - mean) * (x - mean));
        let deviation = |(correction, squares): (f64, f64)| ((squares - correction * correction / n) / n).sqrt();
        let mut scale: Vec<f64> = corrections.into_iter().zip(squares).map(deviation).collect();
        for (feature, (mean, scale)) in mean.iter_mut().zip(&mut scale).enumerate() {
            if !mean.is_finite() || !scale.is_finite() {
                (*mean, *scale) = moments_of_huge(&values.column(feature).to_vec());
            }
            if !is_spread(*scale, *mean) {
                *scale = 1.0;
            }
        }
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
        let table = values.as_standard_layout();
        let mut standardized = Array2::zeros(values.raw_dim());
        let width = self.n_features().max(1);
        let out = standardized.as_slice_mut().unwrap_or_default().chunks_exact_mut(width);
        for (row, out) in table.as_slice().unwrap_or_default().chunks_exact(width).zip(out) {
            self.apply_row(row, out);
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

/// Mean and population standard deviation of finite values whose squares overflow; those of values scaled down do not.
fn moments_of_huge(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = pairwise_sums(values, &[0.0], |x, _| x / n)[0];
    let halved = |x: &f64| x / 2.0 - mean / 2.0;
    let largest = values.iter().map(|x| halved(x).abs()).fold(0.0, f64::max);
    let variance = values.iter().map(|x| (halved(x) / largest).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt() * largest * 2.0)
}

/// Rounding alone moves a constant column's mean by a few units in the last place: that is not a spread.
fn is_spread(scale: f64, mean: f64) -> bool {
    scale.is_finite() && scale > 10.0 * f64::EPSILON * mean.abs() && scale > f64::MIN_POSITIVE
}

/// The sum over each column of `term(x, mean)`, where `rows` has one value for each of `means` in a row.
///
/// NumPy's summation: halves down to 128 rows, eight running sums within. Its error grows with log n only. All columns are
/// added up in one pass, in the order of memory.
fn pairwise_sums(rows: &[f64], means: &[f64], term: impl Fn(f64, f64) -> f64 + Copy) -> Vec<f64> {
    const LANES: usize = 8;
    const BLOCK: usize = 128;
    let width = means.len();
    let n = rows.len() / width.max(1);
    if n > BLOCK {
        let half = n / 2 - n / 2 % LANES;
        let (left, right) = rows.split_at(half * width);
        let mut sums = pairwise_sums(left, means, term);
        sums.iter_mut().zip(pairwise_sums(right, means, term)).for_each(|(sum, right)| *sum += right);
        return sums;
    }
    // Fewer than eight are added one after another to the zero that changes nothing.
    let mut sums = vec![-0.0; width];
    let mut rest = rows;
    if n >= LANES {
        let mut lanes = vec![0.0; LANES * width];
        let repeated = means.repeat(LANES);
        let blocks = rows.chunks_exact(LANES * width);
        rest = blocks.remainder();
        for block in blocks {
            for ((sum, x), mean) in lanes.iter_mut().zip(block).zip(&repeated) {
                *sum += term(*x, *mean);
            }
        }
        for (feature, sum) in sums.iter_mut().enumerate() {
            let r = |lane: usize| lanes[lane * width + feature];
            *sum = ((r(0) + r(1)) + (r(2) + r(3))) + ((r(4) + r(5)) + (r(6) + r(7)));
        }
    }
    for row in rest.chunks_exact(width.max(1)) {
        for ((sum, x), mean) in sums.iter_mut().zip(row).zip(means) {
            *sum += term(*x, *mean);
        }
    }
    sums
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
    fn a_column_is_summed_as_if_it_were_alone() {
        for n_rows in [1, 7, 8, 129, 1_003] {
            let values = Array2::from_shape_fn((n_rows, 3), |(i, j)| ((i * 37 + j * 11) % 101) as f64 / 7.0);
            let together = Standardization::fit(values.view());
            for (feature, column) in values.columns().into_iter().enumerate() {
                let alone = Standardization::fit(column.insert_axis(ndarray::Axis(1)));
                assert_eq!((alone.mean[0], alone.scale[0]), (together.mean[feature], together.scale[feature]));
            }
        }
    }

    #[test]
    fn huge_values_do_not_overflow() {
        let fitted = Standardization::fit(array![[1e300], [-1e300], [5e299]].view());
        assert!(fitted.mean[0].is_finite() && fitted.scale[0].is_finite() && fitted.scale[0] > 1.0);
    }
}
