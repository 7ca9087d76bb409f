//! What holds for every detector in `all()`, whatever it computes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ndarray::Array2;
use nunatak_detector::{Context, Detector, DetectorError, Frame, InputKind, Learning, Trained, load, predict, train};
use serde_json::{Value, json};

use crate::settings::settings;

/// Two correlated columns, one that is constant, one of few values; every 40th row is far out.
fn frame(n_rows: usize) -> Frame {
    let values = Array2::from_shape_fn((n_rows, 4), |(row, column)| {
        let wave = (row as f64 * 0.7).sin() + (row as f64 * 0.13).cos();
        let far = if row % 40 == 39 { 6.0 } else { 0.0 };
        match column {
            0 => wave + far,
            1 => 2.0 * wave + (row as f64 * 1.9).sin() * 0.3,
            2 => 7.25,
            _ => (row * 7 % 5) as f64,
        }
    });
    let labels = (0..n_rows).map(|row| u8::from(row % 40 == 39)).collect();
    let columns = ["a", "b", "constant", "d"].map(String::from).to_vec();
    Frame::new(columns, values, None, Some(labels)).unwrap()
}

fn fit(detector: &dyn Detector, frame: &Frame) -> Trained {
    let name = detector.spec().name;
    train(detector, frame, &settings(&name), &Context::quiet(0)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn score(artifact: &[u8], frame: &Frame) -> Vec<f64> {
    predict(&nunatak_linfa::all(), artifact, frame, &Context::quiet(0)).unwrap().scores
}

#[test]
fn constant_columns_and_duplicated_rows_give_finite_scores() {
    let everything_constant = Frame::new(vec!["a".into(), "b".into()], Array2::from_elem((60, 2), 3.5), None, None);
    let duplicates =
        Frame::new(vec!["a".into()], Array2::from_shape_fn((300, 1), |(row, _)| f64::from(row > 290)), None, None);
    for detector in nunatak_linfa::all() {
        for frame in [&frame(300), everything_constant.as_ref().unwrap(), duplicates.as_ref().unwrap()] {
            if detector.spec().learning == Learning::Supervised && frame.target().is_none() {
                let refused = train(detector.as_ref(), frame, &Value::Null, &Context::quiet(0)).unwrap_err();
                assert!(
                    matches!(&refused, DetectorError::Data { message } if message.contains("classes")),
                    "{refused}"
                );
                continue;
            }
            let trained = fit(detector.as_ref(), frame);
            assert!(trained.scores.iter().chain(&score(&trained.artifact, frame)).all(|score| score.is_finite()));
        }
    }
}

#[test]
fn two_rows_are_enough_or_refused() {
    let two = frame(2);
    for detector in nunatak_linfa::all() {
        match train(detector.as_ref(), &two, &Value::Null, &Context::quiet(0)) {
            Ok(trained) => assert_eq!(trained.scores.len(), 2),
            Err(DetectorError::Hyperparameter { .. } | DetectorError::Data { .. }) => {}
            Err(error) => panic!("{}: {error}", detector.spec().name),
        }
    }
}

#[test]
fn a_row_alone_scores_as_in_a_batch() {
    let (training, fresh) = (frame(300), frame(700));
    for detector in nunatak_linfa::all().iter().filter(|detector| detector.spec().input_kind == InputKind::Tabular) {
        let artifact = fit(detector.as_ref(), &training).artifact;
        let batch = score(&artifact, &fresh);
        for row in (0..700).step_by(13) {
            let alone = score(&artifact, &fresh.slice_rows(row..row + 1))[0];
            assert_eq!(alone.to_bits(), batch[row].to_bits(), "{} row {row}", detector.spec().name);
        }
    }
}

#[test]
fn loading_changes_no_bit_and_seeds_repeat() {
    let frame = frame(300);
    let detectors = nunatak_linfa::all();
    for detector in &detectors {
        let name = detector.spec().name;
        let trained = fit(detector.as_ref(), &frame);
        assert_eq!(fit(detector.as_ref(), &frame).artifact, trained.artifact, "{name}");
        let loaded = load(&detectors, &trained.artifact).unwrap();
        let again = loaded.training_scores(&frame, &Context::quiet(9)).unwrap();
        let same = again.iter().zip(&trained.scores).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "{name}: scores after loading differ");
        let resaved = nunatak_detector::Artifact { header: trained.header, tensors: loaded.save().tensors };
        assert_eq!(resaved.encode().unwrap(), trained.artifact, "{name}: saving after loading differs");
    }
}

#[test]
fn threads_do_not_show() {
    let frame = frame(3000);
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (one, two) = (pool(1), pool(2));
    for detector in nunatak_linfa::all() {
        let run = || {
            let trained = fit(detector.as_ref(), &frame);
            (trained.artifact, trained.scores)
        };
        assert!(one.install(run) == two.install(run), "{}", detector.spec().name);
    }
}

#[test]
fn cancelling_stops_before_and_during_a_run() {
    let frame = frame(3000);
    for detector in nunatak_linfa::all() {
        let spec = detector.spec();
        let cancelled = Context { cancel: Arc::new(AtomicBool::new(true)), ..Context::quiet(0) };
        let run = |ctx: &Context<'_>| train(detector.as_ref(), &frame, &settings(&spec.name), ctx).unwrap_err();
        assert_eq!(run(&cancelled), DetectorError::Cancelled, "{}", spec.name);

        // The first report after the run began sets the flag.
        let cancel = Arc::new(AtomicBool::new(false));
        let reports = AtomicUsize::new(0);
        let progress = |_: f64, _: &str| cancel.store(reports.fetch_add(1, Ordering::Relaxed) > 0, Ordering::Relaxed);
        let ctx = Context { seed: 0, cancel: Arc::clone(&cancel), progress: &progress, ..Context::quiet(0) };
        assert_eq!(run(&ctx), DetectorError::Cancelled, "{}", spec.name);
    }
}

#[test]
fn values_that_cannot_be_used_are_refused_by_column() {
    let broken = |value: f64| {
        let mut values = frame(100).values().to_owned();
        values[[41, 1]] = value;
        values[[52, 1]] = value;
        Frame::new(frame(100).columns().to_vec(), values, None, None).unwrap()
    };
    for detector in nunatak_linfa::all() {
        let artifact = fit(detector.as_ref(), &frame(100)).artifact;
        for (value, what) in [(f64::NAN, "2 missing values (NaN)"), (f64::INFINITY, "2 infinite values")] {
            let expected = format!("column `b` has {what}, the first in row 42");
            let frame = broken(value);
            let fitting = train(detector.as_ref(), &frame, &Value::Null, &Context::quiet(0)).unwrap_err();
            let scoring = predict(&nunatak_linfa::all(), &artifact, &frame, &Context::quiet(0)).unwrap_err();
            assert!(fitting.to_string().starts_with(&expected), "{fitting}");
            assert_eq!(fitting, scoring);
        }
    }
}

#[test]
fn tables_too_small_or_empty_are_refused() {
    let detector = &nunatak_linfa::all()[0];
    let message =
        |frame: Frame| train(detector.as_ref(), &frame, &Value::Null, &Context::quiet(0)).unwrap_err().to_string();
    assert_eq!(message(frame(0)), "the table has no rows; training needs at least 2");
    assert_eq!(message(frame(1)), "the table has 1 row; training needs at least 2");
    let nothing = Frame::new(vec![], Array2::zeros((5, 0)), None, None).unwrap();
    assert_eq!(message(nothing), "the table has no feature column: nothing but label and time columns");
    let empty_column = Frame::new(vec!["x".into()], Array2::from_elem((3, 1), f64::NAN), None, None).unwrap();
    assert_eq!(message(empty_column), "column `x` has no value in any of the 3 rows; remove the column");
}

#[test]
fn other_columns_are_refused_and_other_order_is_not() {
    let frame = frame(100);
    for detector in nunatak_linfa::all() {
        let artifact = fit(detector.as_ref(), &frame).artifact;
        let with = |names: &[&str], order: &[usize]| {
            let columns = names.iter().map(ToString::to_string).collect();
            let values = frame.values().select(ndarray::Axis(1), order);
            let frame = Frame::new(columns, values, None, None).unwrap();
            predict(&nunatak_linfa::all(), &artifact, &frame, &Context::quiet(0))
        };
        let reordered = with(&["d", "constant", "b", "a"], &[3, 2, 1, 0]).unwrap();
        assert_eq!(reordered.scores, score(&artifact, &frame));
        for (names, order, fault) in [
            (&["a", "b", "constant"][..], &[0, 1, 2][..], "missing: d"),
            (&["a", "b", "constant", "d", "e"], &[0, 1, 2, 3, 3], "not expected: e"),
            (&["a", "b", "constant", "x"], &[0, 1, 2, 3], "missing: d; not expected: x"),
        ] {
            let error = with(names, order).unwrap_err();
            assert_eq!(error.code(), "INPUT_SCHEMA");
            assert!(error.to_string().ends_with(fault), "{error}");
        }
    }
}

#[test]
fn hyperparameters_are_checked_and_described() {
    for detector in nunatak_linfa::all() {
        let spec = detector.spec();
        let properties = spec.hyperparameters["properties"].as_object().unwrap();
        assert!(properties.contains_key("contamination"), "{}", spec.name);
        assert_eq!(spec.hyperparameters["additionalProperties"], false);
        for (name, property) in properties {
            assert!(property["description"].as_str().is_some_and(|text| text.len() > 10), "{}.{name}", spec.name);
            assert!(property.get("default").is_some() && property.get("type").is_some(), "{}.{name}", spec.name);
        }
        for (given, name) in [(json!({"contamination": 0.7}), "contamination"), (json!({"leaf_size": 3}), "leaf_size")]
        {
            let error = train(detector.as_ref(), &frame(50), &given, &Context::quiet(0)).unwrap_err();
            assert!(matches!(&error, DetectorError::Hyperparameter { name: found, .. } if found == name), "{error}");
        }
        let trained = fit(detector.as_ref(), &frame(100));
        assert_eq!(trained.hyperparameters.len(), properties.len(), "every setting is recorded");
    }
}

#[test]
fn the_threshold_flags_the_expected_fraction() {
    for name in ["isolation_forest", "mahalanobis", "pca", "hbos"] {
        let detector = crate::reference::detector(name);
        let trained =
            train(detector.as_ref(), &frame(2000), &json!({"contamination": 0.02}), &Context::quiet(0)).unwrap();
        let fraction = trained.metrics["anomaly_fraction"];
        assert!((0.01..=0.03).contains(&fraction), "{name}: {fraction}");
        assert!(trained.metrics["roc_auc"] > 0.5);
    }
}
