//! What holds for every detector in `all()`, whatever it computes: the promises of the test kit, and what only this
//! crate can try.

use ndarray::Array2;
use nunatak_detector::testing::{Subject, Verdict, promises, table as frame};
use nunatak_detector::{Context, Detector, Frame, Trained, train};
use serde_json::{Value, json};

use crate::settings::{settings, tiny};

fn fit(detector: &dyn Detector, frame: &Frame) -> Trained {
    let name = detector.spec().name;
    train(detector, frame, &settings(&name), &Context::quiet(0)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every detector keeps the promise; gives how many make it at all.
fn all_keep(promise: &str) -> usize {
    let promise = promises().iter().find(|it| it.name == promise).expect("a promise of the test kit");
    let (mut kept, mut broken) = (0, Vec::new());
    for detector in nunatak_linfa::all() {
        let name = detector.spec().name;
        // Hostile artefacts are made of few rows.
        let settings = if promise.name == "survives" { tiny(&name) } else { settings(&name) };
        match Subject::new(detector.as_ref(), settings).keeps(promise) {
            Verdict::Kept => kept += 1,
            Verdict::NotApplicable(_) => {}
            Verdict::Broken(how) => broken.push(format!("\n  {name}: {how}")),
        }
    }
    assert!(broken.is_empty(), "{}:{}", promise.says, broken.concat());
    kept
}

/// Detectors of all kinds.
const MOST: usize = 40;

#[test]
fn every_promise_is_asked_of_all() {
    let source = include_str!("gates.rs");
    let missing = promises().iter().filter(|promise| !source.contains(&format!("all_keep(\"{}\")", promise.name)));
    assert_eq!(missing.map(|promise| promise.name).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn all_describe_themselves() {
    assert!(all_keep("described") > MOST);
}

#[test]
fn hyperparameters_are_checked_and_recorded() {
    assert!(all_keep("checked") > MOST);
}

#[test]
fn constant_columns_and_duplicated_rows_give_finite_scores() {
    assert!(all_keep("finite") > MOST);
}

#[test]
fn two_rows_are_enough_or_refused() {
    assert!(all_keep("two_rows") > MOST);
}

#[test]
fn higher_is_more_anomalous() {
    assert!(all_keep("higher") > MOST);
}

#[test]
fn a_row_alone_scores_as_in_a_batch() {
    assert!(all_keep("row_alone") >= 20);
}

#[test]
fn values_that_cannot_be_used_are_refused_by_column() {
    assert!(all_keep("missing") > MOST);
}

#[test]
fn other_columns_are_refused_and_other_order_is_not() {
    assert!(all_keep("by_name") > MOST);
}

#[test]
fn huge_values_and_copies_of_columns_give_finite_scores_or_are_refused() {
    assert!(all_keep("huge") > MOST);
}

#[test]
fn seeds_repeat() {
    assert!(all_keep("repeats") > MOST);
}

#[test]
fn loading_changes_no_bit() {
    assert!(all_keep("reloads") > MOST);
}

#[test]
fn cancelling_stops_before_and_during_a_run() {
    assert!(all_keep("cancels") > MOST);
}

#[test]
fn features_contribute_where_the_spec_says_so() {
    assert!(all_keep("contributes") >= 10);
}

#[test]
fn classifiers_give_probabilities() {
    assert!(all_keep("classifies") >= 3);
}

#[test]
fn rows_pushed_one_by_one_score_as_the_whole() {
    assert!(all_keep("streams") >= 5);
}

#[test]
fn artefacts_from_a_stranger_are_survived() {
    assert!(all_keep("survives") > MOST);
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
