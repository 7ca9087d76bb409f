//! Frozen empirical distributions, one a feature: what ECOD and COPOD learn.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{Artifact, Context, DetectorError, FittedDetector, Frame, SavedState, Tensor};
use rayon::prelude::*;
use serde_json::Value;

use crate::contributions::contribute_rows;
use crate::rows::score_blocks;

/// The sorted training values and the sign of the skewness of each feature.
#[derive(Debug)]
pub(crate) struct Ecdf {
    /// Shape (n_features, n_training_rows), each row ascending.
    sorted: Array2<f64>,
    /// -1, 0 or 1 for each feature.
    skew_sign: Vec<f64>,
    /// Every [`STRIDE`]-th of `sorted`, shape (n_features, n_training_rows / STRIDE rounded up): a search starts here, where
    /// it stays in the cache.
    coarse: Vec<f64>,
}

/// Tail probabilities of one value; scores are their negative logarithms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tails {
    /// P(X <= x)
    pub(crate) left: f64,
    /// P(X >= x)
    pub(crate) right: f64,
    /// The tail on the side that the feature is skewed to; the product of both when it is not skewed.
    pub(crate) skewed: f64,
}

/// Between two neighbours of the coarse values lie so many of the sorted ones: four lines of cache.
const STRIDE: usize = 32;

/// From so many training rows on a feature's distribution (4 MB) is larger than a core's cache.
const LARGE: usize = 1 << 19;

/// Putting rows in order pays when there is at least one for so many training rows.
const MERGE_SHARE: usize = 16;

impl Ecdf {
    pub(crate) fn fit(frame: &Frame, ctx: &Context<'_>) -> Result<Self, DetectorError> {
        let mut sorted = frame.values().t().as_standard_layout().into_owned();
        let columns = sorted.as_slice_mut().unwrap_or_default().par_chunks_mut(frame.n_rows());
        let skew_sign: Result<Vec<f64>, DetectorError> = columns
            .map(|column| {
                ctx.check_cancelled()?;
                let sign = skewness_sign(column);
                column.sort_unstable_by(f64::total_cmp);
                Ok(sign)
            })
            .collect();
        ctx.check_cancelled()?;
        Ok(Self::new(sorted, skew_sign?))
    }

    fn new(sorted: Array2<f64>, skew_sign: Vec<f64>) -> Self {
        let coarse = sorted.rows().into_iter().flat_map(|row| row.into_iter().step_by(STRIDE)).copied().collect();
        Self { sorted, skew_sign, coarse }
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
        Ok(Self::new(sorted, skew_sign))
    }

    fn save(&self) -> SavedState {
        let tensors = [
            ("sorted", Tensor::matrix(&self.sorted)),
            ("skew_sign", Tensor::vector(self.skew_sign.clone())),
            ("n_rows", Tensor::indices(vec![self.sorted.ncols() as u32])),
        ];
        SavedState { tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(), preprocessing: None }
    }

    /// -ln `probability(tails)` of each feature of `row`.
    fn terms(&self, row: &[f64], probability: impl Fn(Tails) -> f64, out: &mut [f64]) {
        for (feature, (x, out)) in row.iter().zip(out).enumerate() {
            *out = -probability(self.feature(feature).tails(*x)).ln();
        }
    }

    /// The sum over the features of -ln `probability(tails)` for each row of `frame`.
    ///
    /// Where the distributions fit no cache, each search waits for memory. Many rows are put in order first then, so that
    /// both are read from front to back; the numbers are the same.
    fn score_frame(
        &self,
        frame: &Frame,
        ctx: &Context<'_>,
        probability: impl Fn(Tails) -> f64 + Copy + Sync,
    ) -> Result<Vec<f64>, DetectorError> {
        let (n_rows, n_learned) = (frame.n_rows(), self.sorted.ncols());
        if n_learned < LARGE || n_rows < n_learned / MERGE_SHARE || n_rows > u32::MAX as usize {
            return score_blocks(frame.as_slice(), frame.n_features(), ctx, |rows, scores| {
                self.score(rows, probability, scores);
            });
        }
        self.score_in_order(frame, ctx, probability)
    }

    fn score_in_order(
        &self,
        frame: &Frame,
        ctx: &Context<'_>,
        probability: impl Fn(Tails) -> f64,
    ) -> Result<Vec<f64>, DetectorError> {
        let n_rows = frame.n_rows();
        let mut scores = vec![0.0; n_rows];
        let mut order: Vec<(f64, u32)> = Vec::with_capacity(n_rows);
        for (feature, values) in frame.values().columns().into_iter().enumerate() {
            ctx.check_cancelled()?;
            order.clear();
            order.extend(values.iter().copied().zip(0..));
            order.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            let column = self.feature(feature);
            let (mut up_to, mut below) = (0, 0);
            for (x, row) in &order {
                while column.sorted.get(up_to).is_some_and(|value| value <= x) {
                    up_to += 1;
                }
                while column.sorted.get(below).is_some_and(|value| value < x) {
                    below += 1;
                }
                scores[*row as usize] -= probability(column.tails_at(up_to, below)).ln();
            }
        }
        Ok(scores)
    }

