//! The control charts against their formulas, computed here the long way from the textbook.

use ndarray::Array2;
use nunatak_detector::{Context, FittedDetector, Frame, load};
use serde_json::{Value, json};

use crate::reference::fit;

/// Columns that depend on each other, with a shift of the mean in the last fifth.
fn frame(n_rows: usize, n_columns: usize) -> Frame {
    let values = Array2::from_shape_fn((n_rows, n_columns), |(row, column)| {
        let noise = ((row * 7919 + column * 104_729) % 1009) as f64 / 1009.0;
        let common = ((row * 6007) % 911) as f64 / 911.0;
        let shift = if row * 5 > n_rows * 4 { 1.0 } else { 0.0 };
        10.0 * (column + 1) as f64 + noise + common + shift
    });
    let columns = (0..n_columns).map(|column| format!("c{column}")).collect();
    Frame::new(columns, values, None, None).unwrap()
}

fn fitted(name: &str, frame: &Frame, settings: Value) -> Box<dyn FittedDetector> {
    load(&nunatak_linfa::all(), &fit(name, frame, settings).artifact).unwrap()
}

fn scores(name: &str, training: &Frame, fresh: &Frame, settings: Value) -> Vec<f64> {
    fitted(name, training, settings).score(fresh, &Context::quiet(0)).unwrap()
}

/// Mean and standard deviation (divisor n) of a column.
fn moments(frame: &Frame, column: usize) -> (f64, f64) {
    let column = frame.values().column(column).to_vec();
    let mean = column.iter().sum::<f64>() / column.len() as f64;
    let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / column.len() as f64;
    (mean, variance.sqrt())
}

fn assert_close(name: &str, scores: &[f64], expected: impl Fn(usize) -> f64) {
    for (row, score) in scores.iter().enumerate() {
        let expected = expected(row);
        let error = (score - expected).abs() / expected.abs().max(1.0);
        assert!(error < 1e-9, "{name} row {row}: {score} is not {expected}");
    }
}

#[test]
fn shewhart_is_the_distance_in_moving_range_sigmas() {
    let (training, fresh) = (frame(400, 3), frame(90, 3));
    let naive = |row: usize| {
        let zs = (0..3).map(|column| {
            let values = training.values().column(column).to_vec();
            let range: f64 = (1..400).map(|i| (values[i] - values[i - 1]).abs()).sum::<f64>() / 399.0;
            let sigma = range * std::f64::consts::PI.sqrt() / 2.0;
            (fresh.row(row)[column] - moments(&training, column).0).abs() / sigma
        });
        zs.fold(0.0, f64::max)
    };
    assert_close("shewhart", &scores("shewhart", &training, &fresh, Value::Null), naive);
    let parameters = fit("shewhart", &training, json!({"sigma_method": "std"})).parameters;
    let (mean, sigma) = moments(&training, 1);
    for (name, expected) in
        [("center_line_", mean), ("upper_3_sigma_", mean + 3.0 * sigma), ("lower_1_sigma_", mean - sigma)]
    {
        assert!((parameters[name][1].as_f64().unwrap() - expected).abs() < 1e-9, "{name}");
    }
}

#[test]
fn run_rules_only_ever_raise_a_score_to_just_above_three() {
    let training = frame(400, 1);
    let without = scores("shewhart", &training, &training, json!({"sigma_method": "std"}));
    let with = scores("shewhart", &training, &training, json!({"sigma_method": "std", "rules": true}));
    let raised = with.iter().zip(&without).filter(|(with, without)| with != without).count();
    assert!(raised > 20, "the shift at the end gives long runs, {raised}");
    assert!(with.iter().zip(&without).all(|(with, without)| with == without || (*with == 3.001 && *without < 3.0)));
}

#[test]
fn ewma_is_the_weighted_sum_over_its_exact_deviation() {
    let (training, fresh) = (frame(400, 2), frame(120, 2));
    for lambda in [0.1, 0.35, 1.0] {
        let naive = |row: usize| {
            let charts = (0..2).map(|column| {
                let (mean, sigma) = moments(&training, column);
                // The sum written out, and the variance as the sum of the squared weights.
                let weight = |age: usize| lambda * f64::powi(1.0 - lambda, age as i32);
                let average: f64 = (0..=row).map(|i| weight(row - i) * (fresh.row(i)[column] - mean)).sum();
                let variance: f64 = (0..=row).map(|age| weight(age).powi(2)).sum();
                average.abs() / (sigma * variance.sqrt())
            });
            charts.fold(0.0, f64::max)
        };
        assert_close("ewma", &scores("ewma", &training, &fresh, json!({"lambda": lambda})), naive);
    }
}

