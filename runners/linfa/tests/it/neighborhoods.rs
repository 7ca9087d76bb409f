//! Detectors of neighbours and clusters against scikit-learn 1.9.1 and PyOD 3.6.7, features standardised, fitted on all
//! rows.

use nunatak_detector::{Context, predict};
use serde_json::Value;

use crate::reference::{fit, golden, table, tables};

/// ROC-AUC of scikit-learn's LOF where more than `n_neighbors` rows are equally near, so that which of them count is an
/// accident of its search (on breastw, its k-d tree and its brute force alone differ by .03): table, ROC-AUC of the
/// training rows.
const LOF_TIED: [(&str, f64); 2] = [("breastw", 0.39442), ("thyroid", 0.67354)];

#[test]
fn lof_row_by_row() {
    let detectors = nunatak_linfa::all();
    let tied = |name: &&str| LOF_TIED.iter().any(|(tied, _)| tied == name);
    for name in tables().into_iter().filter(|name| !tied(name)) {
        let Some(golden) = golden(name).filter(|golden| golden.contains_key("LOF_fit")) else { continue };
        let frame = table(name);
        let trained = fit("lof", &frame, Value::Null);
        let scored = predict(&detectors, &trained.artifact, &frame, &Context::quiet(0)).unwrap().scores;
        for (scores, column) in [(&trained.scores, "LOF_fit"), (&scored, "LOF_df")] {
            for (row, (score, expected)) in scores.iter().zip(&golden[column]).enumerate() {
                // The reference files hold 12 digits.
                let close = (score - expected).abs() <= 1e-9 + 1e-11 * expected;
                assert!(close, "{column} of {name}, row {row}: {score} is not {expected}");
            }
        }
    }
}

#[test]
fn lof_where_many_rows_are_equally_near() {
    for (name, expected) in LOF_TIED.into_iter().filter(|(name, _)| tables().contains(name)) {
        let roc_auc = fit("lof", &table(name), Value::Null).metrics["roc_auc"];
        assert!((roc_auc - expected).abs() <= 0.002, "{name}: {roc_auc:.5}, not {expected:.5}");
    }
}
