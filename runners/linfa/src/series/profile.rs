//! The nearest neighbour of each window of a series among the windows of another or the same one, both z-normalised.

use nunatak_detector::{Context, DetectorError};
use rayon::prelude::*;

/// Pairs of windows that are compared at most; some ten seconds a core.
pub(crate) const MAX_PAIRS: u64 = 20_000_000_000;

/// Neighbouring diagonals that are followed side by side, so that the processor works on all at once.
const LANES: usize = 8;

/// Diagonals of one task. Fixed, so that threads do not show.
const TASK_DIAGONALS: usize = 256;

/// Steps between two looks at the cancel flag.
const CANCEL_STEPS: usize = 1 << 16;

/// Steps after which a running covariance is computed afresh, which bounds the rounding that it gathers.
const RENEW_STEPS: usize = 4_096;

/// All windows of one column.
#[derive(Debug)]
pub(crate) struct Windows {
    values: Vec<f64>,
    window: usize,
    /// Mean of each window.
    mean: Vec<f64>,
    /// 1 / (root of the sum of squares about the mean); 0 for a constant window.
    inverse_norm: Vec<f64>,
    /// For window i, the value that enters (last) and the one that has left (before the first), each less the mean of
    /// the `window` - 1 values that it shares with window i - 1. 0 for window 0.
    entering: Vec<f64>,
    leaving: Vec<f64>,
}

impl Windows {
    /// `values` holds at least one window, of at least 3 values.
    pub(crate) fn new(values: Vec<f64>, window: usize) -> Self {
        let n = values.len() + 1 - window;
        let mean_of = |slice: &[f64]| slice.iter().sum::<f64>() / slice.len() as f64;
        let mean: Vec<f64> = values.windows(window).map(mean_of).collect();
        let inverse_norm = values.windows(window).zip(&mean).map(|(slice, mean)| inverse_norm(slice, *mean)).collect();
        let shared: Vec<f64> = values.windows(window - 1).map(mean_of).collect();
        let entering = (0..n).map(|i| if i == 0 { 0.0 } else { values[i + window - 1] - shared[i] }).collect();
        let leaving = (0..n).map(|i| if i == 0 { 0.0 } else { values[i - 1] - shared[i] }).collect();
        Self { values, window, mean, inverse_norm, entering, leaving }
    }

    fn len(&self) -> usize {
        self.mean.len()
    }

    fn is_constant(&self, at: usize) -> bool {
        self.inverse_norm[at] == 0.0
    }

    fn slice(&self, at: usize) -> &[f64] {
        &self.values[at..at + self.window]
    }
}

/// 0 for a constant window: one of equal values, not one of a small spread.
fn inverse_norm(values: &[f64], mean: f64) -> f64 {
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    let is_constant = values.iter().all(|x| *x == values[0]) || squares < f64::MIN_POSITIVE;
    if is_constant { 0.0 } else { 1.0 / squares.sqrt() }
}

/// The best neighbour so far of each window: its correlation, and where it starts.
#[derive(Debug, Clone)]
struct Best {
    correlation: Vec<f64>,
    at: Vec<u32>,
}

const NOBODY: u32 = u32::MAX;

impl Best {
    /// Nobody yet; what a constant window has cannot be beaten, so none is sought.
    fn new(windows: &Windows) -> Self {
        let start = |norm: &f64| if *norm == 0.0 { f64::INFINITY } else { f64::NEG_INFINITY };
        Self { correlation: windows.inverse_norm.iter().map(start).collect(), at: vec![NOBODY; windows.len()] }
    }

    /// Keeps the better one; of equals the one that starts first, whichever task found it.
    fn offer(&mut self, window: usize, correlation: f64, at: u32) {
        let ours = self.correlation[window];
        if correlation > ours || (correlation == ours && at < self.at[window]) {
            (self.correlation[window], self.at[window]) = (correlation, at);
        }
    }

    fn merge(mut self, other: &Self) -> Self {
        for (window, (theirs, at)) in other.correlation.iter().zip(&other.at).enumerate() {
            self.offer(window, *theirs, *at);
        }
        self
    }
}

/// Which windows are compared with which.
#[derive(Debug)]
pub(crate) struct Join<'a> {
    left: &'a Windows,
    right: &'a Windows,
    /// Windows of one series that start at most so many rows apart are not compared; `None` for two series.
    exclusion: Option<usize>,
}

