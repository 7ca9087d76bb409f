//! Writing down hyperparameters as a JSON Schema, which is at once documentation, form and check.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

/// Builds the JSON Schema (draft 2020-12) of a detector's hyperparameters: an object that permits nothing unknown, each
/// property with type, default, limits and a description.
#[derive(Debug, Clone, Default)]
pub struct HyperparameterSchema {
    properties: Map<String, Value>,
}

impl HyperparameterSchema {
    /// Starts with what every detector has: `contamination`, `threshold` and `preprocessing`.
    pub fn new() -> Self {
        let contamination = json!({
            "type": "number",
            "default": 0.1,
            "exclusiveMinimum": 0.0,
            "maximum": 0.5,
            "description": "Expected fraction of anomalies. Unless `threshold` says otherwise, the threshold is the (1 - contamination) quantile of the scores of rows that were held back from the fit."
        });
        Self::default()
            .with("contamination", contamination)
            .with("threshold", crate::threshold::schema())
            .with("preprocessing", crate::pipeline::schema())
    }

    pub fn integer(self, name: &str, default: i64, range: RangeInclusive<i64>, description: &str) -> Self {
        let (minimum, maximum) = range.into_inner();
        self.with(
            name,
            json!({"type": "integer", "default": default, "minimum": minimum, "maximum": maximum, "description": description}),
        )
    }

    /// An integer or null, where null (the default) lets the detector choose.
    pub fn optional_integer(self, name: &str, range: RangeInclusive<i64>, description: &str) -> Self {
        let (minimum, maximum) = range.into_inner();
        self.with(
            name,
            json!({"type": ["integer", "null"], "default": null, "minimum": minimum, "maximum": maximum, "description": description}),
        )
    }

    pub fn number(self, name: &str, default: f64, range: RangeInclusive<f64>, description: &str) -> Self {
        let (minimum, maximum) = range.into_inner();
        self.with(
            name,
            json!({"type": "number", "default": default, "minimum": minimum, "maximum": maximum, "description": description}),
        )
    }

    /// A number or null, where null (the default) lets the detector choose.
    pub fn optional_number(self, name: &str, range: RangeInclusive<f64>, description: &str) -> Self {
        let (minimum, maximum) = range.into_inner();
        self.with(
            name,
            json!({"type": ["number", "null"], "default": null, "minimum": minimum, "maximum": maximum, "description": description}),
        )
    }

    pub fn boolean(self, name: &str, default: bool, description: &str) -> Self {
        self.with(name, json!({"type": "boolean", "default": default, "description": description}))
    }

    /// One of a few words; the first is the default.
    pub fn choice(self, name: &str, words: &[&str], description: &str) -> Self {
        self.with(name, json!({"type": "string", "default": words.first(), "enum": words, "description": description}))
    }

    /// `random_state`, for detectors that draw random numbers.
    pub fn random_state(self) -> Self {
        // 2^53 - 1: the largest integer that every JSON reader keeps exact.
        self.integer(
            "random_state",
            0,
            0..=9_007_199_254_740_991,
            "Seed of the random numbers. Equal seeds give equal models.",
        )
    }

    /// `standardize`, for detectors that measure distances.
    pub fn standardize(self) -> Self {
        self.boolean(
            "standardize",
            true,
            "Scale each feature to mean 0 and standard deviation 1 first, so that none outweighs the others by its unit. The scaling is learned in training and stored in the version.",
        )
    }

    pub fn build(self) -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": false,
            "properties": self.properties,
        })
    }

    fn with(mut self, name: &str, property: Value) -> Self {
        self.properties.insert(name.to_string(), property);
        self
    }
}
