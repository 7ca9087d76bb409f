//! Gaussian mixtures with full covariances: the density, and an EM that works in logarithms.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use nunatak_detector::{Context, DetectorError};
use rayon::prelude::*;

use crate::rows::{BLOCK_ROWS, LANES, interleave};

/// Weights, means and covariances as EM estimates them.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    /// Shape (n_components,), sum 1.
    pub(crate) weights: Array1<f64>,
    /// Shape (n_components, n_features).
    pub(crate) means: Array2<f64>,
    /// One matrix of shape (n_features, n_features) a component.
    pub(crate) covariances: Vec<Array2<f64>>,
}

/// A mixture ready to be evaluated.
#[derive(Debug, Clone)]
pub(crate) struct Mixture {
    pub(crate) weights: Vec<f64>,
    pub(crate) means: Array2<f64>,
    /// Lower Cholesky factors of the covariances, stacked: shape (n_components * n_features, n_features).
    pub(crate) cholesky: Array2<f64>,
    /// ln(weight) - ln sqrt(det(2 pi covariance)) of each component.
    log_scales: Vec<f64>,
}

/// How an EM run ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) n_iter: usize,
    pub(crate) converged: bool,
}

impl Estimate {
    /// The M step: weighted moments of `table` under `responsibilities`, shape (n_rows, n_components).
    pub(crate) fn from_responsibilities(
        table: ArrayView2<'_, f64>,
        responsibilities: ArrayView2<'_, f64>,
        reg_covar: f64,
    ) -> Self {
        // As in scikit-learn: keeps the mean of a component that lost all its rows finite.
        let totals = responsibilities.sum_axis(Axis(0)) + 10.0 * f64::EPSILON;
        let means = responsibilities.t().dot(&table) / totals.view().insert_axis(Axis(1));
        let covariances = (0..totals.len())
            .map(|k| {
                let centred = &table - &means.row(k);
                let weighted = &centred * &responsibilities.column(k).insert_axis(Axis(1));
                let mut covariance = weighted.t().dot(&centred) / totals[k];
                covariance.diag_mut().mapv_inplace(|variance| variance + reg_covar);
                covariance
            })
            .collect();
        Self { weights: &totals / totals.sum(), means, covariances }
    }
}

impl Mixture {
    /// # Errors
    /// [`DetectorError::Numeric`] when a covariance is not positive definite.
    pub(crate) fn new(estimate: &Estimate) -> Result<Self, DetectorError> {
        let (n_components, n_features) = estimate.means.dim();
        let mut factors = Vec::with_capacity(n_components * n_features * n_features);
        for covariance in &estimate.covariances {
            let factor = cholesky(covariance).ok_or_else(|| {
                DetectorError::numeric(
                    "a component's covariance is singular; use a larger reg_covar or fewer components",
                )
            })?;
            factors.extend(factor.iter().copied());
        }
        let factors = Array2::from_shape_vec((n_components * n_features, n_features), factors)
            .map_err(|error| DetectorError::numeric(error.to_string()))?;
        Self::from_parts(estimate.weights.to_vec(), estimate.means.clone(), factors)
            .ok_or_else(|| DetectorError::numeric("the mixture has a component that is not finite"))
    }

    /// `None` when shapes do not fit together or a factor has no positive diagonal.
    pub(crate) fn from_parts(weights: Vec<f64>, means: Array2<f64>, cholesky: Array2<f64>) -> Option<Self> {
        let (n_components, n_features) = means.dim();
        if weights.len() != n_components || cholesky.dim() != (n_components * n_features, n_features) {
            return None;
        }
        let normal = n_features as f64 / 2.0 * (2.0 * std::f64::consts::PI).ln();
        let log_scales: Vec<f64> = weights
            .iter()
            .enumerate()
            .map(|(k, weight)| {
                let log_det: f64 = (0..n_features).map(|i| cholesky[[k * n_features + i, i]].ln()).sum();
                // An empty component has weight 0, whose logarithm would be infinite; this small it never matters.
                weight.max(f64::MIN_POSITIVE).ln() - normal - log_det
            })
            .collect();
        log_scales.iter().all(|scale| scale.is_finite()).then_some(Self { weights, means, cholesky, log_scales })
    }

    pub(crate) fn n_components(&self) -> usize {
        self.weights.len()
    }

