//! Where a column lies and how wide it is: the units in which series detectors measure.

use std::collections::BTreeMap;

use nunatak_detector::{Artifact, DetectorError, Standardization, Tensor};

/// 1 / (0.75 quantile of the standard normal): makes the MAD of normal data its standard deviation.
pub(crate) const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// The largest distance in units of the spread. Squares and sums of such distances stay finite.
const MAX_Z: f64 = 1e100;

/// No value closer than that many robust standard deviations to the median is clipped before learning.
pub(crate) const CLIP: f64 = 10.0;

/// Centre and scale of one column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) center: f64,
    /// In units of a standard deviation; positive.
    pub(crate) scale: f64,
}

impl Spread {
    /// Median and MAD; where the MAD is null, the standard deviation; for a constant column its own unit.
    pub(crate) fn robust(mut values: Vec<f64>) -> Self {
        let mean = values.iter().map(|x| x / values.len() as f64).sum::<f64>();
        let variance = values.iter().map(|x| (x - mean).powi(2) / values.len() as f64).sum::<f64>();
        values.sort_unstable_by(f64::total_cmp);
        let median = median(&values);
        let scale = [MAD_TO_SIGMA * mad(&values, median), variance.sqrt()];
        Self { center: median, scale: first_usable(scale, median) }
    }

    /// Mean and standard deviation (divisor n); a constant column has scale 1.
    pub(crate) fn moments(values: &[f64]) -> Self {
        let column = ndarray::ArrayView2::from_shape((values.len(), 1), values);
        let fitted = column.map_or_else(|_| Standardization::identity(1), Standardization::fit);
        Self { center: fitted.mean[0], scale: fitted.scale[0] }
    }

    /// Mean, and the standard deviation that the mean distance of neighbouring rows implies: for independent normal
    /// values that mean is 2 / sqrt(pi) = 1.128 standard deviations. Where no neighbours differ, as
    /// [`moments`](Self::moments).
    pub(crate) fn moving_range(values: &[f64]) -> Self {
        let moments = Self::moments(values);
        let n_ranges = values.len().saturating_sub(1) as f64;
        let ranges = values.windows(2).map(|pair| (pair[1] / 2.0 - pair[0] / 2.0).abs() / n_ranges);
        let scale = ranges.sum::<f64>() * 2.0 / std::f64::consts::FRAC_2_SQRT_PI;
        Self { scale: first_usable([scale, moments.scale], moments.center), ..moments }
    }

    /// `x` in units of the spread, at most 1e100 away.
    pub(crate) fn z(&self, x: f64) -> f64 {
        ((x - self.center) / self.scale).clamp(-MAX_Z, MAX_Z)
    }

    /// `values` in units of the spread, none further out than three times what 99 of 100 rows keep to, or 10 if that is
    /// more: a few wild rows must not decide what is learned. The quantile keeps a machine's rare second state as it
    /// is.
    pub(crate) fn clipped(&self, values: &[f64]) -> Vec<f64> {
        let zs: Vec<f64> = values.iter().map(|x| self.z(*x)).collect();
        let mut sizes: Vec<f64> = zs.iter().map(|z| z.abs()).collect();
        let at = (sizes.len() * 99 / 100).min(sizes.len().saturating_sub(1));
        let (_, size, _) = sizes.select_nth_unstable_by(at, f64::total_cmp);
        let limit = (3.0 * *size).max(CLIP);
        zs.into_iter().map(|z| z.clamp(-limit, limit)).collect()
    }

    /// What `z` stands for, finite.
    pub(crate) fn value(&self, z: f64) -> f64 {
        (z * self.scale + self.center).clamp(f64::MIN, f64::MAX)
    }

    /// The vectors `center` (so named) and `scale`, as [`tensors`] wrote them.
    pub(crate) fn load(artifact: &Artifact, center: &str) -> Result<Vec<Self>, DetectorError> {
        let n_features = artifact.header.n_features();
        let centers = artifact.vector_of(center, n_features)?;
        let scales = artifact.vector_of("scale", n_features)?;
        if scales.iter().any(|scale| *scale <= 0.0) {
            return Err(DetectorError::artifact("it has a scale that is not positive"));
        }
        Ok(centers.iter().zip(scales).map(|(center, scale)| Self { center: *center, scale: *scale }).collect())
    }
}

/// The tensors `center` (so named) and `scale` of a version.
pub(crate) fn tensors(center: &str, spreads: impl Iterator<Item = Spread> + Clone) -> BTreeMap<String, Tensor> {
    let scales = spreads.clone().map(|spread| spread.scale).collect();
    let centers = spreads.map(|spread| spread.center).collect();
    BTreeMap::from([(center.to_string(), Tensor::vector(centers)), ("scale".to_string(), Tensor::vector(scales))])
}

