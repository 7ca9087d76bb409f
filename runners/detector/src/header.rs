//! The JSON header of an artefact: what a reader can know without the arrays.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::frame::first_duplicate;
use crate::pipeline::Pipeline;
use crate::threshold::Calibration;
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
    /// The columns that rows to score must have: those of numbers in the order of the learned arrays, then those of words.
    pub input_schema: Vec<InputColumn>,
    /// All hyperparameters, defaults filled in.
    pub hyperparameters: BTreeMap<String, Value>,
    /// The seed of the training run, to which `random_state` was added.
    pub seed: u64,
    /// The standardisation that is the detector's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocessing: Option<Standardization>,
    /// What is done to the columns before the detector sees them; `None` where it sees them as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<Pipeline>,
    /// The time between rows of the training series, in milliseconds, where they had times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_millis: Option<i64>,
    /// The median of each feature over the training rows; empty in versions older than it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub typical: Vec<f64>,
    /// How the threshold was come by; `None` in versions older than it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
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
    /// `number` or `category`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether values may be missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
}

const NUMBER: &str = "number";
const CATEGORY: &str = "category";

impl InputColumn {
    pub fn number(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: NUMBER.into(), nullable: false }
    }

    /// A column of words. One may be missing: it counts as a word that training did not have.
    pub fn category(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: CATEGORY.into(), nullable: true }
    }
}

impl ArtifactHeader {
    /// How many features the detector sees.
    pub fn n_features(&self) -> usize {
        self.pipeline.as_ref().map_or(self.input_schema.len(), |pipeline| pipeline.features().len())
    }

    /// Names of the columns of numbers that rows to score must have.
    pub fn number_columns(&self) -> Vec<&str> {
        self.columns_of(NUMBER)
    }

    /// Names of the columns of words that rows to score must have.
    pub fn category_columns(&self) -> Vec<&str> {
        self.columns_of(CATEGORY)
    }

    fn columns_of(&self, kind: &str) -> Vec<&str> {
        let columns = self.input_schema.iter().filter(|column| column.kind == kind);
        columns.map(|column| column.name.as_str()).collect()
    }

    /// Names of the features that the detector sees.
    pub fn feature_names(&self) -> Vec<&str> {
        match &self.pipeline {
            Some(pipeline) => pipeline.features().iter().map(|feature| feature.name.as_str()).collect(),
            None => self.number_columns(),
        }
    }

    /// The input column that each feature was made of.
    pub(crate) fn sources(&self) -> Vec<&str> {
        match &self.pipeline {
            Some(pipeline) => pipeline.features().iter().map(|feature| feature.of.as_str()).collect(),
            None => self.number_columns(),
        }
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
        let n_numbers = self.number_columns().len();
        if n_numbers + self.category_columns().len() != self.input_schema.len() {
            return Err(DetectorError::artifact("it has an input column that is neither number nor category"));
        }
        let names: Vec<String> = self.input_schema.iter().map(|column| column.name.clone()).collect();
        if first_duplicate(&names).is_some() {
            return Err(DetectorError::artifact("it names an input column twice"));
        }
        let in_range = self.contamination > 0.0 && self.contamination <= 0.5;
        if !in_range || !self.threshold.is_finite() {
            return Err(DetectorError::artifact("its threshold or contamination is out of range"));
        }
        match &self.pipeline {
            Some(pipeline) => pipeline.check(n_numbers, self.category_columns().len())?,
            None if n_numbers < self.input_schema.len() => {
                return Err(DetectorError::artifact("it has categories and nothing that makes numbers of them"));
            }
            None => {}
        }
        let typical = self.typical.is_empty() || self.typical.len() == self.n_features();
        if !typical || self.step_millis.is_some_and(|step| step <= 0) {
            return Err(DetectorError::artifact("its typical values or its step in time are out of range"));
        }
        self.preprocessing.as_ref().map_or(Ok(()), |standardization| standardization.check(self.n_features()))
    }
}