    /// Writes ln(weight x density) of each component into `logs` and returns ln of their sum, for the rows of one `group`
    /// of shape (n_features, LANES). `solved` is scratch space of n_features.
    pub(crate) fn log_likelihoods(
        &self,
        group: &[[f64; LANES]],
        solved: &mut [[f64; LANES]],
        logs: &mut [[f64; LANES]],
    ) -> [f64; LANES] {
        let n_features = group.len();
        let factors = self.cholesky.as_slice().unwrap_or_default().chunks_exact(n_features * n_features);
        let means = self.means.as_slice().unwrap_or_default().chunks_exact(n_features);
        for ((logs, scale), (factors, means)) in logs.iter_mut().zip(&self.log_scales).zip(factors.zip(means)) {
            let mut squares = [0.0; LANES];
            // Forward substitution: the squared length of L^-1 (x - mean) is the Mahalanobis distance. A value waits for the
            // one before it, and the rows wait together.
            for (i, (factor, mean)) in factors.chunks_exact(n_features).zip(means).enumerate() {
                let mut known = [0.0; LANES];
                for (solved, factor) in solved[..i].iter().zip(factor) {
                    known.iter_mut().zip(solved).for_each(|(known, solved)| *known += solved * factor);
                }
                for lane in 0..LANES {
                    let value = (group[i][lane] - mean - known[lane]) / factor[i];
                    solved[i][lane] = value;
                    squares[lane] += value * value;
                }
            }
            *logs = squares.map(|squares| scale - squares / 2.0);
        }
        log_sum_exp(logs)
    }
}

/// EM from `responsibilities` until the mean log-likelihood rises by less than `tol`.
pub(crate) fn fit(
    table: &Array2<f64>,
    mut responsibilities: Array2<f64>,
    reg_covar: f64,
    (tol, max_iter): (f64, usize),
    ctx: &Context<'_>,
) -> Result<(Mixture, Outcome), DetectorError> {
    let mut mixture = Mixture::new(&Estimate::from_responsibilities(table.view(), responsibilities.view(), reg_covar))?;
    let mut previous = f64::NEG_INFINITY;
    for n_iter in 1..=max_iter {
        ctx.check_cancelled()?;
        ctx.report(n_iter as f64 / max_iter as f64, "expectation maximisation");
        let mean = expectation(table, &mixture, &mut responsibilities, ctx)?;
        mixture = Mixture::new(&Estimate::from_responsibilities(table.view(), responsibilities.view(), reg_covar))?;
        if (mean - previous).abs() < tol {
            return Ok((mixture, Outcome { n_iter, converged: true }));
        }
        previous = mean;
    }
    Ok((mixture, Outcome { n_iter: max_iter, converged: false }))
}

/// The E step: fills in the responsibilities and returns the mean log-likelihood.
fn expectation(
    table: &Array2<f64>,
    mixture: &Mixture,
    responsibilities: &mut Array2<f64>,
    ctx: &Context<'_>,
) -> Result<f64, DetectorError> {
    let (n_rows, n_features) = table.dim();
    let n_components = mixture.n_components();
    let values = table.as_slice().unwrap_or_default();
    let out = responsibilities.as_slice_mut().unwrap_or_default();
    let sums: Result<Vec<f64>, DetectorError> = out
        .par_chunks_mut(BLOCK_ROWS * n_components)
        .zip(values.par_chunks(BLOCK_ROWS * n_features))
        .map(|(out, rows)| {
            ctx.check_cancelled()?;
            let mut solved = vec![[0.0; LANES]; n_features];
            let mut logs = vec![[0.0; LANES]; n_components];
            let groups = interleave(rows, n_features);
            let mut sum = 0.0;
            for (out, group) in out.chunks_mut(LANES * n_components).zip(groups.chunks_exact(n_features)) {
                let totals = mixture.log_likelihoods(group, &mut solved, &mut logs);
                for (lane, (out, total)) in out.chunks_exact_mut(n_components).zip(totals).enumerate() {
                    out.iter_mut().zip(&logs).for_each(|(out, logs)| *out = (logs[lane] - total).exp());
                    sum += total;
                }
            }
            Ok(sum)
        })
        .collect();
    // Blocks are added in order, so that the number of threads does not show in the last bit.
    Ok(sums?.iter().sum::<f64>() / n_rows as f64)
}

/// ln(sum(exp(logs))) of each lane, without underflow: the largest term is taken out first.
fn log_sum_exp(logs: &[[f64; LANES]]) -> [f64; LANES] {
    std::array::from_fn(|lane| {
        let largest = logs.iter().map(|logs| logs[lane]).fold(f64::NEG_INFINITY, f64::max);
        if largest == f64::NEG_INFINITY {
            return largest;
        }
        largest + logs.iter().map(|logs| (logs[lane] - largest).exp()).sum::<f64>().ln()
    })
}

/// The lower Cholesky factor, or `None` when `matrix` is not positive definite.
fn cholesky(matrix: &Array2<f64>) -> Option<Array2<f64>> {
    let n = matrix.nrows();
    let mut factor = Array2::<f64>::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| factor[[i, k]] * factor[[j, k]]).sum();
            let rest = matrix[[i, j]] - known;
            factor[[i, j]] = if i == j { rest.sqrt() } else { rest / factor[[j, j]] };
        }
        let pivot = factor[[i, i]];
        if !pivot.is_finite() || pivot <= 0.0 {
            return None;
        }
    }
    Some(factor)
}
