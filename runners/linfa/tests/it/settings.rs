//! Settings that make small data enough and give the seeded paths something to draw.

use serde_json::{Value, json};

/// For the gates, on 300 rows.
pub(crate) fn settings(name: &str) -> Value {
    match name {
        "gaussian_mixture" => json!({"n_components": 3, "random_state": 5}),
        "one_class_svm" => json!({"max_samples": 150, "random_state": 5}),
        "dbscan" => json!({"max_samples": 150, "random_state": 5}),
        "isolation_forest" => json!({"n_estimators": 30, "random_state": 5}),
        "sgd_one_class_svm" => json!({"n_components": 40, "max_iter": 50, "random_state": 5}),
        "extended_isolation_forest" => json!({"n_estimators": 30, "random_state": 5}),
        "ensemble" => json!({"detectors": "hbos, knn, isolation_forest", "combination": "rank", "random_state": 5}),
        "sub_pca" => json!({"window": 12}),
        "robust_zscore" => json!({"window": 30}),
        _ => Value::Null,
    }
}

/// For hostile artefacts, on 60 rows: the smaller the artefact, the more of its bytes are hit.
pub(crate) fn tiny(name: &str) -> Value {
    match name {
        "isolation_forest" => json!({"n_estimators": 3, "max_samples": 16}),
        "sgd_one_class_svm" => json!({"n_components": 10, "max_iter": 10}),
        "extended_isolation_forest" => json!({"n_estimators": 3, "max_samples": 16}),
        "ensemble" => json!({"detectors": "hbos, pca", "combination": "rank"}),
        "gaussian_mixture" => json!({"n_components": 2}),
        "sub_pca" => json!({"window": 5}),
        _ => Value::Null,
    }
}
