//! Settings that make small data enough and give the seeded paths something to draw.

use serde_json::{Value, json};

/// For the gates, on 300 rows.
pub(crate) fn settings(name: &str) -> Value {
    match name {
        "gaussian_mixture" => json!({"n_components": 3, "random_state": 5}),
        "one_class_svm" => json!({"max_samples": 150, "random_state": 5}),
        "dbscan" => json!({"max_samples": 150, "random_state": 5}),
        "isolation_forest" => json!({"n_estimators": 30, "random_state": 5}),
        "hdbscan" => json!({"max_samples": 150, "random_state": 5}),
        "inne" => json!({"n_estimators": 30, "random_state": 5}),
        "loda" => json!({"n_random_cuts": 30, "random_state": 5}),
        "kmeans" => json!({"n_clusters": 4, "n_init": 2, "random_state": 5}),
        "cblof" => json!({"n_clusters": 5, "random_state": 5}),
        "sub_pca" => json!({"window": 12}),
        "robust_zscore" => json!({"window": 30}),
        "shewhart" => json!({"rules": true}),
        "cusum" => json!({"reset_on_alarm": true}),
        "holt_winters" => json!({"period": 9, "gains": "fitted"}),
        "seasonal_decomposition" => json!({"period": 9}),
        "ssa" => json!({"window": 12}),
        "autoregressive" => json!({"max_order": 12, "d": 1}),
        "random_forest" => json!({"n_estimators": 20, "random_state": 5}),
        "decision_tree" => json!({"min_samples_leaf": 2}),
        _ => Value::Null,
    }
}

/// For hostile artefacts, on 60 rows: the smaller the artefact, the more of its bytes are hit.
pub(crate) fn tiny(name: &str) -> Value {
    match name {
        "isolation_forest" => json!({"n_estimators": 3, "max_samples": 16}),
        "gaussian_mixture" => json!({"n_components": 2}),
        "inne" => json!({"n_estimators": 3, "max_samples": 4}),
        "loda" => json!({"n_random_cuts": 3}),
        "kmeans" => json!({"n_clusters": 3}),
        "cblof" => json!({"n_clusters": 3}),
        "sub_pca" => json!({"window": 5}),
        "holt_winters" => json!({"period": 4}),
        "seasonal_decomposition" => json!({"period": 4}),
        "ssa" => json!({"window": 5}),
        "autoregressive" => json!({"order": 3}),
        "random_forest" => json!({"n_estimators": 2}),
        _ => Value::Null,
    }
}
