//! Settings that make small data enough and give the seeded paths something to draw.

use serde_json::{Value, json};

/// For the gates, on 300 rows.
pub(crate) fn settings(name: &str) -> Value {
    match name {
        name if is_windowed(name) => windowed(settings(&name["sub_".len()..]), 12),
        "gaussian_mixture" => json!({"n_components": 3, "random_state": 5}),
        "one_class_svm" => json!({"max_samples": 150, "random_state": 5}),
        "dbscan" => json!({"max_samples": 150, "random_state": 5}),
        "isolation_forest" => json!({"n_estimators": 30, "random_state": 5}),
        "hdbscan" => json!({"max_samples": 150, "random_state": 5}),
        "inne" => json!({"n_estimators": 30, "random_state": 5}),
        "loda" => json!({"n_random_cuts": 30, "random_state": 5}),
        "kmeans" => json!({"n_clusters": 4, "n_init": 2, "random_state": 5}),
        "cblof" => json!({"n_clusters": 5, "random_state": 5}),
        "sgd_one_class_svm" => json!({"n_components": 40, "max_iter": 50, "random_state": 5}),
        "extended_isolation_forest" => json!({"n_estimators": 30, "random_state": 5}),
        "ensemble" => json!({"detectors": "hbos, knn, isolation_forest", "combination": "rank", "random_state": 5}),
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
        "matrix_profile" => json!({"window": 12}),
        "half_space_trees" => json!({"n_trees": 10, "window_size": 50, "window": 4, "random_state": 5}),
        "spectral_residual" => json!({"window": 59}),
        "robust_random_cut_forest" => json!({"n_trees": 10, "max_samples": 64, "window": 4, "random_state": 5}),
        _ => Value::Null,
    }
}

/// For hostile artefacts, on 60 rows: the smaller the artefact, the more of its bytes are hit.
pub(crate) fn tiny(name: &str) -> Value {
    match name {
        name if is_windowed(name) => windowed(tiny(&name["sub_".len()..]), 3),
        "isolation_forest" => json!({"n_estimators": 3, "max_samples": 16}),
        "sgd_one_class_svm" => json!({"n_components": 10, "max_iter": 10}),
        "extended_isolation_forest" => json!({"n_estimators": 3, "max_samples": 16}),
        "ensemble" => json!({"detectors": "hbos, pca", "combination": "rank"}),
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
        "matrix_profile" => json!({"window": 5, "mode": "self_join"}),
        "half_space_trees" => json!({"n_trees": 2, "height": 3, "window_size": 20, "window": 2}),
        "spectral_residual" => json!({"window": 16}),
        "robust_random_cut_forest" => json!({"n_trees": 2, "max_samples": 8, "window": 2}),
        _ => Value::Null,
    }
}

/// Whether it is a tabular detector on windows.
fn is_windowed(name: &str) -> bool {
    name.starts_with("sub_") && name != "sub_pca"
}

fn windowed(inner: Value, window: usize) -> Value {
    let mut settings = inner.as_object().cloned().unwrap_or_default();
    settings.insert("window".into(), window.into());
    settings.into()
}
