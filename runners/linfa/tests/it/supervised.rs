//! Classifiers agree with scikit-learn 1.9.1: learned from the even rows of a table, judged on the odd ones.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::evaluation::{classification::evaluate_classes, roc_auc};
use nunatak_detector::{Classified, Context, DetectorError, FittedDetector, Frame, Target, load, train};
use serde_json::{Value, json};

use crate::reference::{detector, fit, table};

/// Three classes whose features overlap, without a random number: any language can make it.
fn waves() -> Frame {
    let wave = |row: f64, k: f64| (row * k).sin() + 0.5 * (row * (k + 0.37)).cos();
    let values = Array2::from_shape_fn((600, 4), |(row, column)| {
        let (class, row) = ((row % 3) as f64, row as f64);
        match column {
            0 => class * 1.5 + wave(row, 1.1),
            1 => f64::from(class == 1.0) * 2.0 + wave(row, 2.3),
            2 => class * class * 0.4 + wave(row, 0.7),
            _ => wave(row, 3.9),
        }
    });
    let classes: Vec<&str> = (0..600).map(|row| ["normal", "drift", "leak"][row % 3]).collect();
    let frame = Frame::new(["a", "b", "c", "d"].map(String::from).to_vec(), values, None, None).unwrap();
    frame.with_target(Target::new(&classes)).unwrap()
}

