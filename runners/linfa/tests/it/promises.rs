//! More of what holds for every detector: order of rows, reasons, values of extreme size.

use ndarray::{Array2, Axis};
use nunatak_detector::{Context, Detector, Frame, InputKind, Learning, Reasons, predict, train};
use serde_json::Value;

use crate::settings::settings;

fn quiet() -> Context<'static> {
    Context::quiet(0)
}

/// Three columns that move together, and noise that a detector of linear dependence can measure.
fn frame(n_rows: usize) -> Frame {
    frame_of(n_rows, 0)
}

/// The same with noise of its own.
fn frame_of(n_rows: usize, seed: usize) -> Frame {
    // A hash that everybody knows from shaders: good enough for columns that have nothing to do with one another.
    let noise = |row: usize, column: usize| {
        let angle = (row * 13 + column * 78 + seed * 7919) as f64;
        (angle.sin() * 43_758.545).fract() / 2.0
    };
    let values = Array2::from_shape_fn((n_rows, 3), |(row, column)| {
        (row as f64 * 0.31).sin() * (column + 1) as f64 + noise(row, column) * 1.5
    });
    let labels = (0..n_rows).map(|row| u8::from(row % 25 == 7)).collect();
    let values = with_faults(values);
    Frame::new(["a", "b", "c"].map(String::from).to_vec(), values, None, Some(labels)).unwrap()
}

/// Every 25th row is far out in the column `b`, to either side and not twice as far: faults that resemble each other would be
/// a cluster, and normal to who looks for those.
fn with_faults(mut values: Array2<f64>) -> Array2<f64> {
    for (i, row) in (7..values.nrows()).step_by(25).enumerate() {
        let side = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        values[[row, 1]] += side * (12.0 + 3.0 * i as f64);
    }
    values
}

fn fitted(detector: &dyn Detector, frame: &Frame, mut settings: Value) -> Vec<u8> {
    if settings.is_null() {
        settings = serde_json::json!({});
    }
    settings["threshold"] = serde_json::json!({"calibration": "split"});
    let name = detector.spec().name;
    train(detector, frame, &settings, &quiet()).unwrap_or_else(|error| panic!("{name}: {error}")).artifact
}

/// Detectors that draw rows by their number: another order is another sample.
fn draws_rows(detector: &dyn Detector) -> bool {
    detector.spec().hyperparameters["properties"].get("random_state").is_some()
}

#[test]
fn the_order_of_training_rows_does_not_matter() {
    let frame = frame(300);
    let reversed = frame.select_rows(&(0..300).rev().collect::<Vec<_>>());
    for detector in nunatak_linfa::all() {
        let spec = detector.spec();
        if spec.input_kind == InputKind::Series || draws_rows(detector.as_ref()) {
            continue;
        }
        let scores = |training: &Frame| {
            let artifact = fitted(detector.as_ref(), training, settings(&spec.name));
            predict(&nunatak_linfa::all(), &artifact, &frame, &quiet()).unwrap().scores
        };
        for (row, (one, other)) in scores(&frame).into_iter().zip(scores(&reversed)).enumerate() {
            // Sums are added in another order.
            assert!((one - other).abs() <= 1e-8 * one.abs().max(1.0), "{} row {row}: {one} {other}", spec.name);
        }
    }
}

#[test]
fn huge_values_and_copies_of_columns_give_finite_scores() {
    let n_rows = 200;
    let huge = Array2::from_shape_fn((n_rows, 3), |(row, column)| {
        let x = (row as f64 * 0.31).sin() + (row * row % 17) as f64 * 0.1;
        if column == 2 { x * 1e300 } else { x }
    });
    let labels: Vec<u8> = (0..n_rows).map(|row| u8::from(row % 25 == 7)).collect();
    let frame = Frame::new(["a", "copy", "huge"].map(String::from).to_vec(), huge, None, Some(labels)).unwrap();
    for detector in nunatak_linfa::all() {
        let name = detector.spec().name;
        // An error that says so is as good as a score; a score that is not finite is neither.
        if let Ok(trained) = train(detector.as_ref(), &frame, &settings(&name), &quiet()) {
            assert!(trained.scores.iter().all(|score| score.is_finite()), "{name}");
        } else {
            assert!(["gaussian_mixture", "one_class_svm"].contains(&name.as_str()), "{name} refuses huge values");
        }
    }
}

#[test]
fn the_column_at_fault_is_the_first_reason() {
    let frame = frame(400);
    for detector in nunatak_linfa::all() {
        let spec = detector.spec();
        // Windows mix rows, so that neighbours of a fault are blamed too, or instead.
        let by_windows = spec.reasons == Reasons::LeaveOneFeatureOut || spec.name == "matrix_profile";
        if spec.input_kind == InputKind::Series && by_windows {
            continue;
        }
        let artifact = fitted(detector.as_ref(), &frame, settings(&spec.name));
        // Rows that a detector remembers are no anomalies to it.
        let fresh = frame_of(400, 1);
        let predicted = predict(&nunatak_linfa::all(), &artifact, &fresh, &quiet()).unwrap();
        let reasons = predicted.reasons.unwrap_or_else(|| panic!("{} has no reasons", spec.name));
        assert!(!reasons.rows.is_empty(), "{}", spec.name);
        let faults = reasons.rows.iter().zip(&reasons.column).filter(|(row, _)| *row % 25 == 7);
        let (mut right, mut all) = (0, 0);
        for (_, columns) in faults {
            all += 1;
            right += usize::from(reasons.columns.get(columns[0] as usize).is_some_and(|name| name == "b"));
        }
        let least = match spec.reasons {
            _ if spec.learning == Learning::Supervised => 0,
            // Columns that move together stand in for one another.
            Reasons::LeaveOneFeatureOut => all / 2,
            Reasons::Exact | Reasons::PathAttribution => all * 3 / 4,
        };
        assert!(all > 0 && right >= least, "{}: {right} of {all}", spec.name);
        let shares = reasons.share.iter().map(|shares| shares.iter().sum::<f32>());
        assert!(shares.into_iter().all(|sum| (0.0..=1.001).contains(&sum)), "{}", spec.name);
    }
}

