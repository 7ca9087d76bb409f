//! Reasons that the methods give themselves: they add up to the score and name the feature at fault.

use ndarray::Array2;
use nunatak_detector::{Context, FittedDetector, Frame, load};
use serde_json::{Value, json};

use crate::reference::fit;

/// Detectors whose contributions are the terms of the score.
fn exact() -> Vec<(&'static str, Value)> {
    vec![
        ("pca", Value::Null),
        ("pca", json!({"method": "reconstruction"})),
        ("pca", json!({"method": "hotelling_t2"})),
        ("pca", json!({"method": "hotelling_t2", "n_components": 3})),
        ("mahalanobis", Value::Null),
        ("mcd", Value::Null),
        ("ecod", Value::Null),
        ("copod", Value::Null),
        ("hbos", Value::Null),
    ]
}

/// Five features, of which the first three go together and the last is constant. (Of two that go together, a residual
/// cannot say which one left the other.)
fn frame(n_rows: usize) -> Frame {
    let values = Array2::from_shape_fn((n_rows, 5), |(row, column)| {
        let noise = |k: f64| (row as f64 * k).sin() + (row as f64 * k * 1.7).cos();
        match column {
            0 => noise(0.71),
            1 => 3.0 * noise(0.71) + 0.5 * noise(2.3),
            2 => 0.3 * noise(3.1) - noise(0.71),
            3 => noise(1.11),
            _ => 2.5,
        }
    });
    let columns = ["a", "b", "c", "d", "e"].map(String::from).to_vec();
    Frame::new(columns, values, None, None).unwrap()
}

fn fitted(name: &str, settings: Value) -> Box<dyn FittedDetector> {
    load(&nunatak_linfa::all(), &fit(name, &frame(400), settings).artifact).unwrap()
}

fn contributions(fitted: &dyn FittedDetector, frame: &Frame, rows: &[usize]) -> Array2<f64> {
    fitted.contributions(frame, rows, &Context::quiet(0)).unwrap().expect("the method's own contributions")
}

#[test]
fn terms_add_up_to_the_score() {
    let frame = frame(600);
    for (name, settings) in exact() {
        let fitted = fitted(name, settings.clone());
        let scores = fitted.score(&frame, &Context::quiet(0)).unwrap();
        let rows: Vec<usize> = (0..600).step_by(7).collect();
        let terms = contributions(fitted.as_ref(), &frame, &rows);
        // Features that are constant add the same to every score and are no reason; only HBOS has such terms.
        let constant = if name == "hbos" { scores[0] - terms.row(0).sum() } else { 0.0 };
        for (terms, row) in terms.rows().into_iter().zip(rows) {
            let (sum, score) = (terms.sum() + constant, scores[row]);
            assert!((sum - score).abs() <= 1e-9 * score.abs(), "{name} {settings}, row {row}: {sum} is not {score}");
        }
    }
}

#[test]
fn path_credits_and_path_lengths_have_one_sum() {
    let frame = frame(600);
    let fitted = fitted("isolation_forest", Value::Null);
    let scores = fitted.score(&frame, &Context::quiet(0)).unwrap();
    let rows: Vec<usize> = (0..600).collect();
    let credits = contributions(fitted.as_ref(), &frame, &rows);
    // score = 2^(-path / c(256)), and scikit-learn's c(256).
    let sums =
        credits.rows().into_iter().zip(&scores).map(|(row, score)| row.sum() - score.log2() * 10.244_770_920_119_918);
    let sums: Vec<f64> = sums.collect();
    assert!(sums.iter().all(|sum| (sum - sums[0]).abs() < 1e-9), "{sums:?}");
    assert!((5.0..12.0).contains(&sums[0]), "the mean path length of a sample of 256 rows is {}", sums[0]);
}

#[test]
fn the_feature_at_fault_comes_first() {
    let training = frame(400);
    let own = [("isolation_forest", Value::Null), ("ensemble", Value::Null)];
    for (name, settings) in exact().into_iter().chain(own) {
        let fitted = fitted(name, settings.clone());
        // The kept components take all of the fourth feature, which leaves no residual.
        let n_bad = if settings["method"] == "reconstruction" { 3 } else { 4 };
        for bad in 0..n_bad {
            let mut values = training.slice_rows(0..1).values().to_owned();
            values[[0, bad]] = 40.0;
            let row = Frame::new(training.columns().to_vec(), values, None, None).unwrap();
            let shares = contributions(fitted.as_ref(), &row, &[0]).row(0).to_vec();
            let first = (0..5).max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap();
            assert_eq!(first, bad, "{name} {settings}: {shares:?}");
        }
    }
}
