//! Loda: histograms of random projections.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use rand::Rng;
use rand::seq::index;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::random::generator;
use crate::rows::score_rows;
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
Loda (Pevný, *Loda: Lightweight on-line detector of anomalies*, Machine Learning 102, 2016). Each of `n_random_cuts` cuts \
projects the rows on a random direction that has √d features, with normal weights, and keeps a histogram of the projections. \
The score is the mean over the cuts of -ln(fraction of the training rows in the row's bin).

Without `n_bins` each histogram has the number of bins that maximises the penalised likelihood of Birgé and Rozenholc (2006), \
as in the paper, between 1 and √n and at most 200. A value in an empty bin or outside the histogram counts as in a bin that \
holds half a row.

Departs from PyOD 3.6.7, which looks values up one bin beside their own, takes those outside for the outermost bin, and \
divides by the number of cuts twice: scores cannot be compared with its. It varies much from seed to seed; more cuts help.";

/// Bins of a histogram whose number is chosen automatically.
const MAX_AUTO_BINS: usize = 200;

/// Detector `loda`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loda;

impl Detector for Loda {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "loda".into(),
            version: "1.0.0".into(),
            title: "Random projections (Loda)".into(),
            summary: "For many features and many rows: fast, small, and sees combinations that single histograms miss."
                .into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "Fit O(c n (√d + log n)) for c cuts; scoring O(c √d) a row; the version holds c histograms.".into(),
            source: "Pevný, *Loda: Lightweight on-line detector of anomalies*, Machine Learning 102, 2016.".into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("n_random_cuts", 100, 1..=10_000, "Random projections. More vary less from seed to seed.")
                .optional_integer("n_bins", 1..=10_000, "Bins of each histogram. Null: chosen for each from the data.")
                .standardize()
                .random_state()
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let table = scaling.table(frame)?;
        let values = table.as_slice().unwrap_or_default();
        let n_features = frame.n_features();
        let n_cuts = hyperparameters.integer("n_random_cuts")?;
        let n_bins = hyperparameters.optional_integer("n_bins")?;
        let seed = hyperparameters.seed(ctx)?;
        let done = AtomicUsize::new(0);
        let cuts: Result<Vec<Cut>, DetectorError> = (0..n_cuts)
            .into_par_iter()
            .map(|cut| {
                ctx.check_cancelled()?;
                let direction = Direction::draw(n_features, &mut generator(seed, cut as u64));
                let projected = values.chunks_exact(n_features).map(|row| direction.project(row)).collect();
                let cut = Cut::fit(direction, projected, n_bins)?;
                ctx.report((done.fetch_add(1, Ordering::Relaxed) + 1) as f64 / n_cuts as f64, "projecting");
                Ok(cut)
            })
            .collect();
        ctx.check_cancelled()?;
        Ok(Box::new(Cuts { scaling, cuts: cuts? }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let n_cuts = hyperparameters.integer("n_random_cuts")?;
        let n_features = artifact.header.n_features();
        let width = Direction::width(n_features);
        let features = artifact.indices_of("features", n_cuts * width)?;
        let weights = artifact.vector_of("weights", n_cuts * width)?;
        let limits = artifact.vector_of("limits", n_cuts * 2)?;
        let n_bins = artifact.indices_of("n_bins", n_cuts)?;
        let mut scores = artifact.vector("bin_scores")?;
        if features.iter().any(|feature| *feature as usize >= n_features) {
            return Err(DetectorError::artifact("it projects a feature that it does not have"));
        }
        let mut cuts = Vec::with_capacity(n_cuts);
        for (cut, n_bins) in n_bins.iter().enumerate() {
            // One more than the bins: the score outside of them.
            let (own, rest) = scores.split_at_checked(*n_bins as usize + 1).ok_or_else(wrong_bins)?;
            let (low, high) = (limits[cut * 2], limits[cut * 2 + 1]);
            if *n_bins == 0 || low > high {
                return Err(wrong_bins());
            }
            scores = rest;
            let range = cut * width..(cut + 1) * width;
            let direction = Direction { features: features[range.clone()].to_vec(), weights: weights[range].to_vec() };
            cuts.push(Cut { direction, low, high, scores: own.to_vec() });
        }
        if !scores.is_empty() {
            return Err(wrong_bins());
        }
        Ok(Box::new(Cuts { scaling: Scaling::load(&artifact.header), cuts }))
    }
}

fn wrong_bins() -> DetectorError {
    DetectorError::artifact("its histograms do not have the bins that they should")
}

/// A sparse direction: the features that it has and their weights.
#[derive(Debug, Clone)]
struct Direction {
    features: Vec<u32>,
    weights: Vec<f64>,
}

impl Direction {
    /// How many features a direction has.
    fn width(n_features: usize) -> usize {
        n_features.isqrt().max(1)
    }

    fn draw(n_features: usize, rng: &mut impl Rng) -> Self {
        let mut features: Vec<u32> =
            index::sample(rng, n_features, Self::width(n_features)).into_iter().map(|feature| feature as u32).collect();
        features.sort_unstable();
        let weights = features.iter().map(|_| normal(rng)).collect();
        Self { features, weights }
    }

    fn project(&self, row: &[f64]) -> f64 {
        self.features.iter().zip(&self.weights).map(|(feature, weight)| row[*feature as usize] * weight).sum()
    }
}

/// A standard normal number (Box and Muller).
fn normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.r#gen::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.r#gen::<f64>()).cos()
}

/// A direction and the histogram of the training rows along it.
#[derive(Debug)]
struct Cut {
    direction: Direction,
    low: f64,
    high: f64,
    /// -ln(fraction) of each bin, and last of what lies outside.
    scores: Vec<f64>,
}

impl Cut {
    fn fit(direction: Direction, mut projected: Vec<f64>, n_bins: Option<usize>) -> Result<Self, DetectorError> {
        let low = projected.iter().copied().fold(f64::INFINITY, f64::min);
        let high = projected.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !(low.is_finite() && high.is_finite()) {
            return Err(DetectorError::numeric("projections overflow; standardise the features"));
        }
        let n_bins = n_bins.unwrap_or_else(|| {
            projected.sort_unstable_by(f64::total_cmp);
            best_n_bins(&projected)
        });
        let mut counts = vec![0.0_f64; n_bins];
        for x in &projected {
            counts[bin(*x, low, high, n_bins)] += 1.0;
        }
        let n_rows = projected.len() as f64;
        let rarest = -(0.5 / n_rows).ln();
        let fraction = |count: f64| if count > 0.0 { -(count / n_rows).ln() } else { rarest };
        let scores = counts.into_iter().map(fraction).chain([rarest]).collect();
        Ok(Self { direction, low, high, scores })
    }

    fn score(&self, row: &[f64]) -> f64 {
        let x = self.direction.project(row);
        let n_bins = self.scores.len() - 1;
        let inside = self.low <= x && x <= self.high;
        self.scores[if inside { bin(x, self.low, self.high, n_bins) } else { n_bins }]
    }
}

/// Which of `n_bins` equal bins from `low` to `high` holds `x`, which lies between them.
fn bin(x: f64, low: f64, high: f64, n_bins: usize) -> usize {
    // Where all are equal this is 0 / 0, which becomes bin 0.
    (((x - low) / (high - low) * n_bins as f64) as usize).min(n_bins - 1)
}

/// The number of bins with the greatest penalised likelihood: sum of n_i ln(b n_i / n) - (b - 1 + (ln b)^2.5).
fn best_n_bins(ascending: &[f64]) -> usize {
    let (low, high) = (ascending[0], ascending[ascending.len() - 1]);
    let n_rows = ascending.len() as f64;
    let quality = |n_bins: usize| {
        let mut from = 0;
        let mut likelihood = 0.0;
        for idx in 0..n_bins {
            let count = ascending[from..].partition_point(|x| bin(*x, low, high, n_bins) <= idx);
            if count > 0 {
                likelihood += count as f64 * (n_bins as f64 * count as f64 / n_rows).ln();
            }
            from += count;
        }
        likelihood - (n_bins as f64 - 1.0 + (n_bins as f64).ln().powf(2.5))
    };
    // Equal values all lie in one bin, however narrow.
    let most = if low < high { ascending.len().isqrt().clamp(1, MAX_AUTO_BINS) } else { 1 };
    let best = |best: (usize, f64), next: (usize, f64)| if next.1 > best.1 { next } else { best };
    (1..=most).map(|n_bins| (n_bins, quality(n_bins))).fold((1, f64::NEG_INFINITY), best).0
}

#[derive(Debug)]
struct Cuts {
    scaling: Scaling,
    cuts: Vec<Cut>,
}

impl FittedDetector for Cuts {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let scratch = || vec![0.0; frame.n_features()];
        score_rows(frame, ctx, scratch, |scaled, row| {
            self.scaling.row(row, scaled);
            self.cuts.iter().map(|cut| cut.score(scaled)).sum::<f64>() / self.cuts.len() as f64
        })
    }

    fn save(&self) -> SavedState {
        let cuts = || self.cuts.iter();
        let tensors = [
            ("features", Tensor::indices(cuts().flat_map(|cut| cut.direction.features.clone()).collect())),
            ("weights", Tensor::vector(cuts().flat_map(|cut| cut.direction.weights.clone()).collect())),
            ("limits", Tensor::vector(cuts().flat_map(|cut| [cut.low, cut.high]).collect())),
            ("n_bins", Tensor::indices(cuts().map(|cut| cut.scores.len() as u32 - 1).collect())),
            ("bin_scores", Tensor::vector(cuts().flat_map(|cut| cut.scores.clone()).collect())),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let n_bins = self.cuts.iter().map(|cut| cut.scores.len() - 1).sum::<usize>() as f64;
        BTreeMap::from([
            ("n_random_cuts_".to_string(), json!(self.cuts.len())),
            ("mean_n_bins_".to_string(), json!(n_bins / self.cuts.len() as f64)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_by_hand() {
        let direction = Direction { features: vec![1], weights: vec![2.0] };
        let cut = Cut::fit(direction, vec![0.0, 0.1, 0.2, 4.0], Some(4)).unwrap();
        let fraction = |x: f64| (-cut.score(&[9.0, x / 2.0])).exp();
        for (x, expected) in [(0.0, 0.75), (0.9, 0.75), (1.5, 0.125), (4.0, 0.25), (4.1, 0.125), (-0.1, 0.125)] {
            assert!((fraction(x) - expected).abs() < 1e-12, "{x}: {}", fraction(x));
        }
    }

    #[test]
    fn the_number_of_bins_follows_the_data() {
        let even: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(best_n_bins(&even), 1);
        let mut lumps: Vec<f64> =
            (0..1000).map(|i| f64::from(i % 500) / 500.0 + if i < 500 { 0.0 } else { 9.0 }).collect();
        lumps.sort_unstable_by(f64::total_cmp);
        assert_eq!(best_n_bins(&lumps), 10);
        assert_eq!(best_n_bins(&[3.0; 50]), 1);
    }
}
