//! What the demo trains on what.

use serde_json::{Value, json};

/// A bundled data set.
pub(super) struct Bundled {
    pub name: &'static str,
    pub file: &'static str,
    pub bytes: &'static [u8],
    pub description: &'static str,
    pub is_series: bool,
}

macro_rules! bundled {
    ($name:literal, $file:literal, $is_series:literal, $description:literal) => {
        Bundled {
            name: $name,
            file: $file,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/", $file)),
            description: $description,
            is_series: $is_series,
        }
    };
}

pub(super) const DATASETS: [Bundled; 4] = [
    bundled!(
        "shuttle",
        "shuttle.csv",
        false,
        "Sensors of the space shuttle's radiators; rare states are anomalies. UCI Statlog (Shuttle), CC BY 4.0."
    ),
    bundled!(
        "thyroid",
        "thyroid.csv",
        false,
        "Blood tests; hyperfunction is the anomaly. UCI Thyroid Disease, CC BY 4.0."
    ),
    bundled!(
        "cardio",
        "cardio.csv",
        false,
        "Foetal heart traces; pathological ones are anomalies. UCI Cardiotocography, CC BY 4.0."
    ),
    bundled!(
        "machine-temperature",
        "machine_temperature_system_failure.csv",
        true,
        "Temperature of a large machine, every 5 minutes, with four failures. Numenta Anomaly Benchmark, MIT."
    ),
];

/// A detector with its settings, one training each.
pub(super) type Settings = (&'static str, Value);

pub(super) fn settings(dataset: &Bundled) -> Vec<Settings> {
    if dataset.is_series {
        return vec![
            ("sub_pca", json!({})),
            ("sub_pca", json!({ "window": 144 })),
            ("robust_zscore", json!({ "window": 1000 })),
            ("robust_zscore", json!({ "window": 2000 })),
            ("sub_isolation_forest", json!({ "n_estimators": 100 })),
            ("half_space_trees", json!({ "n_trees": 25 })),
            ("ewma", json!({})),
            ("autoregressive", json!({})),
        ];
    }
    vec![
        ("isolation_forest", json!({ "n_estimators": 50 })),
        ("isolation_forest", json!({ "n_estimators": 100 })),
        ("isolation_forest", json!({ "n_estimators": 200, "max_samples": 512 })),
        ("pca", json!({ "method": "weighted" })),
        ("pca", json!({ "method": "hotelling_t2" })),
        ("knn", json!({ "n_neighbors": 5 })),
        ("knn", json!({ "n_neighbors": 50, "method": "mean" })),
        ("gaussian_mixture", json!({ "n_components": 1 })),
        ("gaussian_mixture", json!({ "n_components": 3 })),
        ("dbscan", json!({ "min_samples": 5 })),
        ("dbscan", json!({ "min_samples": 20 })),
    ]
}