#[test]
fn cusum_is_the_largest_sum_of_any_stretch_that_ends_here() {
    let (training, fresh) = (frame(400, 2), frame(150, 2));
    let zs = |column: usize| {
        let (mean, sigma) = moments(&training, column);
        (0..150).map(|row| (fresh.row(row)[column] - mean) / sigma).collect::<Vec<f64>>()
    };
    let zs = [zs(0), zs(1)];
    // Closed form of the recursion: the largest over all starts of the sum of (z - k), and of (-z - k).
    let naive = |row: usize| {
        let sums = zs.iter().flat_map(|zs| {
            (0..=row).flat_map(move |first| {
                let up: f64 = zs[first..=row].iter().map(|z| z - 0.5).sum();
                let down: f64 = zs[first..=row].iter().map(|z| -z - 0.5).sum();
                [up, down]
            })
        });
        sums.fold(0.0, f64::max)
    };
    assert_close("cusum", &scores("cusum", &training, &fresh, Value::Null), naive);
}

#[test]
fn cusum_starts_again_after_an_alarm() {
    let training = frame(400, 1);
    let (mean, sigma) = moments(&training, 0);
    let values = Array2::from_elem((9, 1), mean + 2.5 * sigma);
    let shifted = Frame::new(vec!["c0".into()], values, None, None).unwrap();
    let scores = scores("cusum", &training, &shifted, json!({"h": 5.0, "reset_on_alarm": true}));
    assert_close("cusum", &scores, |row| [2.0, 4.0, 6.0][row % 3]);
}

/// Solves a x = b by Gaussian elimination with pivoting.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        let pivot = (i..n).max_by(|p, q| a[*p][i].abs().total_cmp(&a[*q][i].abs())).unwrap();
        a.swap(i, pivot);
        b.swap(i, pivot);
        let (above, below) = a.split_at_mut(i + 1);
        for (row, below) in below.iter_mut().enumerate() {
            let factor = below[i] / above[i][i];
            below.iter_mut().zip(&above[i]).for_each(|(x, pivot)| *x -= factor * pivot);
            b[i + 1 + row] -= factor * b[i];
        }
    }
    for i in (0..n).rev() {
        b[i] = (b[i] - (i + 1..n).map(|j| a[i][j] * b[j]).sum::<f64>()) / a[i][i];
    }
    b
}

#[test]
fn mewma_is_t2_of_the_weighted_sum() {
    let (training, fresh) = (frame(400, 4), frame(120, 4));
    let means: Vec<f64> = (0..4).map(|column| moments(&training, column).0).collect();
    let covariance = |i: usize, j: usize| {
        let rows = training.values();
        rows.rows().into_iter().map(|row| (row[i] - means[i]) * (row[j] - means[j])).sum::<f64>() / 399.0
    };
    for lambda in [0.2, 1.0] {
        let weight = |age: usize| lambda * f64::powi(1.0 - lambda, age as i32);
        let shares = |row: usize| {
            let q: Vec<f64> = (0..4)
                .map(|column| (0..=row).map(|i| weight(row - i) * (fresh.row(i)[column] - means[column])).sum())
                .collect();
            let factor: f64 = (0..=row).map(|age| weight(age).powi(2)).sum();
            let matrix = (0..4).map(|i| (0..4).map(|j| factor * covariance(i, j)).collect()).collect();
            let weights = solve(matrix, q.clone());
            q.iter().zip(weights).map(|(q, weight)| q * weight).collect::<Vec<f64>>()
        };
        let fitted = fitted("mewma", &training, json!({"lambda": lambda}));
        let scores = fitted.score(&fresh, &Context::quiet(0)).unwrap();
        assert_close("mewma", &scores, |row| shares(row).iter().sum());
        let rows = [100, 3, 57, 3];
        let contributions = fitted.contributions(&fresh, &rows, &Context::quiet(0)).unwrap().unwrap();
        for (at, row) in rows.into_iter().enumerate() {
            for (share, expected) in contributions.row(at).iter().zip(shares(row)) {
                assert!((share - expected).abs() < 1e-9 * expected.abs().max(1.0), "row {row}: {share} {expected}");
            }
        }
    }
}

#[test]
fn t2_of_one_row_is_that_of_mahalanobis() {
    let (training, fresh) = (frame(400, 4), frame(120, 4));
    let expected = scores("mahalanobis", &training, &fresh, Value::Null);
    assert_close("mewma", &scores("mewma", &training, &fresh, json!({"lambda": 1.0})), |row| expected[row]);
}