/// The robust standard deviation of errors around 0: 1.4826 times the median of their absolute values, else their root
/// mean square, else `fallback`; never less than a millionth of `fallback`.
pub(crate) fn robust_sigma(errors: impl Iterator<Item = f64>, fallback: f64) -> f64 {
    let mut sizes: Vec<f64> = errors.map(f64::abs).collect();
    if sizes.is_empty() {
        return fallback;
    }
    let square = sizes.iter().map(|size| size * size / sizes.len() as f64).sum::<f64>();
    sizes.sort_unstable_by(f64::total_cmp);
    let floor = 1e-6 * fallback;
    let candidates = [MAD_TO_SIGMA * median(&sizes), square.sqrt()];
    // Errors of an exactly predictable series are rounding noise: that is not a spread.
    candidates
        .into_iter()
        .find(|sigma| sigma.is_finite() && *sigma > 1e-12 * fallback)
        .map_or(fallback, |s| s.max(floor))
}

/// Middle of ascending values.
pub(crate) fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    sorted[(n - 1) / 2] / 2.0 + sorted[n / 2] / 2.0
}

/// Median of |x - median| of ascending values.
pub(crate) fn mad(sorted: &[f64], median: f64) -> f64 {
    let n = sorted.len();
    let middle = sorted.partition_point(|x| *x < median);
    let smallest = |k: usize| smallest_distance(sorted, middle, median, k);
    smallest((n - 1) / 2) / 2.0 + smallest(n / 2) / 2.0
}

/// The k-th smallest (from 0) distance of ascending values to `center`, which lies before the value `middle`.
///
/// Distances ascend on both sides of it, so a binary search finds how many of the k nearest lie below.
fn smallest_distance(sorted: &[f64], middle: usize, center: f64, k: usize) -> f64 {
    let below = |i: usize| center - sorted[middle - 1 - i];
    let above = |i: usize| sorted[middle + i] - center;
    let (n_below, n_above) = (middle, sorted.len() - middle);
    let (mut low, mut high) = (k.saturating_sub(n_above), k.min(n_below));
    while low < high {
        let taken = usize::midpoint(low, high);
        if below(taken) < above(k - taken - 1) {
            low = taken + 1;
        } else {
            high = taken;
        }
    }
    match (low < n_below, k - low < n_above) {
        (true, true) => below(low).min(above(k - low)),
        (true, false) => below(low),
        (false, _) => above(k - low),
    }
}

/// The first scale that is more than rounding noise of values around `center`, else 1.
fn first_usable(scales: [f64; 2], center: f64) -> f64 {
    let usable = |scale: &f64| scale.is_finite() && *scale > 1e-12 * center.abs().max(f64::MIN_POSITIVE);
    scales.into_iter().find(usable).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_mad_are_the_textbooks() {
        for (values, expected) in [
            (vec![1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0], (2.0, 1.0)),
            (vec![1.0, 2.0, 3.0, 10.0], (2.5, 1.0)),
            (vec![5.0], (5.0, 0.0)),
            (vec![3.0; 6], (3.0, 0.0)),
        ] {
            let median = median(&values);
            assert_eq!((median, mad(&values, median)), expected, "{values:?}");
        }
    }

    #[test]
    fn mad_is_the_median_of_the_distances() {
        for n in 1..60 {
            let mut values: Vec<f64> = (0..n).map(|i| f64::from(i * i * 37 % 101).sqrt().floor()).collect();
            values.sort_unstable_by(f64::total_cmp);
            for center in [median(&values), 0.0, 4.5, 20.0] {
                let mut distances: Vec<f64> = values.iter().map(|x| (x - center).abs()).collect();
                distances.sort_unstable_by(f64::total_cmp);
                assert_eq!(mad(&values, center), median(&distances), "{values:?} {center}");
            }
        }
    }

    #[test]
    fn the_moving_range_is_the_textbooks() {
        // Mean range 2, so sigma is 2 / 1.128 to the three decimals of the tables.
        let spread = Spread::moving_range(&[1.0, 3.0, 1.0, 3.0]);
        assert!((spread.scale - 2.0 / 1.128).abs() < 1e-3, "{spread:?}");
        assert_eq!(spread.center, 2.0);
        assert_eq!(Spread::moving_range(&[4.0, 4.0]).scale, 1.0);
    }

    #[test]
    fn wild_rows_are_clipped_and_second_states_are_not() {
        // Three rows in a hundred are a state of their own, one in 200 is wild.
        let values: Vec<f64> = (0..400).map(|i| if i % 33 == 0 { 100.0 } else { f64::from(i % 5) }).collect();
        let spread = Spread::robust(values.clone());
        assert!(spread.clipped(&values).iter().zip(&values).all(|(z, x)| *z == spread.z(*x)));
        let mut wild = values.clone();
        wild[7] = 1e9;
        wild[300] = -1e9;
        let clipped = spread.clipped(&wild);
        assert_eq!(clipped[7], 3.0 * spread.z(100.0));
        assert_eq!(clipped[300], -clipped[7]);
    }

    #[test]
    fn no_value_is_too_large() {
        for spread in [Spread::robust(vec![1e300, -1e300, 0.0]), Spread::moving_range(&[1e300, -1e300, 0.0])] {
            assert!(spread.scale.is_finite() && spread.z(f64::MAX).is_finite() && spread.value(1e90).is_finite());
        }
    }
}
