//! The minimum covariance determinant by FastMCD: the rows that lie closest together, and their mean and covariance.

use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array2, Axis};
use nunatak_detector::{Context, DetectorError};
use rand::seq::{SliceRandom, index};
use rayon::slice::ParallelSlice;

use crate::chi_squared;
use crate::linalg::eigen;
use crate::random::generator;

/// Rows of one task, and of one matrix product.
const BLOCK_ROWS: usize = 2_048;

/// C-steps at most where they are taken until the determinant falls no more.
const MAX_STEPS: usize = 30;

/// Candidates that are pursued further.
const BEST: usize = 10;

/// Stands for no variance: of two singular covariances that with more null directions has the lesser determinant, and of
/// two with equally many that which is smaller in the others.
const NULL_VARIANCE: f64 = f64::EPSILON * f64::EPSILON;

/// Where rows are centred and how they spread.
#[derive(Debug, Clone)]
pub(crate) struct Spread {
    pub(crate) location: Array1<f64>,
    /// W of |W (x - location)|^2, the squared distance of x; shape (rank, n_features).
    pub(crate) whitening: Array2<f64>,
    /// ln of the determinant of the covariance, in which [`NULL_VARIANCE`] stands for the variance of null directions.
    log_det: f64,
}

/// The reweighted estimate of `points`, shape (n_rows, n_features), from the `n_support` rows of least determinant.
///
/// Scales are made those of normal data, before and after reweighting, by the factors of Croux and Haesbroeck.
pub(crate) fn robust_spread(
    points: &Array2<f64>,
    n_support: usize,
    seed: u64,
    ctx: &Context<'_>,
) -> Result<Spread, DetectorError> {
    /// Share of normal rows that the reweighting leaves out.
    const CUT: f64 = 0.025;
    let (n_rows, n_features) = points.dim();
    let raw = fast_mcd(points, n_support, seed, ctx)?;
    ctx.report(0.9, "reweighting");
    let limit =
        chi_squared::quantile(1.0 - CUT, n_features) * consistency_factor(n_features, n_support as f64 / n_rows as f64);
    let distances = raw.distances(points, ctx)?;
    let mut kept: Vec<usize> = (0..n_rows).filter(|row| distances[*row] < limit).collect();
    if kept.len() < 2 {
        kept = smallest(&distances, n_support);
    }
    let mut spread = Spread::of(points, &kept, ctx)?;
    spread.whitening /= consistency_factor(n_features, 1.0 - CUT).sqrt();
    ctx.check_cancelled()?;
    Ok(spread)
}

/// By what the covariance of the inner share `alpha` of normal rows is too small.
fn consistency_factor(n_features: usize, alpha: f64) -> f64 {
    alpha / chi_squared::cdf(chi_squared::quantile(alpha, n_features), n_features + 2)
}

/// FastMCD: many random starts on small parts of the rows, the best of them on a larger part, the best of those on all.
fn fast_mcd(points: &Array2<f64>, n_support: usize, seed: u64, ctx: &Context<'_>) -> Result<Spread, DetectorError> {
    // The sizes are those of the paper and of scikit-learn.
    const ALL_AT_ONCE: usize = 500;
    const SUBSET_ROWS: usize = 300;
    const MERGED_ROWS: usize = 1_500;
    const TRIALS: usize = 500;
    let n_rows = points.nrows();
    let share = n_support as f64 / n_rows as f64;
    let support_of = |n: usize| ((n as f64 * share).ceil() as usize).clamp(1, n);
    if n_rows <= ALL_AT_ONCE {
        let starts = best_starts(points, n_support, 30, BEST, seed, ctx)?;
        return converge(points, n_support, &starts, ctx);
    }
    let n_subsets = n_rows / SUBSET_ROWS;
    let size = n_rows / n_subsets;
    let mut order: Vec<usize> = (0..n_rows).collect();
    order.shuffle(&mut generator(seed, 0));
    let trials = (TRIALS / n_subsets).max(BEST);
    let starts: Result<Vec<Vec<Spread>>, DetectorError> = (0..n_subsets)
        .into_par_iter()
        .map(|subset| {
            let rows = &order[subset * size..(subset + 1) * size];
            let part = points.select(Axis(0), rows);
            best_starts(&part, support_of(size), trials, BEST, seed.wrapping_add(1 + subset as u64), ctx)
        })
        .collect();
    ctx.report(0.3, "concentrating on a part of the rows");
    let starts: Vec<Spread> = starts?.into_iter().flatten().collect();
    let n_merged = n_rows.min(MERGED_ROWS);
    let merged = points.select(Axis(0), &order[..n_merged]);
    let ended: Result<Vec<Spread>, DetectorError> =
        starts.par_iter().map(|start| steps(&merged, support_of(n_merged), start, 2, ctx)).collect();
    ctx.report(0.6, "concentrating on all rows");
    converge(points, n_support, &best(ended?, BEST), ctx)
}

