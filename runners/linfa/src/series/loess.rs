//! Robust local regression over equally spaced rows (Cleveland, 1979), as STL uses it for the trend.

use nunatak_detector::{Context, DetectorError};

use crate::series::spread::median;

/// Points fitted between two looks at the cancel flag.
const CANCEL_POINTS: usize = 1_024;

/// A tenth of a window lies between two fitted points; the rows between are interpolated, as in STL.
const POINTS_A_WINDOW: usize = 10;

/// Locally linear fit of `values` with tricube weights over the `window` nearest rows, each row weighted by `weights`
/// too.
pub(crate) fn loess(
    values: &[f64],
    weights: &[f64],
    window: usize,
    ctx: &Context<'_>,
) -> Result<Vec<f64>, DetectorError> {
    let n_rows = values.len();
    let step = (window / POINTS_A_WINDOW).max(1);
    let mut smooth = vec![0.0; n_rows];
    let mut previous: Option<usize> = None;
    for (i, point) in (0..n_rows).step_by(step).chain(n_rows.checked_sub(1)).enumerate() {
        if i.is_multiple_of(CANCEL_POINTS) {
            ctx.check_cancelled()?;
        }
        smooth[point] = fit_at(values, weights, window, point);
        let from = previous.unwrap_or(point);
        for row in from + 1..point {
            let share = (row - from) as f64 / (point - from) as f64;
            smooth[row] = smooth[from] + share * (smooth[point] - smooth[from]);
        }
        previous = Some(point);
    }
    Ok(smooth)
}

/// The local line's value at `point`.
fn fit_at(values: &[f64], weights: &[f64], window: usize, point: usize) -> f64 {
    let n_rows = values.len();
    let first = point.saturating_sub(window / 2).min(n_rows.saturating_sub(window));
    let last = (first + window).min(n_rows) - 1;
    let beyond = window.saturating_sub(n_rows) / 2;
    let reach = ((point - first).max(last - point) + beyond) as f64 + 1e-9;
    let (mut total, mut sum_x, mut sum_y, mut sum_xx, mut sum_xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for row in first..=last {
        let x = row as f64 - point as f64;
        let near = (x / reach).abs();
        let tricube = 1.0 - near * near * near;
        let weight = tricube * tricube * tricube * weights[row];
        let y = values[row];
        total += weight;
        sum_x += weight * x;
        sum_y += weight * y;
        sum_xx += weight * x * x;
        sum_xy += weight * x * y;
    }
    if total <= 0.0 {
        // Every row nearby has been put aside as wild: there is nothing to hold this one against.
        return values[point];
    }
    let (mean_x, mean_y) = (sum_x / total, sum_y / total);
    let spread = sum_xx / total - mean_x * mean_x;
    // STL fits a constant where the rows that count lie closer together than a thousandth of all.
    let slope =
        if spread.sqrt() > 0.001 * (n_rows - 1) as f64 { (sum_xy / total - mean_x * mean_y) / spread } else { 0.0 };
    mean_y - slope * mean_x
}

/// Bisquare weights: rows whose residual is more than six times the median one count nothing.
pub(crate) fn robustness(residuals: &[f64]) -> Vec<f64> {
    let mut sizes: Vec<f64> = residuals.iter().map(|residual| residual.abs()).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let limit = 6.0 * median(&sizes);
    let weight = |residual: &f64| {
        let size = residual.abs();
        if size <= 0.001 * limit {
            1.0
        } else if size >= 0.999 * limit {
            0.0
        } else {
            (1.0 - (size / limit).powi(2)).powi(2)
        }
    };
    residuals.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line_and_wild_rows_are_ignored() {
        let mut values: Vec<f64> = (0..200).map(|i| 3.0 - 0.5 * f64::from(i)).collect();
        let line = values.clone();
        let smooth = loess(&values, &[1.0; 200], 31, &Context::quiet(0)).unwrap();
        assert!(smooth.iter().zip(&line).all(|(a, b)| (a - b).abs() < 1e-9));
        values[77] += 1e6;
        let mut weights = vec![1.0; 200];
        weights[77] = 0.0;
        let smooth = loess(&values, &weights, 31, &Context::quiet(0)).unwrap();
        assert!(smooth.iter().zip(&line).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn short_series_are_smoothed_too() {
        for n_rows in 1..6 {
            let values = vec![4.0; n_rows];
            let smooth = loess(&values, &vec![1.0; n_rows], 21, &Context::quiet(0)).unwrap();
            assert!(smooth.iter().all(|x| (x - 4.0).abs() < 1e-12));
        }
    }

    #[test]
    fn weights_are_cleveland_s() {
        let weights = robustness(&[1.0, -1.0, 1.0, 3.0, 100.0]);
        assert_eq!(weights[4], 0.0);
        assert!((weights[3] - 0.75_f64.powi(2)).abs() < 1e-12);
        assert_eq!(robustness(&[0.0, 0.0, 5.0]), [1.0, 1.0, 0.0]);
    }
}
