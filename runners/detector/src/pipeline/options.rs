//! What a user can ask to be done to the columns before a detector sees them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The hyperparameter `preprocessing`. As a default nothing is done, and missing values are refused.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    pub(crate) impute: Impute,
    pub(crate) fill_value: f64,
    pub(crate) add_indicator: bool,
    pub(crate) scale: Scale,
    pub(crate) one_hot: Vec<String>,
    pub(crate) lags: Vec<usize>,
    pub(crate) rolling_window: Option<usize>,
    pub(crate) rolling: Vec<Statistic>,
    pub(crate) time_features: Vec<TimeFeature>,
    pub(crate) row_filter: Vec<Condition>,
}

/// What takes the place of a missing number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Impute {
    #[default]
    Refuse,
    Median,
    Mean,
    Constant,
    /// The last value before it; the median where there is none.
    ForwardFill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scale {
    #[default]
    None,
    /// (x - mean) / standard deviation
    Standard,
    /// (x - median) / interquartile range
    Robust,
    /// (x - min) / (max - min)
    MinMax,
}

/// Of the last rows, the row itself included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Statistic {
    Mean,
    Std,
    Min,
    Max,
}

impl Statistic {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Std => "std",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

/// Of a row's time in UTC. Those that go round are given as sine and cosine, so that 23:59 lies beside 00:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TimeFeature {
    TimeOfDay,
    DayOfWeek,
    DayOfYear,
    /// 1 on Saturdays and Sundays.
    Weekend,
}

/// A test of one column, of numbers or of words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    pub(crate) column: String,
    pub(crate) op: Operator,
    pub(crate) value: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operator {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Operand {
    Number(f64),
    Word(String),
}

/// The longest lag or rolling window: what a row needs of the rows before it stays small.
pub(crate) const MAX_LOOK_BACK: usize = 1_000;

/// The JSON Schema of the hyperparameter.
pub(crate) fn schema() -> Value {
    let flag = |description: &str| json!({"type": "boolean", "default": false, "description": description});
    let words = |words: &[&str], description: &str| json!({"type": "string", "default": words[0], "enum": words, "description": description});
    let list = |items: Value, most: usize, description: &str| json!({"type": "array", "default": [], "maxItems": most, "items": items, "description": description});
    let operators = ["eq", "ne", "lt", "lte", "gt", "gte"];
    json!({
        "type": ["object", "null"],
        "default": null,
        "additionalProperties": false,
        "description": "What is done to the columns before the detector sees them, in training and with every later row alike: what was learned for it is part of the version. Null: nothing, and missing values are refused.",
        "properties": {
            "impute": words(&["refuse", "median", "mean", "constant", "forward_fill"], "What takes the place of a missing number; median and mean are those of the training rows, `forward_fill` takes the row before."),
            "fill_value": {"type": "number", "default": 0.0, "description": "The number for `impute: constant`."},
            "add_indicator": flag("Add a column `<name>_missing` of 0 and 1 for each column with missing values in training."),
            "scale": words(&["none", "standard", "robust", "min_max"], "Scaling of the columns of numbers: standard (mean, deviation), robust (median, interquartile range) or min_max (to 0..1). Detectors that standardise do so afterwards all the same."),
            "one_hot": list(json!({"type": "string"}), 100, "Columns of words to turn into one column of 0 and 1 for each of their 50 most frequent words in training; unknown words and missing ones give 0 everywhere. Columns of words that are not named are left out."),
            "lags": list(json!({"type": "integer", "minimum": 1, "maximum": MAX_LOOK_BACK}), 100, "Add each column as it was so many rows before. The first rows repeat the first."),
            "rolling_window": {"type": ["integer", "null"], "default": null, "minimum": 2, "maximum": MAX_LOOK_BACK, "description": "Rows, the row itself included, for `rolling`."},
            "rolling": list(json!({"type": "string", "enum": ["mean", "std", "min", "max"]}), 4, "Add these statistics of the last `rolling_window` rows of each column."),
            "time_features": list(json!({"type": "string", "enum": ["time_of_day", "day_of_week", "day_of_year", "weekend"]}), 4, "Add columns made of the time column (UTC): sine and cosine of what goes round, 0 or 1 for the weekend."),
            "row_filter": list(json!({
                "type": "object", "additionalProperties": false,
                "properties": {
                    "column": {"type": "string", "description": "A column of numbers, or of words named in `one_hot`."},
                    "op": {"type": "string", "enum": operators, "description": "The comparison."},
                    "value": {"type": ["number", "string"], "description": "What to compare with."},
                },
                "required": ["column", "op", "value"],
            }), 20, "Learn only from rows that pass all of these. Later every row is scored, passing or not."),
        },
    })
}
