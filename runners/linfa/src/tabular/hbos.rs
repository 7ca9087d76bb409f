//! Histogram-based outlier score.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView1};
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::contributions::contribute_rows;
use crate::rows::score_rows;

const DESCRIPTION: &str = "\
HBOS (Goldstein and Dengel, *Histogram-based outlier score*, KI 2012). Each feature gets a histogram of `n_bins` equal bins; \
the score is the sum over the features of -log2(density + alpha) in the bin of the value.

As in PyOD, a value outside the histogram by at most `tol` bin widths belongs to the outermost bin, and one further away \
counts as the rarest bin.

A feature's contribution is its term of the sum. One that was constant in training has the same term in every row, which says \
nothing: it contributes 0 unless it leaves its histogram.";

/// Detector `hbos`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hbos;

impl Detector for Hbos {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "hbos".into(),
            version: "1.1.0".into(),
            title: "Histograms (HBOS)".into(),
            summary: "The fastest; for features that are independent of each other.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(n d); scoring O(d log bins) a row; the version holds d histograms.".into(),
            source: "Goldstein and Dengel, *Histogram-based outlier score*, KI 2012.".into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("n_bins", 10, 2..=1_000, "Bins of each feature.")
                .number("alpha", 0.1, 1e-6..=1.0, "Added to each density, so that an empty bin has a finite score.")
                .number("tol", 0.5, 0.0..=1.0, "Bin widths outside the histogram that still belong to its last bin.")
                .standardize()
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let scaling = crate::scaling::Scaling::fit(frame, hyperparameters)?;
        let table = scaling.table(frame)?;
        let n_bins = hyperparameters.integer("n_bins")?;
        let alpha = hyperparameters.number("alpha")?;
        let mut edges = Array2::zeros((frame.n_features(), n_bins + 1));
        let mut bin_scores = Array2::zeros((frame.n_features(), n_bins));
        let columns: Vec<ArrayView1<'_, f64>> = table.columns().into_iter().collect();
        let histograms: Result<Vec<_>, DetectorError> = columns
            .into_par_iter()
            .map(|column| {
                ctx.check_cancelled()?;
                Ok(histogram(&column.to_vec(), n_bins, alpha))
            })
            .collect();
        for (feature, (column_edges, column_scores)) in histograms?.into_iter().enumerate() {
            edges.row_mut(feature).assign(&ArrayView1::from(&column_edges));
            bin_scores.row_mut(feature).assign(&ArrayView1::from(&column_scores));
        }
        ctx.check_cancelled()?;
        Ok(Box::new(Histograms { scaling, edges, bin_scores, tol: hyperparameters.number("tol")? }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let n_bins = hyperparameters.integer("n_bins")?;
        let edges = artifact.matrix("edges", n_bins + 1)?;
        let bin_scores = artifact.matrix("bin_scores", n_bins)?;
        let n_features = artifact.header.n_features();
        if edges.nrows() != n_features || bin_scores.nrows() != n_features {
            return Err(DetectorError::artifact("it does not have one histogram for each feature"));
        }
        let scaling = crate::scaling::Scaling::load(&artifact.header);
        Ok(Box::new(Histograms { scaling, edges, bin_scores, tol: hyperparameters.number("tol")? }))
    }
}

/// NumPy's equal-width bins: their edges, and -log2(density + alpha) of each. A constant column gets a range of width 1.
fn histogram(column: &[f64], n_bins: usize, alpha: f64) -> (Vec<f64>, Vec<f64>) {
    let mut low = column.iter().copied().fold(f64::INFINITY, f64::min);
    let mut high = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if low == high {
        (low, high) = (low - 0.5, high + 0.5);
    }
    let step = (high - low) / n_bins as f64;
    let mut edges: Vec<f64> = (0..=n_bins).map(|i| low + step * i as f64).collect();
    edges[n_bins] = high;
    let mut counts = vec![0.0; n_bins];
    let per_step = 1.0 / step;
    for x in column {
        // The product is off by rounding at most, which the edges put right.
        let mut bin = (((x - low) * per_step) as usize).min(n_bins - 1);
        while bin > 0 && *x < edges[bin] {
            bin -= 1;
        }
        while bin + 1 < n_bins && *x >= edges[bin + 1] {
            bin += 1;
        }
        counts[bin] += 1.0;
    }
    let scores = counts
        .iter()
        .zip(edges.windows(2))
        .map(|(count, edge)| -(count / column.len() as f64 / (edge[1] - edge[0]) + alpha).log2())
        .collect();
    (edges, scores)
}

/// How many of the edges, which ascend in nearly equal steps, lie below `x`.
fn edges_below(edges: &[f64], x: f64) -> usize {
    let n_bins = edges.len() - 1;
    let per_step = n_bins as f64 / (edges[n_bins] - edges[0]);
    // The guess is off by rounding at most, unless the edges are forged; it is quicker put right than halved down to.
    let mut below = (((x - edges[0]) * per_step) as usize).min(n_bins);
    while below > 0 && edges[below - 1] >= x {
        below -= 1;
    }
    while below <= n_bins && edges[below] < x {
        below += 1;
    }
    below
}

#[derive(Debug)]
struct Histograms {
    scaling: crate::scaling::Scaling,
    /// Shape (n_features, n_bins + 1).
    edges: Array2<f64>,
    /// -log2(density + alpha), shape (n_features, n_bins).
    bin_scores: Array2<f64>,
    tol: f64,
}

impl Histograms {
    /// The term of each feature.
    fn terms<'a>(&'a self, row: &[f64], scaled: &'a mut [f64]) -> impl Iterator<Item = f64> + use<'a> {
        self.scaling.row(row, scaled);
        let n_bins = self.bin_scores.ncols();
        let edges = self.edges.as_slice().unwrap_or_default().chunks_exact(n_bins + 1);
        let scores = self.bin_scores.as_slice().unwrap_or_default().chunks_exact(n_bins);
        scaled.iter().zip(edges.zip(scores)).map(|(x, (edges, scores))| self.score_value(*x, edges, scores))
    }