/// The `keep` best of `trials` random starts after two C-steps each.
fn best_starts(
    points: &Array2<f64>,
    n_support: usize,
    trials: usize,
    keep: usize,
    seed: u64,
    ctx: &Context<'_>,
) -> Result<Vec<Spread>, DetectorError> {
    let ended: Result<Vec<Spread>, DetectorError> = (0..trials)
        .into_par_iter()
        .map(|trial| {
            let rows = index::sample(&mut generator(seed, 1 + trial as u64), points.nrows(), n_support).into_vec();
            steps(points, n_support, &Spread::of(points, &rows, ctx)?, 2, ctx)
        })
        .collect();
    Ok(best(ended?, keep))
}

/// Pursues each start until its determinant falls no more, and gives the best end.
fn converge(
    points: &Array2<f64>,
    n_support: usize,
    starts: &[Spread],
    ctx: &Context<'_>,
) -> Result<Spread, DetectorError> {
    let ended: Result<Vec<Spread>, DetectorError> =
        starts.par_iter().map(|start| steps(points, n_support, start, MAX_STEPS, ctx)).collect();
    best(ended?, 1).pop().ok_or_else(|| DetectorError::numeric("no start of the robust covariance came to an end"))
}

/// The `keep` spreads of least determinant.
fn best(mut spreads: Vec<Spread>, keep: usize) -> Vec<Spread> {
    spreads.sort_by(|a, b| a.log_det.total_cmp(&b.log_det));
    spreads.truncate(keep);
    spreads
}

/// C-steps: the `n_support` rows closest by the spread so far give the next. The determinant never rises.
fn steps(
    points: &Array2<f64>,
    n_support: usize,
    start: &Spread,
    max_steps: usize,
    ctx: &Context<'_>,
) -> Result<Spread, DetectorError> {
    let step = |from: &Spread| Spread::of(points, &smallest(&from.distances(points, ctx)?, n_support), ctx);
    // The start may be of other rows, so its determinant says nothing here.
    let mut current = step(start)?;
    for _ in 1..max_steps {
        let next = step(&current)?;
        if next.log_det >= current.log_det {
            break;
        }
        current = next;
    }
    Ok(current)
}

/// The indices of the `count` smallest distances, ascending.
fn smallest(distances: &[f64], count: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..distances.len()).collect();
    if count < rows.len() {
        rows.select_nth_unstable_by(count, |a, b| distances[*a].total_cmp(&distances[*b]).then(a.cmp(b)));
        rows.truncate(count);
        rows.sort_unstable();
    }
    rows
}

impl Spread {
    /// Mean and covariance (divisor n) of `rows` of `points`.
    fn of(points: &Array2<f64>, rows: &[usize], ctx: &Context<'_>) -> Result<Self, DetectorError> {
        let n = rows.len() as f64;
        let location = rows.iter().fold(Array1::zeros(points.ncols()), |sum, row| sum + points.row(*row)) / n;
        let blocks: Result<Vec<Array2<f64>>, DetectorError> = rows
            .par_chunks(BLOCK_ROWS)
            .map(|rows| {
                ctx.check_cancelled()?;
                let centred = points.select(Axis(0), rows) - &location;
                Ok(centred.t().dot(&centred))
            })
            .collect();
        let zeros = Array2::zeros((points.ncols(), points.ncols()));
        // One after the other, so that the sum does not depend on which block was done first.
        let covariance = blocks?.into_iter().fold(zeros, |sum, block| sum + block) / n;
        if let Some((whitening, log_det)) = inverse_cholesky(&covariance) {
            return Ok(Self { location, whitening, log_det });
        }
        let mut eigen = eigen(&covariance)?;
        for (mut vector, value) in eigen.vectors.rows_mut().into_iter().zip(&eigen.values) {
            vector /= value.sqrt();
        }
        let n_null = points.ncols() - eigen.values.len();
        let log_det = eigen.values.mapv(f64::ln).sum() + n_null as f64 * NULL_VARIANCE.ln();
        Ok(Self { location, whitening: eigen.vectors, log_det })
    }

