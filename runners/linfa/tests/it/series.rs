//! Series detectors against the windows labelled in NAB.

use nunatak_detector::evaluation::series::volume_under_surface;
use nunatak_detector::{Context, Frame, predict};
use serde_json::{Value, json};

use crate::reference::{fit, series};

/// Series, window that the reference found, ROC-AUC of Sub-PCA there (it scales each window, ours does not).
const SUB_PCA: [(&str, u64, f64); 5] = [
    ("machine_temperature_system_failure", 125, 0.8782),
    ("art_daily_jumpsup", 288, 0.9769),
    ("ec2_request_latency_system_failure", 6, 0.5040),
    ("rds_cpu_utilization_cc0c53", 125, 0.8839),
    ("speed_7578", 34, 0.9745),
];

#[test]
fn sub_pca_finds_the_period_and_the_anomalies() {
    for (name, window, expected) in SUB_PCA {
        let Some(frame) = series(name) else { continue };
        let trained = fit("sub_pca", &frame, Value::Null);
        assert_eq!(trained.parameters["window_"], window, "{name}");
        let roc_auc = trained.metrics["roc_auc"];
        assert!(roc_auc > expected - 0.02, "{name}: {roc_auc:.4}, the reference has {expected:.4}");
    }
}

#[test]
fn robust_zscore_beats_the_rolling_z_score() {
    // The reference's causal rolling z-score has 0.6918.
    let frame = series("machine_temperature_system_failure").unwrap();
    assert!(fit("robust_zscore", &frame, Value::Null).metrics["roc_auc"] > 0.8);
}

#[test]
fn a_causal_score_does_not_change_when_rows_follow() {
    let frame = series("machine_temperature_system_failure").unwrap();
    let artifact = fit("robust_zscore", &frame, json!({"window": 50})).artifact;
    let score = |n_rows: usize| {
        let part = frame.slice_rows(0..n_rows);
        predict(&nunatak_linfa::all(), &artifact, &part, &Context::quiet(0)).unwrap().scores
    };
    assert_eq!(score(900)[..300], score(300));
    assert_eq!(score(1).len(), 1);
}

#[test]
fn a_series_shorter_than_the_window_is_refused() {
    let frame = series("machine_temperature_system_failure").unwrap();
    let artifact = fit("sub_pca", &frame, json!({"window": 48})).artifact;
    let predict =
        |n_rows: usize| predict(&nunatak_linfa::all(), &artifact, &frame.slice_rows(0..n_rows), &Context::quiet(0));
    let message = predict(47).unwrap_err().to_string();
    assert_eq!(message, "the series has 47 rows, fewer than the window of 48; append more rows");
    assert_eq!(predict(48).unwrap().scores.len(), 48);
    let figures = predict(500).unwrap().figures;
    assert!(figures.iter().any(|figure| figure.name == "score_series"));
}

/// Series, period, and VUS-PR of Sub-KNN and Sub-IForest in the reference.
const WINDOWED: [(&str, usize, f64, f64); 5] = [
    ("art_daily_jumpsup", 288, 0.9829, 0.9251),
    ("ec2_request_latency_system_failure", 6, 0.1874, 0.1551),
    ("machine_temperature_system_failure", 125, 0.3082, 0.6765),
    ("rds_cpu_utilization_cc0c53", 125, 0.8038, 0.7475),
    ("speed_7578", 34, 0.8347, 0.7112),
];

#[test]
fn windows_make_series_detectors_of_tabular_ones() {
    for (name, window, knn, isolation_forest) in WINDOWED {
        let Some(frame) = series(name) else { continue };
        for (detector, expected) in [("sub_knn", knn), ("sub_isolation_forest", isolation_forest)] {
            let trained = fit(detector, &frame, Value::Null);
            assert_eq!(trained.parameters["window_"], window, "{name}");
            let found = volume_under_surface(&trained.scores, frame.labels().unwrap(), window).unwrap().pr;
            assert!(found > expected - 0.02, "{detector} on {name}: {found:.4}, the reference has {expected:.4}");
        }
    }
}

/// Two columns, period 20, with a stretch of another shape and size at 400..430.
fn waves(scale: f64, offset: f64) -> Frame {
    let values = ndarray::Array2::from_shape_fn((600, 2), |(row, column)| {
        let (speed, size) = if (400..430).contains(&row) { (2.3, 1.8) } else { (1.0, 1.0) };
        let wave = (row as f64 * std::f64::consts::TAU / 20.0 * speed + column as f64).sin() * size;
        let noise = (row * 7919 % 101) as f64 / 1000.0;
        (wave + noise) * if column == 0 { scale } else { 1.0 } + offset
    });
    let labels = (0..600).map(|row| u8::from((400..430).contains(&row))).collect();
    Frame::new(vec!["a".into(), "b".into()], values, None, Some(labels)).unwrap()
}

#[test]
fn every_windowed_detector_sees_an_unusual_stretch() {
    let frame = waves(1.0, 0.0);
    for detector in nunatak_linfa::all() {
        let name = detector.spec().name;
        if name.starts_with("sub_") {
            let roc_auc = fit(&name, &frame, crate::settings::settings(&name)).metrics["roc_auc"];
            assert!(roc_auc > 0.8, "{name}: {roc_auc:.3}");
        }
    }
}

