//! The JSON header of an artefact: what a reader can know without the arrays.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::frame::first_duplicate;
use crate::{DetectorError, Hyperparameters, Standardization};

/// Names the layout of artefacts; readers refuse any other.
pub const ARTIFACT_FORMAT: &str = "nunatak.artifact/1";

/// What a trained version says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactHeader {
    /// [`ARTIFACT_FORMAT`].
    pub format: String,
    pub detector: String,
    pub detector_version: String,
    /// The features, in the order of the learned arrays.
    pub input_schema: Vec<InputColumn>,
    /// All hyperparameters, defaults filled in.
    pub hyperparameters: BTreeMap<String, Value>,
    /// The seed of the training run, to which `random_state` was added.
    pub seed: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocessing: Option<Standardization>,
    /// A row is an anomaly when its score is greater.
    pub threshold: f64,
    pub contamination: f64,
    pub trained_rows: u64,
}

/// One feature that a version expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputColumn {
    pub name: String,
    /// Always `number` in this format.
    #[serde(rename = "type")]
    pub kind: String,
}

impl InputColumn {
    pub fn number(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: "number".into() }
    }
}

impl ArtifactHeader {
    pub fn n_features(&self) -> usize {
        self.input_schema.len()
    }

    pub fn column_names(&self) -> Vec<&str> {
        self.input_schema.iter().map(|column| column.name.as_str()).collect()
    }

    /// The hyperparameters, checked once more against the detector's schema: the bytes may come from anywhere.
    pub fn resolve_hyperparameters(&self, schema: &Value) -> Result<Hyperparameters, DetectorError> {
        let given = Value::Object(self.hyperparameters.clone().into_iter().collect());
        Hyperparameters::resolve(schema, &given).map_err(|error| DetectorError::artifact(error.to_string()))
    }

    /// The standardisation, or an error for detectors that always write one.
    pub fn standardization(&self) -> Result<&Standardization, DetectorError> {
        self.preprocessing.as_ref().ok_or_else(|| DetectorError::artifact("it has no standardisation"))
    }

    pub(crate) fn check(&self) -> Result<(), DetectorError> {
        if self.format != ARTIFACT_FORMAT {
            let found: String = self.format.chars().take(60).collect();
            return Err(DetectorError::artifact(format!(
                "its format is `{found}`, this runner reads `{ARTIFACT_FORMAT}`"
            )));
        }
        if self.input_schema.is_empty() {
            return Err(DetectorError::artifact("it names no input column"));
        }
        if self.input_schema.iter().any(|column| column.kind != "number") {
            return Err(DetectorError::artifact("it has an input column that is no number"));
        }
        let names: Vec<String> = self.input_schema.iter().map(|column| column.name.clone()).collect();
        if first_duplicate(&names).is_some() {
            return Err(DetectorError::artifact("it names an input column twice"));
        }
        let in_range = self.contamination > 0.0 && self.contamination <= 0.5;
        if !in_range || !self.threshold.is_finite() {
            return Err(DetectorError::artifact("its threshold or contamination is out of range"));
        }
        self.preprocessing.as_ref().map_or(Ok(()), |standardization| standardization.check(self.n_features()))
    }
}