    /// The sum over the features of -ln `probability(tails)` for each of `rows`, n_features values each.
    fn score(&self, rows: &[f64], probability: impl Fn(Tails) -> f64, scores: &mut [f64]) {
        let n_features = self.skew_sign.len();
        // Feature by feature, so that its coarse values stay in the nearest cache; each row still adds in one order.
        for feature in 0..n_features {
            let column = self.feature(feature);
            for (row, score) in rows.chunks_exact(n_features).zip(scores.iter_mut()) {
                *score -= probability(column.tails(row[feature])).ln();
            }
        }
    }

    fn feature(&self, feature: usize) -> Column<'_> {
        let n = self.sorted.ncols();
        let n_coarse = n.div_ceil(STRIDE);
        Column {
            sorted: &self.sorted.as_slice().unwrap_or_default()[feature * n..(feature + 1) * n],
            coarse: &self.coarse[feature * n_coarse..(feature + 1) * n_coarse],
            skew_sign: self.skew_sign[feature],
        }
    }
}

/// The distribution of one feature.
struct Column<'a> {
    sorted: &'a [f64],
    coarse: &'a [f64],
    skew_sign: f64,
}

impl Column<'_> {
    fn tails(&self, x: f64) -> Tails {
        let up_to = self.count(|value| value <= x);
        let is_at = |rank: usize| rank > 0 && self.sorted[rank - 1] == x;
        // Only a value that occurred in training has fewer below it than up to it, and most occur once.
        let below = match up_to {
            _ if !is_at(up_to) => up_to,
            _ if !is_at(up_to - 1) => up_to - 1,
            _ => self.count(|value| value < x),
        };
        self.tails_at(up_to, below)
    }

    /// Of a value with `up_to` training values that are not greater, and `below` that are less.
    fn tails_at(&self, up_to: usize, below: usize) -> Tails {
        let n = self.sorted.len();
        // A value beyond all training values is a little less likely than the outermost of them.
        let probability = |count: usize| if count == 0 { 1.0 / (n as f64 + 1.0) } else { count as f64 / n as f64 };
        let (left, right) = (probability(up_to), probability(n - below));
        let skewed = match self.skew_sign {
            sign if sign < 0.0 => left,
            sign if sign > 0.0 => right,
            _ => left * right,
        };
        Tails { left, right, skewed }
    }

    /// How many of the sorted values fulfil `holds`, which holds for the first of them up to some point.
    fn count(&self, holds: impl Fn(f64) -> bool) -> usize {
        let start = self.coarse.partition_point(|value| holds(*value)).saturating_sub(1) * STRIDE;
        let end = (start + STRIDE).min(self.sorted.len());
        start + self.sorted[start..end].partition_point(|value| holds(*value))
    }
}

/// Frozen distributions and the probability that a detector makes of a value's tails: its negative logarithm is the
/// feature's term of the score.
#[derive(Debug)]
pub(crate) struct FittedTails {
    ecdf: Ecdf,
    probability: fn(Tails) -> f64,
}

impl FittedTails {
    pub(crate) fn new(ecdf: Ecdf, probability: fn(Tails) -> f64) -> Self {
        Self { ecdf, probability }
    }
}

impl FittedDetector for FittedTails {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        self.ecdf.score_frame(frame, ctx, self.probability)
    }

    fn save(&self) -> SavedState {
        self.ecdf.save()
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::new()
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        contribute_rows(frame, rows, ctx, || (), |(), row, out| self.ecdf.terms(row, self.probability, out))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_order_score_as_rows_one_by_one() {
        let table = |n_rows: usize, step: usize| {
            let values = Array2::from_shape_fn((n_rows, 3), |(row, column)| match column {
                0 => (row * step % 97) as f64 / 7.0,
                1 => ((row * step) as f64).sin(),
                _ => -0.0,
            });
            Frame::new(["a", "b", "c"].map(String::from).to_vec(), values, None, None).unwrap()
        };
        let ctx = Context::quiet(0);
        let ecdf = Ecdf::fit(&table(500, 31), &ctx).unwrap();
        let rows = table(700, 13);
        let probability = |tails: Tails| tails.left.min(tails.right).min(tails.skewed);
        let mut expected = vec![0.0; 700];
        ecdf.score(rows.as_slice(), probability, &mut expected);
        assert_eq!(ecdf.score_in_order(&rows, &ctx, probability).unwrap(), expected);
        assert_eq!(ecdf.score_frame(&rows, &ctx, probability).unwrap(), expected);
    }
}
