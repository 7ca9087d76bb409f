//! Multivariate control chart of exponentially weighted moving averages.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Standardization, StreamScorer, Tensor,
};
use serde_json::{Value, json};

use crate::linalg::{covariance, dot, eigen};
use crate::series::ewma::EwmaVariance;

const DESCRIPTION: &str = "\
MEWMA chart (Lowry, Woodall, Champ and Rigdon, *A multivariate exponentially weighted moving average control chart*, \
Technometrics 1992).

q(t) = lambda (x(t) - mean) + (1 - lambda) q(t-1), q(0) = 0; score = T2 = q' pinv(S_q) q with the exact covariance of \
q, S_q = lambda / (2 - lambda) (1 - (1 - lambda)^(2t)) S, where mean and S (divisor n - 1) are those of the training \
series. With lambda 1 it is Hotelling's T2 of each row.

Sees a shift that no single column shows, where columns move against their correlation. The pseudo-inverse leaves out \
directions without variance: a column that was constant in training has no influence. The contribution of a column is \
its share q_j (pinv(S_q) q)_j of the sum; shares add up to the score and may be negative.";

/// S has d² numbers and its decomposition takes d³ steps: a minute beyond this.
const MAX_FEATURES: usize = 2_000;

/// No row counts as further from the mean than that many standard deviations: squares of distances must stay finite.
const MAX_Z: f64 = 1e100;

/// Scores end here: weights of nearly null directions must not make them infinite.
const MAX_SCORE: f64 = 1e300;

/// What is learned is at most the root of 1 / (the smallest share of the variance that is no rounding noise).
const MAX_WEIGHT: f64 = 1e12;

/// Rows between two looks at the cancel flag.
const CANCEL_ROWS: usize = 256;

/// Detector `mewma`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mewma;

impl Detector for Mewma {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "mewma".into(),
            version: "1.0.0".into(),
            title: "Multivariate EWMA control chart".into(),
            summary: "For small lasting shifts in many correlated sensors; with lambda 1 Hotelling's T2.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(n d² + d³); scoring O(d²) a row; the version holds d² numbers.".into(),
            source: "Lowry, Woodall, Champ and Rigdon, *A multivariate EWMA control chart*, Technometrics 1992.".into(),
            hyperparameters: HyperparameterSchema::new()
                .number("lambda", 0.2, 0.001..=1.0, "Weight of the newest row.")
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        if frame.n_features() > MAX_FEATURES {
            let message = format!("{} columns are too many; use at most {MAX_FEATURES}", frame.n_features());
            return Err(DetectorError::data(message));
        }
        ctx.report(0.0, "measuring the covariance");
        let standardization = Standardization::fit(frame.values());
        let table = standardization.apply(frame.values());
        ctx.check_cancelled()?;
        // The columns have mean 0 by now; what rounding left of it is far below any score.
        let (_, covariance) = covariance(table.view(), 1.0);
        ctx.check_cancelled()?;
        ctx.report(0.4, "decomposing it");
        let mut eigen = eigen(&covariance)?;
        ctx.check_cancelled()?;
        for (mut vector, value) in eigen.vectors.rows_mut().into_iter().zip(&eigen.values) {
            vector /= value.sqrt();
        }
        Ok(Box::new(Hotelling { standardization, whitening: eigen.vectors, lambda: hyperparameters.number("lambda")? }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let n_features = artifact.header.n_features();
        let n_directions = artifact.indices_of("n_directions", 1)?[0] as usize;
        let whitening = match n_directions {
            0 => Array2::zeros((0, n_features)),
            _ => artifact.matrix("whitening", n_features)?,
        };
        let sound = whitening.iter().all(|weight| weight.abs() <= MAX_WEIGHT);
        if !sound || whitening.nrows() != n_directions || n_directions > n_features {
            return Err(DetectorError::artifact("its directions do not fit its columns"));
        }
        let standardization = artifact.header.standardization()?.clone();
        Ok(Box::new(Hotelling { standardization, whitening, lambda: hyperparameters.number("lambda")? }))
    }
}

#[derive(Debug)]
struct Hotelling {
    standardization: Standardization,
    /// Eigenvectors of the correlations over the roots of their eigenvalues, shape (n_directions, n_features).
    whitening: Array2<f64>,
    lambda: f64,
}

impl Hotelling {
    fn start(&self) -> Average<'_> {
        let n_features = self.standardization.n_features();
        let variance = EwmaVariance::new(self.lambda);
        Average { model: self, row: vec![0.0; n_features], average: vec![0.0; n_features], variance }
    }