fn frames() -> [(&'static str, Frame); 3] {
    [("cardio", table("cardio")), ("thyroid", table("thyroid")), ("waves", waves())]
}

/// The even rows and the odd ones.
fn halves(frame: &Frame) -> (Frame, Frame) {
    let rows = |first: usize| (first..frame.n_rows()).step_by(2).collect::<Vec<_>>();
    (frame.select_rows(&rows(0)), frame.select_rows(&rows(1)))
}

fn learn(name: &str, frame: &Frame, hyperparameters: Value) -> Box<dyn FittedDetector> {
    load(&nunatak_linfa::all(), &fit(name, frame, hyperparameters).artifact).unwrap()
}

fn classify(fitted: &dyn FittedDetector, frame: &Frame) -> Classified {
    fitted.classify(frame, &Context::quiet(0)).unwrap().unwrap()
}

/// The metrics of what is learned from one half and judged on the other, with `roc_auc` of the scores.
fn judge(name: &str, frame: &Frame, hyperparameters: Value) -> BTreeMap<String, f64> {
    let (training, test) = halves(frame);
    let fitted = learn(name, &training, hyperparameters);
    let mut metrics = evaluate_classes(&test.target().unwrap(), &classify(fitted.as_ref(), &test));
    let scores = fitted.score(&test, &Context::quiet(0)).unwrap();
    metrics.insert("roc_auc".into(), roc_auc(&scores, test.labels().unwrap()).unwrap());
    metrics
}

#[test]
fn naive_bayes_has_the_probabilities_of_scikit_learn() {
    // predict_log_proba of the first three rows; accuracy, log_loss and roc_auc of all.
    let expected: [(Vec<[f64; 3]>, [f64; 3]); 3] = [
        (
            vec![
                [-1.9539925233402755e-14, -31.531576466050083, f64::NAN],
                [0.0, -50.21640636561464, f64::NAN],
                [0.0, -50.45905304047026, f64::NAN],
            ],
            [0.9551912568306011, 0.5102070607811966, 0.9765444652083105],
        ),
        (
            vec![
                [-1.2434497875801753e-14, -32.03742785484076, f64::NAN],
                [-2.762081631857427e-06, -12.79952732919687, f64::NAN],
                [-2.2026469537195226e-10, -22.23618799731655, f64::NAN],
            ],
            [0.9878048780487805, 0.23259882849457855, 0.9950751403222886],
        ),
        (
            vec![
                [-0.04392658070806377, -3.150659612081477, -8.792217978866308],
                [-4.057731518140433, -9.874573849088375, -0.017491752020311502],
                [-6.583475787347723, -0.002487979060495249, -6.810762146778128],
            ],
            [0.9333333333333333, 0.181755244585997, 0.9928999999999999],
        ),
    ];
    for ((name, frame), (rows, metrics)) in frames().into_iter().zip(expected) {
        let (training, test) = halves(&frame);
        let classified = classify(learn("gaussian_nb", &training, Value::Null).as_ref(), &test);
        for (ours, theirs) in classified.probabilities.rows().into_iter().zip(rows) {
            for (ours, theirs) in ours.iter().zip(theirs) {
                assert!((ours.ln() - theirs).abs() < 1e-9, "{name}: {} {theirs}", ours.ln());
            }
        }
        let found = judge("gaussian_nb", &frame, Value::Null);
        for (metric, expected) in ["accuracy", "log_loss", "roc_auc"].into_iter().zip(metrics) {
            // Scores that both round to the same probability are ties in one and not in the other.
            let tolerance = if metric == "roc_auc" { 1e-4 } else { 1e-9 };
            assert!((found[metric] - expected).abs() < tolerance, "{name} {metric}: {} {expected}", found[metric]);
        }
    }
}

#[test]
fn trees_are_as_good_as_those_of_scikit_learn() {
    // Least and greatest accuracy, leaves and depth over twenty seeds, which break the ties between equally good splits.
    let settings = [
        json!({}),
        json!({"max_depth": 4}),
        json!({"criterion": "entropy", "min_samples_leaf": 5}),
        json!({"max_leaf_nodes": 8}),
    ];
    let expected = [
        [(0.98142, 0.98689, 16, 8), (0.98251, 0.98689, 10, 4), (0.98470, 0.98470, 15, 7), (0.98361, 0.98579, 8, 4)],
        [(0.99417, 0.99735, 8, 5), (0.99417, 0.99735, 7, 4), (0.99523, 0.99576, 6, 4), (0.99417, 0.99735, 8, 5)],
        [(0.91000, 0.92000, 28, 10), (0.92000, 0.92000, 11, 4), (0.89333, 0.89333, 15, 7), (0.90667, 0.90667, 8, 5)],
    ];
    for ((name, frame), expected) in frames().into_iter().zip(expected) {
        for (settings, (least, greatest, leaves, depth)) in settings.iter().zip(expected) {
            let accuracy = judge("decision_tree", &frame, settings.clone())["accuracy"];
            let parameters = fit("decision_tree", &halves(&frame).0, settings.clone()).parameters;
            // Twenty seeds do not show every way to break the ties: up to 0.7 % (2 rows of the smallest table) beyond.
            let inside = accuracy > least - 0.007 && accuracy < greatest + 0.007;
            assert!(inside, "{name} {settings}: accuracy {accuracy:.5}, not {least}..{greatest}");
            assert_eq!(
                (&parameters["n_leaves_"], &parameters["depth_"]),
                (&json!(leaves), &json!(depth)),
                "{name} {settings}"
            );
        }
    }
    let importances = &fit("decision_tree", &halves(&waves()).0, json!({"max_leaf_nodes": 8})).parameters;
    for (column, expected) in [("a", 0.4458253582), ("b", 0.5338926259), ("c", 0.0202820159), ("d", 0.0)] {
        let importance = importances["feature_importances_"][column].as_f64().unwrap();
        assert!((importance - expected).abs() < 1e-9, "{column}: {importance}");
    }
}

#[test]
fn forests_are_as_good_as_those_of_scikit_learn() {
    // Mean and standard deviation over ten seeds of accuracy and ROC-AUC.
    let expected = [
        [(0.98929, 0.00107), (0.99865, 0.00013)],
        [(0.99613, 0.00058), (0.99852, 0.00026)],
        [(0.93233, 0.00684), (0.99689, 0.00027)],
    ];
    for ((name, frame), expected) in frames().into_iter().zip(expected) {
        let seeds = 0..5;
        let runs: Vec<_> = seeds.map(|seed| judge("random_forest", &frame, json!({"random_state": seed}))).collect();
        for (metric, (mean, sd)) in ["accuracy", "roc_auc"].into_iter().zip(expected) {
            let ours = runs.iter().map(|run| run[metric]).sum::<f64>() / runs.len() as f64;
            // Both means have an error: of ten and of five runs.
            let tolerance = 4.0 * sd * (1.0_f64 / 10.0 + 1.0 / 5.0).sqrt();
            assert!((ours - mean).abs() < tolerance, "{name} {metric}: {ours:.5}, not {mean} +- {tolerance:.5}");
        }
    }
}

#[test]
fn out_of_bag_scores_foretell_those_of_other_rows() {
    let (training, test) = halves(&waves());
    let trained = fit("random_forest", &training, Value::Null);
    let out_of_bag = roc_auc(&trained.scores, training.labels().unwrap()).unwrap();
    let fitted = load(&nunatak_linfa::all(), &trained.artifact).unwrap();
    let in_bag = roc_auc(&fitted.score(&training, &Context::quiet(0)).unwrap(), training.labels().unwrap()).unwrap();
    let other = roc_auc(&fitted.score(&test, &Context::quiet(0)).unwrap(), test.labels().unwrap()).unwrap();
    assert_eq!(in_bag, 1.0, "the trees know their rows by heart");
    assert!(out_of_bag < 1.0 && (out_of_bag - other).abs() < 0.02, "{out_of_bag} {other}");
}

#[test]
fn scores_are_the_probability_of_a_fault() {
    let frame = waves();
    for name in ["gaussian_nb", "decision_tree", "random_forest"] {
        let fitted = learn(name, &frame, crate::settings::settings(name));
        let classified = classify(fitted.as_ref(), &frame);
        assert_eq!(classified.names, ["drift", "leak", "normal"]);
        let scores = fitted.score(&frame, &Context::quiet(0)).unwrap();
        for (row, score) in classified.probabilities.rows().into_iter().zip(scores) {
            assert!((row.sum() - 1.0).abs() < 1e-12 && (score - (1.0 - row[2])).abs() < 1e-12, "{name}");
        }
    }
}

#[test]
fn contributions_add_up_to_the_score() {
    let frame = waves();
    let rows = [0, 7, 300, 599];
    for name in ["decision_tree", "random_forest"] {
        let fitted = learn(name, &frame, json!({"max_depth": 3}));
        let scores = fitted.score(&frame, &Context::quiet(0)).unwrap();
        let contributions = fitted.contributions(&frame, &rows, &Context::quiet(0)).unwrap().unwrap();
        // What is left is the fraction of faults among the rows that the trees were grown on, the same for all rows.
        let left = |(row, shares): (&usize, ndarray::ArrayView1<'_, f64>)| scores[*row] - shares.sum();
        let left: Vec<f64> = rows.iter().zip(contributions.rows()).map(left).collect();
        assert!(left.iter().all(|base| (base - left[0]).abs() < 1e-12), "{name}: {left:?}");
        assert!((left[0] - 2.0 / 3.0).abs() < if name == "decision_tree" { 1e-12 } else { 0.02 }, "{name}: {left:?}");
    }
    let fitted = learn("gaussian_nb", &frame, Value::Null);
    let contributions = fitted.contributions(&frame, &rows, &Context::quiet(0)).unwrap().unwrap();
    let classified = classify(fitted.as_ref(), &frame);
    for (row, shares) in rows.iter().zip(contributions.rows()) {
        let p = classified.probabilities.row(*row);
        // The classes are equally frequent, so the terms alone are the log-odds.
        assert!((shares.sum() - (p[0].max(p[1]) / p[2]).ln()).abs() < 1e-6, "row {row}");
    }
}

#[test]
fn without_a_normal_class_the_score_is_the_doubt() {
    let frame = waves();
    let classes: Vec<&str> = (0..600).map(|row| ["stuck", "drift", "leak"][row % 3]).collect();
    let frame = frame.with_target(Target::new(&classes)).unwrap();
    for name in ["gaussian_nb", "decision_tree", "random_forest"] {
        let fitted = learn(name, &frame, json!({}));
        let scores = fitted.score(&frame, &Context::quiet(0)).unwrap();
        let classified = classify(fitted.as_ref(), &frame);
        for (row, score) in classified.probabilities.rows().into_iter().zip(&scores) {
            let highest = row.iter().copied().fold(0.0, f64::max);
            assert!((score - (1.0 - highest)).abs() < 1e-12, "{name}");
        }
        let contributions = fitted.contributions(&frame, &[3, 4], &Context::quiet(0)).unwrap().unwrap();
        assert!(contributions.iter().all(|share| share.is_finite()), "{name}");
    }
}

#[test]
fn targets_that_cannot_be_learned_are_refused() {
    let frame = waves();
    let bare = frame.with_values(frame.columns().to_vec(), frame.values().to_owned()).unwrap();
    let unlabelled = Frame::new(bare.columns().to_vec(), bare.values().to_owned(), None, None).unwrap();
    let one_class = unlabelled.clone().with_target(Target::new(&["leak"; 600])).unwrap();
    let numbers: Vec<String> = (0..1500).map(|row| format!("{row}.5")).collect();
    let many = Frame::new(vec!["a".into()], Array2::from_elem((1500, 1), 1.0), None, None).unwrap();
    let many = many.with_target(Target::new(&numbers)).unwrap();
    for name in ["gaussian_nb", "decision_tree", "random_forest"] {
        for (frame, message) in [
            (&unlabelled, "the table has no classes to learn from"),
            (&one_class, "all rows are of one class"),
            (&many, "the target has 1500 classes, more than 1000"),
        ] {
            let error = train(detector(name).as_ref(), frame, &Value::Null, &Context::quiet(0)).unwrap_err();
            assert!(matches!(error, DetectorError::Data { .. }), "{name}: {error}");
            assert!(error.to_string().starts_with(message), "{name}: {error}");
        }
    }
}

#[test]
fn extreme_values_and_names_are_kept() {
    let values = Array2::from_shape_fn((60, 3), |(row, column)| match column {
        0 => {
            if row % 2 == 0 {
                1e300
            } else {
                -1.5e308 + row as f64 * 1e300
            }
        }
        1 => {
            if row % 2 == 0 {
                1.7e308
            } else {
                1e-300
            }
        }
        _ => row as f64,
    });
    let classes: Vec<&str> = (0..60).map(|row| ["", "κλάση, \"β\"\n"][row % 2]).collect();
    let frame = Frame::new(vec!["a".into(), "b".into(), "c".into()], values, None, None).unwrap();
    let frame = frame.with_target(Target::new(&classes)).unwrap();
    for name in ["gaussian_nb", "decision_tree", "random_forest"] {
        let fitted = learn(name, &frame, crate::settings::settings(name));
        let classified = classify(fitted.as_ref(), &frame);
        assert_eq!(classified.names, ["", "κλάση, \"β\"\n"]);
        assert_eq!(evaluate_classes(&frame.target().unwrap(), &classified)["accuracy"], 1.0, "{name}");
        let contributions = fitted.contributions(&frame, &[0, 1], &Context::quiet(0)).unwrap().unwrap();
        assert!(contributions.iter().all(|share| share.is_finite()), "{name}");
    }
}

#[test]
fn the_order_of_the_training_rows_does_not_matter() {
    let frame = waves();
    let mut rows: Vec<usize> = (0..600).collect();
    rows.sort_by_key(|row| row * 7919 % 600);
    let other = frame.select_rows(&rows);
    let tree = |frame: &Frame| learn("decision_tree", frame, Value::Null).save();
    assert!(tree(&frame) == tree(&other));
    let scores =
        |training: &Frame| learn("gaussian_nb", training, Value::Null).score(&frame, &Context::quiet(0)).unwrap();
    assert!(scores(&frame).iter().zip(scores(&other)).all(|(a, b)| (a - b).abs() < 1e-10));
}

#[test]
fn trees_draw_what_they_are_told_by() {
    let frame = waves();
    let fitted = learn("random_forest", &frame, json!({"n_estimators": 10}));
    let figures = fitted.figures(&frame, &[], 0.5, &Context::quiet(0)).unwrap();
    let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names, ["feature_importance", "class_scatter"]);
}