#[test]
fn the_series_is_scaled_and_not_each_column_of_the_windows() {
    let scores = |frame: &Frame| fit("sub_knn", frame, json!({"window": 20})).scores;
    let (plain, scaled) = (scores(&waves(1.0, 0.0)), scores(&waves(1000.0, 50.0)));
    assert!(plain.iter().zip(&scaled).all(|(a, b)| (a - b).abs() < 1e-9));
    let raw = fit("sub_knn", &waves(1000.0, 50.0), json!({"window": 20, "standardize": false})).scores;
    assert!(raw[10] > 10.0 * plain[10]);
}

#[test]
fn windows_left_out_of_training_are_scored_too() {
    let frame = waves(1.0, 0.0);
    let trained = fit("sub_knn", &frame, json!({"window": 20, "max_windows": 100}));
    assert_eq!((&trained.parameters["stride_"], &trained.parameters["n_samples_fit_"]), (&json!(6), &json!(97)));
    assert_eq!(trained.scores.len(), 600);
    assert!(trained.metrics["roc_auc"] > 0.9);
    let every_third = fit("sub_knn", &frame, json!({"window": 20, "stride": 3}));
    assert_eq!(every_third.parameters["n_samples_fit_"], 194);
}

/// A detector with a stream gives, row by row, what it gives for the whole.
#[test]
fn streams_score_as_the_whole() {
    let frame = waves(1.0, 0.0);
    let detectors = nunatak_linfa::all();
    for detector in &detectors {
        let name = detector.spec().name;
        let artifact = fit(&name, &frame, crate::settings::settings(&name)).artifact;
        let fitted = nunatak_detector::load(&detectors, &artifact).unwrap();
        let Some(mut stream) = fitted.stream() else { continue };
        let whole = fitted.score(&frame, &Context::quiet(0)).unwrap();
        for (row, score) in whole.iter().enumerate() {
            assert_eq!(stream.push(frame.row(row)).to_bits(), score.to_bits(), "{name} row {row}");
        }
    }
}

/// What a series detector says of its columns adds up to the score, where it says so.
#[test]
fn contributions_add_up() {
    let frame = waves(1.0, 0.0);
    let detectors = nunatak_linfa::all();
    for name in ["matrix_profile", "spectral_residual", "robust_random_cut_forest"] {
        let artifact = fit(name, &frame, crate::settings::settings(name)).artifact;
        let fitted = nunatak_detector::load(&detectors, &artifact).unwrap();
        let scores = fitted.score(&frame, &Context::quiet(0)).unwrap();
        let rows = [3, 410, 599];
        let shares = fitted.contributions(&frame, &rows, &Context::quiet(0)).unwrap().unwrap();
        for (at, row) in rows.into_iter().enumerate() {
            assert!((shares.row(at).sum() - scores[row]).abs() < 1e-12, "{name} row {row}");
        }
    }
}

/// Series and ROC-AUC of SR in the reference, which is TSB-AD's.
const SPECTRAL_RESIDUAL: [(&str, f64); 5] = [
    ("art_daily_jumpsup", 0.5192),
    ("ec2_request_latency_system_failure", 0.5133),
    ("machine_temperature_system_failure", 0.6186),
    ("rds_cpu_utilization_cc0c53", 0.7414),
    ("speed_7578", 0.6041),
];

#[test]
fn spectral_residual_is_tsb_ads() {
    for (name, expected) in SPECTRAL_RESIDUAL {
        let Some(frame) = series(name) else { continue };
        let roc_auc = fit("spectral_residual", &frame, Value::Null).metrics["roc_auc"];
        // The reference has four decimals.
        assert!((roc_auc - expected).abs() < 1e-4, "{name}: {roc_auc:.5}, the reference has {expected}");
    }
}

/// Detector and the mean VUS-PR over the series above of its peer in the reference: River's with 8 lags, rcf3's with 8.
const FORESTS: [(&str, f64); 2] = [("half_space_trees", 0.3558), ("robust_random_cut_forest", 0.2377)];

#[test]
fn forests_of_streams_do_as_well_as_their_peers_or_better() {
    let all: Vec<(Frame, usize)> =
        WINDOWED.iter().filter_map(|(name, period, _, _)| Some((series(name)?, *period))).collect();
    if all.len() < WINDOWED.len() {
        return;
    }
    for (name, expected) in FORESTS {
        let volume = |(frame, period): &(Frame, usize)| {
            let scores = fit(name, frame, Value::Null).scores;
            volume_under_surface(&scores, frame.labels().unwrap(), *period).unwrap().pr
        };
        let mean = all.iter().map(volume).sum::<f64>() / all.len() as f64;
        assert!(mean > expected - 0.02, "{name}: {mean:.4}, the reference has {expected}");
    }
}

/// Rows of speed_7578 and the mean of stumpy 1.14.1's profile (window 34) over the windows that cover each.
const STUMPY: [(usize, f64); 4] =
    [(0, 5.411868519379), (100, 4.724456918642), (1000, 5.232109406119), (1126, 2.840844542609)];

#[test]
fn matrix_profile_is_stumpys() {
    let Some(frame) = series("speed_7578") else { return };
    let scores = fit("matrix_profile", &frame, json!({"window": 34})).scores;
    for (row, expected) in STUMPY {
        assert!((scores[row] - expected).abs() < 1e-9, "row {row}: {}, stumpy has {expected}", scores[row]);
    }
}