    /// Squared distances of all `points`.
    fn distances(&self, points: &Array2<f64>, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let blocks: Result<Vec<Vec<f64>>, DetectorError> = points
            .axis_chunks_iter(Axis(0), BLOCK_ROWS)
            .into_par_iter()
            .map(|block| {
                ctx.check_cancelled()?;
                let whitened = (&block - &self.location).dot(&self.whitening.t());
                Ok(whitened.rows().into_iter().map(|row| row.iter().map(|x| x * x).sum()).collect())
            })
            .collect();
        Ok(blocks?.concat())
    }
}

/// The inverse of the lower Cholesky factor of `matrix` and ln of its determinant; `None` when it is singular.
fn inverse_cholesky(matrix: &Array2<f64>) -> Option<(Array2<f64>, f64)> {
    let n = matrix.nrows();
    let largest = matrix.diag().iter().copied().fold(0.0, f64::max);
    let smallest = 10.0 * n as f64 * f64::EPSILON * largest;
    let mut factor = vec![0.0; n * n];
    let mut inverse = vec![0.0; n * n];
    let mut log_det = 0.0;
    for i in 0..n {
        let (above, current) = factor.split_at_mut(i * n);
        let current = &mut current[..n];
        for (j, row) in above.chunks_exact(n).enumerate() {
            current[j] = (matrix[[i, j]] - dot4(&current[..j], &row[..j])) / row[j];
        }
        let pivot = matrix[[i, i]] - dot4(&current[..i], &current[..i]);
        if pivot.is_nan() || pivot <= smallest {
            return None;
        }
        log_det += pivot.ln();
        current[i] = pivot.sqrt();
        // Row i of the inverse: the unit vector less the rows above it, as far as the factor says.
        let (above, own) = inverse.split_at_mut(i * n);
        let own = &mut own[..n];
        own[i] = 1.0;
        for (row, weight) in above.chunks_exact(n).zip(&*current) {
            own.iter_mut().zip(row).for_each(|(own, x)| *own -= weight * x);
        }
        own.iter_mut().for_each(|x| *x /= current[i]);
    }
    Array2::from_shape_vec((n, n), inverse).ok().map(|inverse| (inverse, log_det))
}

/// Sum of a[i] * b[i] in four running sums, which the processor adds at once.
fn dot4(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a_chunks, b_chunks) = (a.chunks_exact(4), b.chunks_exact(4));
    let tail: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn inverse_cholesky_whitens() {
        let matrix = array![[4.0, 2.0, 0.6], [2.0, 5.0, 1.0], [0.6, 1.0, 3.0]];
        let (inverse, log_det) = inverse_cholesky(&matrix).unwrap();
        let identity = inverse.dot(&matrix).dot(&inverse.t());
        assert!(identity.indexed_iter().all(|((i, j), x)| (x - f64::from(u8::from(i == j))).abs() < 1e-12));
        assert!((log_det - 44.6_f64.ln()).abs() < 1e-12, "{log_det}");
        assert!(inverse_cholesky(&array![[1.0, 1.0], [1.0, 1.0]]).is_none());
    }

    #[test]
    fn a_third_of_outliers_moves_nothing() {
        let points = Array2::from_shape_fn((900, 2), |(row, column)| {
            let noise = (row as f64 * (1.3 + column as f64)).sin();
            if row % 3 == 0 { 50.0 + 0.1 * noise } else { noise }
        });
        let spread = robust_spread(&points, 452, 0, &Context::quiet(0)).unwrap();
        assert!(spread.location.iter().all(|x| x.abs() < 0.1), "{}", spread.location);
    }
}