    fn score_value(&self, x: f64, edges: &[f64], scores: &[f64]) -> f64 {
        let n_bins = scores.len();
        let rarest = || scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // A value on an edge counts in the bin below it, although the histogram counted it above: both are PyOD's.
        match edges_below(edges, x) {
            0 if edges[0] - x <= (edges[1] - edges[0]) * self.tol => scores[0],
            0 => rarest(),
            bin if bin <= n_bins => scores[bin - 1],
            _ if x - edges[n_bins] <= (edges[n_bins] - edges[n_bins - 1]) * self.tol => scores[n_bins - 1],
            _ => rarest(),
        }
    }
}

impl FittedDetector for Histograms {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let scratch = || vec![0.0; frame.n_features()];
        score_rows(frame, ctx, scratch, |scaled, row| self.terms(row, scaled).sum())
    }

    fn save(&self) -> SavedState {
        let tensors = [("edges", Tensor::matrix(&self.edges)), ("bin_scores", Tensor::matrix(&self.bin_scores))];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([("n_bins_".to_string(), json!(self.bin_scores.ncols()))])
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        let n_bins = self.bin_scores.ncols();
        let edges = self.edges.as_slice().unwrap_or_default();
        let scores = self.bin_scores.as_slice().unwrap_or_default();
        let scratch = || vec![0.0; frame.n_features()];
        contribute_rows(frame, rows, ctx, scratch, |scaled, row, out| {
            out.iter_mut().zip(self.terms(row, scaled)).for_each(|(out, term)| *out = term);
            let histograms = edges.chunks_exact(n_bins + 1).zip(scores.chunks_exact(n_bins));
            for ((out, x), (edges, scores)) in out.iter_mut().zip(&*scaled).zip(histograms) {
                if let Some(common) = only_bin(scores) {
                    *out = if (edges[0]..=edges[n_bins]).contains(x) { 0.0 } else { *out - common };
                }
            }
        })
    }
}

/// The score of the only bin that is not empty, which is that of a constant feature; `None` when there are more.
fn only_bin(scores: &[f64]) -> Option<f64> {
    let empty = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut filled = scores.iter().copied().filter(|score| *score < empty);
    filled.next().filter(|_| filled.next().is_none())
}