    /// The projection of `average` on each direction.
    fn directions<'a>(&'a self, average: &'a [f64]) -> impl Iterator<Item = (&'a [f64], f64)> {
        let whitening = self.whitening.as_slice().unwrap_or_default();
        whitening.chunks_exact(average.len()).map(|direction| (direction, dot(average, direction)))
    }
}

/// The average of the rows so far.
#[derive(Debug)]
struct Average<'a> {
    model: &'a Hotelling,
    row: Vec<f64>,
    /// In standard deviations of each column.
    average: Vec<f64>,
    variance: EwmaVariance,
}

impl Average<'_> {
    /// Takes a row; gives the variance of the average in units of that of a row.
    fn take(&mut self, row: &[f64]) -> f64 {
        let lambda = self.model.lambda;
        self.model.standardization.apply_row(row, &mut self.row);
        for (average, z) in self.average.iter_mut().zip(&self.row) {
            *average = lambda * z.clamp(-MAX_Z, MAX_Z) + (1.0 - lambda) * *average;
        }
        self.variance.next()
    }

    /// The columns' shares of T2, which has been taken for a row whose average has the variance `variance`.
    fn shares(&self, variance: f64) -> Vec<f64> {
        let mut weights = vec![0.0; self.average.len()];
        for (direction, projection) in self.model.directions(&self.average) {
            weights.iter_mut().zip(direction).for_each(|(weight, x)| *weight += projection * x);
        }
        let share = |(q, weight): (&f64, f64)| (q * weight / variance).clamp(-MAX_SCORE, MAX_SCORE);
        self.average.iter().zip(weights).map(share).collect()
    }
}

impl StreamScorer for Average<'_> {
    fn push(&mut self, row: &[f64]) -> f64 {
        let variance = self.take(row);
        let square: f64 = self.model.directions(&self.average).map(|(_, projection)| projection * projection).sum();
        (square / variance).min(MAX_SCORE)
    }
}

impl FittedDetector for Hotelling {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let mut average = self.start();
        let mut scores = Vec::with_capacity(frame.n_rows());
        for row in 0..frame.n_rows() {
            if row.is_multiple_of(CANCEL_ROWS) {
                ctx.check_cancelled()?;
            }
            scores.push(average.push(frame.row(row)));
        }
        Ok(scores)
    }

    fn save(&self) -> SavedState {
        let tensors = [
            ("whitening", Tensor::matrix(&self.whitening)),
            ("n_directions", Tensor::indices(vec![self.whitening.nrows() as u32])),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: Some(self.standardization.clone()),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([("rank_".to_string(), json!(self.whitening.nrows()))])
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        // In time order, so that the series is gone through once.
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_unstable_by_key(|at| rows[*at]);
        let mut contributions = Array2::zeros((rows.len(), frame.n_features()));
        let mut average = self.start();
        let (mut taken, mut variance) = (0, 1.0);
        for at in order {
            while taken <= rows[at] {
                if taken.is_multiple_of(CANCEL_ROWS) {
                    ctx.check_cancelled()?;
                }
                variance = average.take(frame.row(taken));
                taken += 1;
            }
            contributions.row_mut(at).assign(&ndarray::ArrayView1::from(&average.shares(variance)));
        }
        Ok(Some(contributions))
    }

    fn stream(&self) -> Option<Box<dyn StreamScorer + '_>> {
        Some(Box::new(self.start()))
    }
}