impl<'a> Join<'a> {
    /// Each window with the others of the same series that start more than `exclusion` rows away.
    pub(crate) fn with_itself(windows: &'a Windows, exclusion: usize) -> Self {
        Self { left: windows, right: windows, exclusion: Some(exclusion) }
    }

    /// Each window of `left` with all of `right`; both have the same length of window.
    pub(crate) fn with(left: &'a Windows, right: &'a Windows) -> Self {
        Self { left, right, exclusion: None }
    }

    /// For each window of `left`, the Euclidean distance of its z-normalised values to the nearest of `right`: between
    /// 0 and 2 sqrt(window).
    pub(crate) fn distances(&self, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let best = self.best(ctx)?;
        ctx.check_cancelled()?;
        let any_constant = (0..self.right.len()).filter(|at| self.right.is_constant(*at));
        let constants: Vec<usize> = any_constant.collect();
        Ok((0..self.left.len()).into_par_iter().map(|window| self.distance(window, &best, &constants)).collect())
    }

    /// The diagonals gave the neighbour; its distance is computed afresh, since near 0 the root magnifies rounding.
    fn distance(&self, window: usize, best: &Best, constants: &[usize]) -> f64 {
        let of_constant = (self.left.window as f64).sqrt();
        let is_apart = |at: &usize| self.exclusion.is_none_or(|exclusion| at.abs_diff(window) > exclusion);
        if self.left.is_constant(window) {
            return if has(constants, is_apart) { 0.0 } else { of_constant };
        }
        let to_constant = if has(constants, is_apart) { of_constant } else { f64::INFINITY };
        let to_best = match best.at[window] {
            NOBODY => f64::INFINITY,
            at => self.between(window, at as usize),
        };
        // Only a window without any to be compared with has none.
        let distance = to_best.min(to_constant);
        if distance.is_finite() { distance } else { of_constant }
    }

    fn between(&self, left: usize, right: usize) -> f64 {
        let scale = (self.left.window as f64).sqrt();
        let of = |windows: &Windows, at: usize| (windows.mean[at], windows.inverse_norm[at] * scale);
        let ((left_mean, left_scale), (right_mean, right_scale)) = (of(self.left, left), of(self.right, right));
        let pairs = self.left.slice(left).iter().zip(self.right.slice(right));
        let difference = |(a, b): (&f64, &f64)| (a - left_mean) * left_scale - (b - right_mean) * right_scale;
        pairs.map(difference).map(|difference| difference * difference).sum::<f64>().sqrt()
    }

    /// The most correlated of the windows that are not constant.
    fn best(&self, ctx: &Context<'_>) -> Result<Best, DetectorError> {
        let tasks: Vec<(isize, isize)> = self.tasks();
        let nothing = || Best::new(self.left);
        tasks
            .into_par_iter()
            .try_fold(nothing, |mut best, (first, last)| {
                for diagonal in (first..last).step_by(LANES) {
                    let lanes = LANES.min((last - diagonal) as usize);
                    self.follow(diagonal, lanes, &mut best, ctx)?;
                }
                Ok(best)
            })
            .try_reduce(nothing, |left, right| Ok(left.merge(&right)))
    }

    /// Ranges of diagonals, a diagonal being where the right window starts less where the left one does.
    fn tasks(&self) -> Vec<(isize, isize)> {
        let (first, last) = match self.exclusion {
            Some(exclusion) => (exclusion as isize + 1, self.left.len() as isize),
            None => (1 - self.left.len() as isize, self.right.len() as isize),
        };
        let starts = (first..last).step_by(TASK_DIAGONALS);
        starts.map(|start| (start, (start + TASK_DIAGONALS as isize).min(last))).collect()
    }

    /// Follows `lanes` diagonals from `diagonal` on, from their start to their end.
    fn follow(&self, diagonal: isize, lanes: usize, best: &mut Best, ctx: &Context<'_>) -> Result<(), DetectorError> {
        // Rows at which all lanes are inside both series; before and after them each lane goes alone.
        let from = (-diagonal).max(0) as usize;
        let until = self.left.len().min((self.right.len() as isize - diagonal - lanes as isize + 1).max(0) as usize);
        if lanes < LANES || until <= from {
            for lane in 0..lanes {
                self.follow_one(diagonal + lane as isize, 0..usize::MAX, best, ctx)?;
            }
            return Ok(());
        }
        for lane in 0..lanes as isize {
            self.follow_one(diagonal + lane, 0..from, best, ctx)?;
            self.follow_one(diagonal + lane, until..usize::MAX, best, ctx)?;
        }
        for start in (from..until).step_by(RENEW_STEPS) {
            ctx.check_cancelled()?;
            self.follow_side_by_side(diagonal, start..until.min(start + RENEW_STEPS), best);
        }
        Ok(())
    }

