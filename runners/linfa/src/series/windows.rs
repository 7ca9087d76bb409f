//! Sliding windows over a series: how long, and how window scores become point scores.

use ndarray::{Array2, ArrayView1};
use nunatak_detector::{Context, DetectorError, Frame, Standardization};
use rayon::prelude::*;

use crate::rows::BLOCK_ROWS;

/// Lags searched for a period, and the rows it is searched in: as TSB-AD's `find_length_rank`.
const MAX_LAG: usize = 400;
const ACF_ROWS: usize = 20_000;

/// The window when the series shows no period between 3 and 300 rows, again TSB-AD's.
const DEFAULT_WINDOW: usize = 125;

/// The period of a standardised table: the lag of the highest local maximum of the autocorrelation, averaged over the
/// columns. Never more than a quarter of the rows, never less than 2.
pub(crate) fn period(table: &Array2<f64>) -> usize {
    let window = peak(table).map_or(DEFAULT_WINDOW, |(lag, _)| lag);
    window.min(table.nrows() / 4).max(2)
}

/// The period of a table that has a season: as [`period`], where the autocorrelation is at least 0.1 there and three
/// periods are at hand.
pub(crate) fn season(table: &Array2<f64>) -> Option<usize> {
    let seasonal = |(lag, correlation): &(usize, f64)| *correlation >= 0.1 && lag * 3 <= table.nrows();
    peak(table).filter(seasonal).map(|(lag, _)| lag)
}

/// The rows with mean 0 and standard deviation 1 in each column, to look for a period in.
pub(crate) fn standardized(frame: &Frame) -> Array2<f64> {
    Standardization::fit(frame.values()).apply(frame.values())
}

/// The lag of 6 to 303 rows at which the autocorrelation has its highest local maximum, and its mean over the columns.
fn peak(table: &Array2<f64>) -> Option<(usize, f64)> {
    let n_rows = table.nrows().min(ACF_ROWS);
    let lags = MAX_LAG.min(n_rows / 2);
    let mut autocorrelation = vec![0.0; lags];
    for column in table.columns() {
        let column = column.to_vec();
        let column = &column[..n_rows];
        let mean = column.iter().sum::<f64>() / n_rows as f64;
        let centred: Vec<f64> = column.iter().map(|x| x - mean).collect();
        let variance: f64 = centred.iter().map(|x| x * x).sum();
        if variance > 0.0 {
            for (lag, sum) in autocorrelation.iter_mut().enumerate() {
                *sum += centred[lag..].iter().zip(&centred).map(|(a, b)| a * b).sum::<f64>() / variance;
            }
        }
    }
    let peak = (4..lags.saturating_sub(1))
        .filter(|lag| {
            autocorrelation[*lag] > autocorrelation[lag - 1] && autocorrelation[*lag] > autocorrelation[lag + 1]
        })
        .max_by(|a, b| autocorrelation[*a].total_cmp(&autocorrelation[*b]));
    let lag = peak.filter(|lag| (6..=303).contains(lag))?;
    Some((lag, autocorrelation[lag] / table.ncols() as f64))
}

/// Errors unless the frame holds at least one window.
pub(crate) fn check_length(frame: &Frame, window: usize) -> Result<(), DetectorError> {
    if frame.n_rows() >= window {
        return Ok(());
    }
    let n_rows = frame.n_rows();
    Err(DetectorError::data(format!(
        "the series has {n_rows} rows, fewer than the window of {window}; append more rows"
    )))
}

/// Scores each window of `window` consecutive rows (`score(scratch, values)`, values row after row), then gives each row the
/// mean of the windows that cover it.
pub(crate) fn score_points<S>(
    table: &Array2<f64>,
    window: usize,
    ctx: &Context<'_>,
    scratch: impl Fn() -> S + Sync,
    score: impl Fn(&mut S, &[f64]) -> f64 + Sync,
) -> Result<Vec<f64>, DetectorError> {
    let n_columns = table.ncols();
    let values = table.as_slice().unwrap_or_default();
    let mut window_scores = vec![0.0; table.nrows() + 1 - window];
    window_scores.par_chunks_mut(BLOCK_ROWS).enumerate().try_for_each(|(block, out)| {
        ctx.check_cancelled()?;
        let mut scratch = scratch();
        for (i, out) in out.iter_mut().enumerate() {
            let first = (block * BLOCK_ROWS + i) * n_columns;
            *out = score(&mut scratch, &values[first..first + window * n_columns]);
        }
        Ok::<(), DetectorError>(())
    })?;
    ctx.check_cancelled()?;
    Ok(cover(&window_scores, window))
}

/// Each row's mean over the windows of `window` rows that cover it, given one score for each window in order.
pub(crate) fn cover(window_scores: &[f64], window: usize) -> Vec<f64> {
    let mean = |row: usize| {
        let covering = row.saturating_sub(window - 1)..(row + 1).min(window_scores.len());
        let n_covering = covering.len() as f64;
        window_scores[covering].iter().sum::<f64>() / n_covering
    };
    (0..window_scores.len() + window - 1).into_par_iter().map(mean).collect()
}

/// The windows that start at `starts`, one a row, shape (starts, window x n_columns).
pub(crate) fn select(table: &Array2<f64>, window: usize, starts: &[usize]) -> Array2<f64> {
    let n_columns = table.ncols();
    let values = table.as_slice().unwrap_or_default();
    let mut windows = Array2::zeros((starts.len(), window * n_columns));
    for (mut row, start) in windows.rows_mut().into_iter().zip(starts) {
        row.assign(&ArrayView1::from(&values[start * n_columns..(start + window) * n_columns]));
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_period_of_a_sine() {
        let table = Array2::from_shape_fn((2000, 1), |(row, _)| (row as f64 * std::f64::consts::TAU / 48.0).sin());
        assert_eq!(period(&table), 48);
        assert_eq!(season(&table), Some(48));
        assert_eq!(season(&table.mapv(|x| x * 0.0)), None);
        assert_eq!(period(&Array2::zeros((2000, 1))), DEFAULT_WINDOW);
        assert_eq!(period(&Array2::zeros((12, 1))), 3);
    }

    #[test]
    fn points_get_the_mean_of_their_windows() {
        let table = Array2::from_shape_vec((4, 1), vec![0.0, 0.0, 6.0, 0.0]).unwrap();
        let sum = |(): &mut (), values: &[f64]| values.iter().sum::<f64>();
        let scores = score_points(&table, 2, &Context::quiet(0), || (), sum).unwrap();
        assert_eq!(scores, [0.0, 3.0, 6.0, 6.0]);
    }
}
