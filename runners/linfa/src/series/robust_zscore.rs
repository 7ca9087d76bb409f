//! Causal robust z-score: how far a value is from the recent median.

use std::collections::BTreeMap;

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use rayon::prelude::*;
use serde_json::{Value, json};

const DESCRIPTION: &str = "\
Rolling median and median absolute deviation (Hampel, *The influence curve and its role in robust estimation*, 1974; Iglewicz \
and Hoaglin, *How to detect and handle outliers*, 1993).

score = |x - median| / (1.4826 MAD), where median and MAD are those of the `window` rows before, so a score never looks ahead: \
it stays what it is when further rows follow. Of several columns the largest counts.

Until half a window has passed, median and MAD of the training series stand in. The scale is never less than `min_scale` \
times that of the training series (its standard deviation where its MAD is 0), so a quiet stretch makes no alarm of noise.";

/// 1 / (0.75 quantile of the standard normal): makes the MAD of normal data its standard deviation.
const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// Rows between two looks at the cancel flag.
const CANCEL_ROWS: usize = 4_096;

/// Detector `robust_zscore`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RobustZscore;

impl Detector for RobustZscore {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "robust_zscore".into(),
            version: "1.0.0".into(),
            title: "Robust z-score".into(),
            summary: "For spikes in a series, judged from the past alone; fast and easy to explain.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(d n log n); scoring O(d (log w + w)) a row for a window w; the version holds 2 d numbers."
                .into(),
            source: "Iglewicz and Hoaglin, *How to detect and handle outliers*, 1993.".into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("window", 1_000, 4..=10_000, "Rows before a row that it is compared with.")
                .number("min_scale", 1.0, 0.001..=10.0, "Smallest scale, as a fraction of that of the training series.")
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let mut columns = Vec::with_capacity(frame.n_features());
        for column in frame.values().columns() {
            ctx.check_cancelled()?;
            columns.push(Normal::of(column.to_vec()));
        }
        rolling(columns, hyperparameters)
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let n_features = artifact.header.n_features();
        let medians = artifact.vector_of("median", n_features)?;
        let scales = artifact.vector_of("scale", n_features)?;
        if scales.iter().any(|scale| *scale <= 0.0) {
            return Err(DetectorError::artifact("it has a scale that is not positive"));
        }
        let columns = medians.iter().zip(scales).map(|(median, scale)| Normal { median: *median, scale: *scale });
        rolling(columns.collect(), &hyperparameters)
    }
}

fn rolling(columns: Vec<Normal>, hyperparameters: &Hyperparameters) -> Result<Box<dyn FittedDetector>, DetectorError> {
    let window = hyperparameters.integer("window")?;
    Ok(Box::new(Rolling { columns, window, min_scale: hyperparameters.number("min_scale")? }))
}

/// What is normal for one column.
#[derive(Debug, Clone, Copy)]
struct Normal {
    median: f64,
    /// In units of a standard deviation; positive.
    scale: f64,
}

impl Normal {
    fn of(mut values: Vec<f64>) -> Self {
        let mean = values.iter().map(|x| x / values.len() as f64).sum::<f64>();
        let variance = values.iter().map(|x| (x - mean).powi(2) / values.len() as f64).sum::<f64>();
        values.sort_unstable_by(f64::total_cmp);
        let median = median(&values);
        let scale = [MAD_TO_SIGMA * mad(&values, median), variance.sqrt(), 1.0];
        // The last resort, for a constant column, is its own unit.
        let usable = |scale: &f64| scale.is_finite() && *scale > 1e-12 * median.abs().max(f64::MIN_POSITIVE);
        Self { median, scale: scale.into_iter().find(usable).unwrap_or(1.0) }
    }
}

/// Middle of ascending values.
fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    sorted[(n - 1) / 2] / 2.0 + sorted[n / 2] / 2.0
}

/// Median of |x - median| of ascending values, by merging from the middle outwards.
fn mad(sorted: &[f64], median: f64) -> f64 {
    let middle = sorted.partition_point(|x| *x < median);
    let mut below = sorted[..middle].iter().rev().map(|x| median - x).peekable();
    let mut above = sorted[middle..].iter().map(|x| x - median).peekable();
    let mut next = || match (below.peek(), above.peek()) {
        (Some(b), Some(a)) if b < a => below.next(),
        (_, Some(_)) => above.next(),
        _ => below.next(),
    };
    let n = sorted.len();
    for _ in 0..(n - 1) / 2 {
        let _ = next();
    }
    let first = next().unwrap_or(0.0);
    let second = if n.is_multiple_of(2) { next().unwrap_or(first) } else { first };
    first / 2.0 + second / 2.0
}

#[derive(Debug)]
struct Rolling {
    columns: Vec<Normal>,
    window: usize,
    min_scale: f64,
}

impl Rolling {
    fn score_column(&self, values: &[f64], normal: Normal, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        // The window's values in ascending order; inserting and removing move a few kilobytes at most.
        let mut sorted: Vec<f64> = Vec::with_capacity(self.window + 1);
        let mut scores = Vec::with_capacity(values.len());
        for (row, x) in values.iter().enumerate() {
            if row.is_multiple_of(CANCEL_ROWS) {
                ctx.check_cancelled()?;
            }
            let (median, scale) = if sorted.len() * 2 >= self.window {
                let median = median(&sorted);
                let scale = MAD_TO_SIGMA * mad(&sorted, median);
                (median, scale.max(self.min_scale * normal.scale))
            } else {
                (normal.median, normal.scale)
            };
            scores.push((x - median).abs() / scale);
            if row >= self.window {
                sorted.remove(position(&sorted, values[row - self.window]));
            }
            sorted.insert(position(&sorted, *x), *x);
        }
        Ok(scores)
    }
}

/// Where `x` stands or belongs among ascending values.
fn position(sorted: &[f64], x: f64) -> usize {
    sorted.partition_point(|other| *other < x)
}

impl FittedDetector for Rolling {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let columns: Result<Vec<Vec<f64>>, DetectorError> = self
            .columns
            .par_iter()
            .enumerate()
            .map(|(i, normal)| self.score_column(&frame.values().column(i).to_vec(), *normal, ctx))
            .collect();
        let columns = columns?;
        Ok((0..frame.n_rows()).map(|row| columns.iter().map(|column| column[row]).fold(0.0, f64::max)).collect())
    }

    fn save(&self) -> SavedState {
        let of = |value: fn(&Normal) -> f64| Tensor::vector(self.columns.iter().map(value).collect());
        let tensors = [("median", of(|normal| normal.median)), ("scale", of(|normal| normal.scale))];
        SavedState { tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(), preprocessing: None }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let of = |value: fn(&Normal) -> f64| json!(self.columns.iter().map(value).take(50).collect::<Vec<_>>());
        BTreeMap::from([
            ("window_".to_string(), json!(self.window)),
            ("median_".to_string(), of(|normal| normal.median)),
            ("scale_".to_string(), of(|normal| normal.scale)),
        ])
    }
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
    fn a_stream_scores_as_the_whole() {
        let values: Vec<f64> = (0..300).map(|i| f64::from(i * 37 % 101)).collect();
        let rolling = Rolling { columns: vec![], window: 20, min_scale: 0.1 };
        let normal = Normal::of(values.clone());
        let whole = rolling.score_column(&values, normal, &Context::quiet(0)).unwrap();
        let start = rolling.score_column(&values[..150], normal, &Context::quiet(0)).unwrap();
        assert_eq!(whole[..150], start);
    }
}