#[test]
fn one_row_has_the_reasons_that_it_has_in_a_batch() {
    let frame = frame(300);
    for name in ["isolation_forest", "knn", "pca", "ecod"] {
        let detector = crate::reference::detector(name);
        let artifact = fitted(detector.as_ref(), &frame, settings(name));
        let of = |frame: &Frame| predict(&nunatak_linfa::all(), &artifact, frame, &quiet()).unwrap().reasons.unwrap();
        let batch = of(&frame);
        for (at, row) in batch.rows.iter().enumerate().step_by(5) {
            let alone = of(&frame.slice_rows(*row as usize..*row as usize + 1));
            assert_eq!((&alone.column[0], &alone.share[0]), (&batch.column[at], &batch.share[at]), "{name} row {row}");
        }
    }
}

#[test]
fn preprocessing_is_repeated_in_every_prediction() {
    let whole = frame(300);
    let mut values = whole.values().to_owned();
    (10..20).for_each(|row| values[[row, 0]] = f64::NAN);
    let gappy = Frame::new(whole.columns().to_vec(), values, None, whole.labels().map(<[_]>::to_vec)).unwrap();
    let detector = crate::reference::detector("pca");
    let settings = serde_json::json!({"preprocessing": {
        "impute": "median", "add_indicator": true, "scale": "robust", "rolling_window": 3, "rolling": ["mean"],
    }});
    let trained = train(detector.as_ref(), &gappy, &settings, &quiet()).unwrap();
    assert_eq!(trained.metrics["imputed_values"], 10.0);
    assert_eq!(trained.header.n_features(), 3 + 3 + 1);
    let again = predict(&nunatak_linfa::all(), &trained.artifact, &gappy, &quiet()).unwrap();
    assert_eq!(again.scores, trained.scores);
    assert_eq!(again.metrics["imputed_values"], 10.0);
    let names = again.reasons.unwrap().columns;
    assert_eq!(names, ["a", "b", "c"], "what was made of a column counts for the column");
    // Without the setting the same rows are refused, by name.
    let error = train(detector.as_ref(), &gappy, &Value::Null, &quiet()).unwrap_err().to_string();
    assert!(error.starts_with("column `a` has 10 missing values (NaN), the first in row 11"), "{error}");
    let halves = gappy.values().select(Axis(1), &[0, 1]);
    let halves = Frame::new(vec!["a".into(), "b".into()], halves, None, None).unwrap();
    assert_eq!(
        predict(&nunatak_linfa::all(), &trained.artifact, &halves, &quiet()).unwrap_err().code(),
        "INPUT_SCHEMA"
    );
}

#[test]
fn a_series_with_gaps_is_scored_row_by_row() {
    let n_rows = 400;
    let time: Vec<i64> = (0..n_rows as i64).map(|row| row * 60_000 + if row > 200 { 1_800_000 } else { 0 }).collect();
    let values = Array2::from_shape_fn((n_rows, 1), |(row, _)| (row as f64 * 0.26).sin());
    let series = Frame::new(vec!["x".into()], values, Some(time), None).unwrap();
    let detector = crate::reference::detector("sub_pca");
    let window = serde_json::json!({"window": 24});
    let trained = train(detector.as_ref(), &series, &window, &quiet()).unwrap();
    assert_eq!(trained.scores.len(), n_rows);
    assert_eq!(trained.metrics["series_gaps"], 1.0);
    assert_eq!(trained.metrics["series_filled_rows"], 30.0);
    assert_eq!(trained.metrics["series_step_seconds"], 60.0);
    // Detectors that draw what they saw are given the rows that they saw.
    for detector in nunatak_linfa::all().iter().filter(|detector| detector.spec().input_kind == InputKind::Series) {
        let spec = detector.spec();
        let trained = train(detector.as_ref(), &series, &settings(&spec.name), &quiet());
        let trained = trained.unwrap_or_else(|error| panic!("{}: {error}", spec.name));
        assert_eq!(trained.scores.len(), n_rows, "{}", spec.name);
        let predicted = predict(&nunatak_linfa::all(), &trained.artifact, &series, &quiet()).unwrap();
        assert_eq!(predicted.scores.len(), n_rows, "{}", spec.name);
    }
    // Shuffled rows are put in order by their times, and scored as before.
    let order: Vec<usize> = (0..n_rows).map(|row| row * 7 % n_rows).collect();
    let shuffled = predict(&nunatak_linfa::all(), &trained.artifact, &series.select_rows(&order), &quiet()).unwrap();
    let inorder = predict(&nunatak_linfa::all(), &trained.artifact, &series, &quiet()).unwrap();
    assert!(order.iter().zip(&shuffled.scores).all(|(row, score)| inorder.scores[*row] == *score));
    assert_eq!(
        shuffled.metrics["series_reordered_rows"] as usize,
        order.iter().enumerate().filter(|(i, row)| i != *row).count()
    );
}
