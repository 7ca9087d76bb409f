//! A value as a fixed weighted sum of those before: what autoregression and singular spectrum analysis both come to.

use std::collections::BTreeMap;

use nunatak_detector::{Artifact, DetectorError, Tensor};

use crate::series::columns::Chart;
use crate::series::forecasting::Expected;
use crate::series::spread::{self, Spread, robust_sigma};

/// No weight that is learned is larger; the bound keeps the sums of a hostile artefact finite.
const MAX_WEIGHT: f64 = 1e9;

/// Learned from one column, in units of its spread.
#[derive(Debug)]
pub(crate) struct Recurrence {
    pub(crate) spread: Spread,
    /// Of the values before, the oldest first.
    pub(crate) weights: Vec<f64>,
    pub(crate) intercept: f64,
    /// Standard deviation of the errors one row ahead.
    pub(crate) sigma: f64,
}

impl Recurrence {
    /// Measures sigma on `column`, the rows that the weights were learned from, in the units of the frame.
    pub(crate) fn new(
        spread: Spread,
        weights: Vec<f64>,
        intercept: f64,
        column: &[f64],
    ) -> Result<Self, DetectorError> {
        if weights.iter().chain([&intercept]).any(|weight| weight.is_nan() || weight.abs() > MAX_WEIGHT) {
            return Err(DetectorError::numeric("the weights of the rows before are not finite or far too large"));
        }
        let n_lags = weights.len();
        let unscaled = Self { spread, weights, intercept, sigma: 1.0 };
        let mut lags = unscaled.start();
        let errors: Vec<f64> = column.iter().map(|x| lags.push(*x)).collect();
        let sigma = robust_sigma(errors.into_iter().skip(n_lags), 1.0);
        Ok(Self { sigma, ..unscaled })
    }

    pub(crate) fn start(&self) -> Lags<'_> {
        Lags { model: self, values: vec![0.0; 2 * self.weights.len()], seen: 0 }
    }

    pub(crate) fn save<'a>(columns: impl Iterator<Item = &'a Self> + Clone) -> BTreeMap<String, Tensor> {
        let vector = |of: fn(&Self) -> f64| Tensor::vector(columns.clone().map(of).collect());
        let mut tensors = spread::tensors("center", columns.clone().map(|column| column.spread));
        tensors.insert("sigma".into(), vector(|column| column.sigma));
        tensors.insert("intercept".into(), vector(|column| column.intercept));
        let n_lags = columns.clone().map(|column| column.weights.len() as u32).collect();
        tensors.insert("n_lags".into(), Tensor::indices(n_lags));
        let weights = columns.flat_map(|column| column.weights.iter().copied()).collect();
        tensors.insert("weights".into(), Tensor::vector(weights));
        tensors
    }

    /// One for each column; no column has more than `max_lags`.
    pub(crate) fn load(artifact: &Artifact, max_lags: usize) -> Result<Vec<Self>, DetectorError> {
        let spreads = Spread::load(artifact, "center")?;
        let sigmas = artifact.vector_of("sigma", spreads.len())?;
        let intercepts = artifact.vector_of("intercept", spreads.len())?;
        let n_lags = artifact.indices_of("n_lags", spreads.len())?;
        let mut weights = artifact.vector("weights")?;
        if sigmas.iter().any(|sigma| !(1e-9..=1e12).contains(sigma)) {
            return Err(DetectorError::artifact("it has a standard deviation that is out of range"));
        }
        if weights.iter().chain(intercepts).any(|weight| weight.abs() > MAX_WEIGHT) {
            return Err(DetectorError::artifact("it has a weight that is out of range"));
        }
        let mut columns = Vec::with_capacity(spreads.len());
        for (column, spread) in spreads.into_iter().enumerate() {
            let n_lags = n_lags[column] as usize;
            let split = weights.split_at_checked(n_lags).filter(|_| n_lags <= max_lags);
            let (own, rest) =
                split.ok_or_else(|| DetectorError::artifact("its weights and their numbers do not fit together"))?;
            weights = rest;
            let (intercept, sigma) = (intercepts[column], sigmas[column]);
            columns.push(Self { spread, weights: own.to_vec(), intercept, sigma });
        }
        if !weights.is_empty() {
            return Err(DetectorError::artifact("it has more weights than its columns use"));
        }
        Ok(columns)
    }
}

/// The values before the next one.
#[derive(Debug, Clone)]
pub(crate) struct Lags<'a> {
    model: &'a Recurrence,
    /// The last n values twice over, so that from anywhere in the first half n of them lie in a row.
    values: Vec<f64>,
    seen: usize,
}

impl Lags<'_> {
    /// Expected value and standard deviation of its error, in units of the spread. The first rows have nothing before
    /// them but the training series as a whole.
    fn next(&self) -> (f64, f64) {
        let n_lags = self.model.weights.len();
        if self.seen < n_lags {
            return (0.0, 1.0);
        }
        let first = self.seen.checked_rem(n_lags).unwrap_or(0);
        let mean = self.model.intercept + dot(&self.model.weights, &self.values[first..first + n_lags]);
        (mean, self.model.sigma)
    }
}

impl Chart for Lags<'_> {
    fn push(&mut self, x: f64) -> f64 {
        let z = self.model.spread.z(x);
        let (mean, deviation) = self.next();
        let n_lags = self.model.weights.len();
        if let Some(at) = self.seen.checked_rem(n_lags) {
            self.values[at] = z;
            self.values[at + n_lags] = z;
        }
        self.seen += 1;
        (z - mean).abs() / deviation
    }

    fn expect(&self) -> Option<Expected> {
        let (mean, deviation) = self.next();
        let Spread { scale, .. } = self.model.spread;
        Some(Expected { mean: self.model.spread.value(mean), deviation: (deviation * scale).min(f64::MAX) })
    }
}

/// The scalar product with four running sums: several times as fast as one, and in the same order every time.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a_chunks, b_chunks) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_are_the_last_values_in_order() {
        let spread = Spread { center: 0.0, scale: 1.0 };
        let model = Recurrence { spread, weights: vec![100.0, 10.0, 1.0], intercept: 0.5, sigma: 2.0 };
        let mut lags = model.start();
        for x in 1..=7 {
            lags.push(f64::from(x));
        }
        // 100 x(5) + 10 x(6) + x(7) + 0.5.
        assert_eq!(lags.expect(), Some(Expected { mean: 567.5, deviation: 2.0 }));
        assert_eq!(lags.push(565.5), 1.0);
    }
}
