//! What a user can ask of the threshold.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The hyperparameter `threshold`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    pub(crate) method: Method,
    pub(crate) false_alarm_rate: f64,
    pub(crate) quantile: f64,
    pub(crate) factor: f64,
    pub(crate) false_alarm_cost: f64,
    pub(crate) miss_cost: f64,
    pub(crate) calibration: Calibration,
    pub(crate) folds: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            method: Method::Contamination,
            false_alarm_rate: 0.01,
            quantile: 0.99,
            factor: 3.0,
            false_alarm_cost: 1.0,
            miss_cost: 10.0,
            calibration: Calibration::Auto,
            folds: 5,
        }
    }
}

/// How a threshold is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The (1 - contamination) quantile of all held-back scores.
    Contamination,
    /// The conformal quantile of normal scores; beyond the last of them the tail is extrapolated.
    FalseAlarmRate,
    /// A quantile of all held-back scores.
    Quantile,
    /// Median + factor x 1.4826 x MAD.
    Mad,
    /// Peaks over threshold: a generalised Pareto distribution fitted to the upper tail.
    Pot,
    /// The threshold with the best F1.
    BestF1,
    /// The threshold with the lowest cost of false alarms and misses.
    Cost,
    /// A fault is more probable than not; for classifiers.
    Probability,
}

/// Where held-back scores come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Calibration {
    /// Cross-fitting up to 20,000 rows, a split above.
    Auto,
    CrossFit,
    Split,
}

/// The JSON Schema of the hyperparameter.
pub(crate) fn schema() -> Value {
    let default = Options::default();
    let number = |default: f64, more: Value, description: &str| {
        let mut property = json!({"type": "number", "default": default, "description": description});
        if let (Some(property), Some(more)) = (property.as_object_mut(), more.as_object()) {
            property.extend(more.clone());
        }
        property
    };
    json!({
        "type": ["object", "null"],
        "default": null,
        "additionalProperties": false,
        "description": "How the threshold is set, on scores of rows that were held back from the fit. Null: by `contamination`, for classifiers at a probability of one half.",
        "properties": {
            "method": {
                "type": "string", "default": "contamination",
                "enum": ["contamination", "false_alarm_rate", "quantile", "mad", "pot", "best_f1", "cost", "probability"],
                "description": "contamination: that fraction of rows exceeds it. false_alarm_rate: that fraction of normal rows does (take it for data without anomalies, or with labels). quantile: of the scores. mad: median + factor x 1.4826 x MAD. pot: peaks over threshold, for rates below one in the number of rows (Siffer et al., KDD 2017). best_f1 and cost: by labels. probability: 0.5, for classifiers."
            },
            "false_alarm_rate": number(default.false_alarm_rate, json!({"exclusiveMinimum": 0.0, "maximum": 0.5}), "Fraction of normal rows that may exceed the threshold."),
            "quantile": number(default.quantile, json!({"minimum": 0.5, "exclusiveMaximum": 1.0}), "For `quantile`."),
            "factor": number(default.factor, json!({"minimum": 0.0, "maximum": 1000.0}), "For `mad`: how many robust standard deviations."),
            "false_alarm_cost": number(default.false_alarm_cost, json!({"minimum": 0.0}), "For `cost`: of one false alarm."),
            "miss_cost": number(default.miss_cost, json!({"minimum": 0.0}), "For `cost`: of one missed anomaly."),
            "calibration": {"type": "string", "default": "auto", "enum": ["auto", "cross_fit", "split"], "description": "cross_fit: every row is scored by a fit on other rows, which takes `folds` more fits. split: a fifth of the rows, at most 50 000, is held back from one more fit. auto: cross_fit up to 20 000 rows (100 000 of a series), else split. Either way the version itself is fitted on all rows."},
            "folds": {"type": "integer", "default": default.folds, "minimum": 2, "maximum": 20, "description": "Parts for `cross_fit`: stretches of the rows as they come, because neighbouring rows of a process resemble each other; random ones for classifiers."},
        },
    })
}