    /// One diagonal, as far as the left window is in `rows`.
    fn follow_one(
        &self,
        diagonal: isize,
        rows: std::ops::Range<usize>,
        best: &mut Best,
        ctx: &Context<'_>,
    ) -> Result<(), DetectorError> {
        let from = rows.start.max((-diagonal).max(0) as usize);
        let until = rows.end.min(self.left.len()).min((self.right.len() as isize - diagonal).max(0) as usize);
        let mut covariance = 0.0;
        for row in from..until {
            let other = (row as isize + diagonal) as usize;
            if (row - from).is_multiple_of(RENEW_STEPS) {
                if (row - from).is_multiple_of(CANCEL_STEPS) {
                    ctx.check_cancelled()?;
                }
                covariance = self.covariance(row, other);
            } else {
                covariance += self.step(row, other);
            }
            self.offer(row, other, covariance, best);
        }
        Ok(())
    }

    /// [`LANES`] diagonals at once; all of them are inside both series at each of `rows`.
    fn follow_side_by_side(&self, diagonal: isize, rows: std::ops::Range<usize>, best: &mut Best) {
        let shared = 1.0 - 1.0 / self.left.window as f64;
        let other_of = |row: usize| (row as isize + diagonal) as usize;
        let mut covariance = [0.0; LANES];
        let start = other_of(rows.start);
        covariance.iter_mut().enumerate().for_each(|(lane, sum)| *sum = self.covariance(rows.start, start + lane));
        let both = self.exclusion.is_some();
        for row in rows.clone() {
            let other = other_of(row);
            let lanes = other..other + LANES;
            if row > rows.start {
                let (entering, leaving) = (shared * self.left.entering[row], shared * self.left.leaving[row]);
                let others = self.right.entering[lanes.clone()].iter().zip(&self.right.leaving[lanes.clone()]);
                for (sum, (theirs_in, theirs_out)) in covariance.iter_mut().zip(others) {
                    *sum += entering * theirs_in - leaving * theirs_out;
                }
            }
            let norm = self.left.inverse_norm[row];
            let mut correlation = [0.0; LANES];
            let norms = &self.right.inverse_norm[lanes.clone()];
            for ((out, sum), theirs) in correlation.iter_mut().zip(&covariance).zip(norms) {
                *out = sum * norm * theirs;
            }
            // Most rows beat no record, which few comparisons tell.
            let largest = correlation.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let beats_other =
                || correlation.iter().zip(&best.correlation[lanes]).any(|(found, record)| found >= record);
            if largest >= best.correlation[row] || (both && beats_other()) {
                for (lane, covariance) in covariance.iter().enumerate() {
                    self.offer(row, other + lane, *covariance, best);
                }
            }
        }
    }

    fn offer(&self, row: usize, other: usize, covariance: f64, best: &mut Best) {
        if self.left.is_constant(row) || self.right.is_constant(other) {
            return;
        }
        let correlation = covariance * self.left.inverse_norm[row] * self.right.inverse_norm[other];
        best.offer(row, correlation, other as u32);
        if self.exclusion.is_some() {
            best.offer(other, correlation, row as u32);
        }
    }

    /// Sum of the products of both windows, each about its mean.
    fn covariance(&self, row: usize, other: usize) -> f64 {
        let (left_mean, right_mean) = (self.left.mean[row], self.right.mean[other]);
        let pairs = self.left.slice(row).iter().zip(self.right.slice(other));
        pairs.map(|(a, b)| (a - left_mean) * (b - right_mean)).sum()
    }

    /// What the covariance of windows (row, other) has more than that of the windows one row before.
    fn step(&self, row: usize, other: usize) -> f64 {
        let shared = 1.0 - 1.0 / self.left.window as f64;
        shared * self.left.entering[row] * self.right.entering[other]
            - shared * self.left.leaving[row] * self.right.leaving[other]
    }
}

/// Whether any of the ascending `windows` passes.
fn has(windows: &[usize], passes: impl Fn(&usize) -> bool) -> bool {
    // The first or the last is the farthest away, whatever is excluded.
    windows.first().is_some_and(&passes) || windows.last().is_some_and(&passes)
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
