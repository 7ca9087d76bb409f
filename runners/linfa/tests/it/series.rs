//! Series detectors against the windows labelled in NAB.

use nunatak_detector::{Context, predict};
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
