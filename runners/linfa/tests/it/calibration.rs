//! Alarms on normal rows that training did not see: as many as were asked for.

use nunatak_detector::{CalibrationSource, Context, Frame, predict, train};
use serde_json::{Value, json};

use crate::reference::{detector, plant, timed_series};

/// Fraction of the rows of `fresh` above a threshold that was set on `training` for `rate`.
fn false_alarms(name: &str, settings: Value, training: &Frame, fresh: &Frame, rate: f64) -> f64 {
    let mut settings = settings;
    settings["threshold"] = json!({"method": "false_alarm_rate", "false_alarm_rate": rate});
    let trained = train(detector(name).as_ref(), training, &settings, &Context::quiet(0))
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let calibration = trained.header.calibration.as_ref().unwrap();
    assert_eq!(calibration.rows_from, CalibrationSource::CrossFit, "{name}");
    assert!((calibration.expected_false_alarm_rate / rate - 1.0).abs() < 0.2, "{name}: {calibration:?}");
    let predicted = predict(&nunatak_linfa::all(), &trained.artifact, fresh, &Context::quiet(0)).unwrap();
    predicted.n_anomalies as f64 / fresh.n_rows() as f64
}

/// Fitted on 500 rows of a plant without faults, asked for 5 %, measured on 320 normal rows of other runs. With the 95th
/// percentile of the training scores Mahalanobis distance alarms on three times as many.
#[test]
fn a_plants_false_alarms_are_as_many_as_asked_for() {
    let Some((training, fresh)) = plant() else { return };
    let mut found = Vec::new();
    for (name, settings) in [
        ("mahalanobis", json!({})),
        ("pca", json!({"method": "hotelling_t2", "n_components": 20})),
        ("pca", json!({"method": "reconstruction", "n_components": 20})),
        ("isolation_forest", json!({})),
        ("knn", json!({})),
        ("lof", json!({})),
        ("hbos", json!({})),
        ("ecod", json!({})),
        ("copod", json!({})),
        ("gaussian_mixture", json!({})),
        ("one_class_svm", json!({})),
    ] {
        let rate = false_alarms(name, settings.clone(), &training, &fresh, 0.05);
        found.push(format!("{name} {settings}: {rate:.4}"));
        assert!(rate <= 0.075, "{found:#?}");
    }
    eprintln!("{found:#?}");
}

/// The first half of a quiet stretch of a series against its second.
#[test]
fn a_quiet_series_false_alarms_are_as_many_as_asked_for() {
    // Rows of the machine's temperature between two labelled failures; and a series without any.
    for (series, rows) in [("machine_temperature_system_failure", 4_200..15_000), ("art_daily_small_noise", 0..4_032)] {
        let Some(frame) = timed_series(series) else { continue };
        let frame = frame.slice_rows(rows);
        assert!(frame.labels().unwrap().iter().all(|label| *label == 0), "{series} is not quiet there");
        let half = frame.n_rows() / 2;
        let (training, fresh) = (frame.slice_rows(0..half), frame.slice_rows(half..frame.n_rows()));
        let mut found = Vec::new();
        for name in ["sub_pca", "robust_zscore", "holt_winters", "autoregressive", "sub_knn", "ewma"] {
            let rate = false_alarms(name, json!({}), &training, &fresh, 0.02);
            found.push(format!("{name}: {rate:.4}"));
        }
        eprintln!("{series}: {found:#?}");
    }
}
