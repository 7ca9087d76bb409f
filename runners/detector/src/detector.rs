//! The two traits that make a detector.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Artifact, Context, DetectorError, Frame, Hyperparameters, Standardization, Tensor};

/// An algorithm that can learn what is normal from a table.
///
/// Detectors hold no state: one value serves every run, on many threads at once.
pub trait Detector: Debug + Send + Sync {
    /// What the catalogue shows. The same value at every call.
    fn spec(&self) -> DetectorSpec;

    /// Learns from all rows of `frame`, which has been validated: at least 2 rows, at least 1 feature, all values finite.
    ///
    /// Labels in the frame are not looked at: detectors are unsupervised.
    ///
    /// # Errors
    /// [`DetectorError::Cancelled`] soon after the cancel flag is set; [`DetectorError::Hyperparameter`] for settings that
    /// do not fit the data; [`DetectorError::Numeric`] when the arithmetic breaks down.
    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError>;

    /// Rebuilds what [`FittedDetector::save`] saved. The artefact's bytes may be hostile: check every index and shape.
    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError>;
}

/// A detector that has learned: it scores rows and can be saved.
pub trait FittedDetector: Debug + Send + Sync {
    /// One finite score a row, higher is more anomalous.
    ///
    /// For tabular detectors a row's score depends on that row alone: scored by itself or in any batch it is the same
    /// number, bit for bit. Series detectors read the rows in time order and score each in the light of its neighbours.
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError>;

    /// Scores of the training rows themselves, from which the threshold is set.
    ///
    /// The default is [`score`](Self::score). Detectors for which a training row is its own best neighbour (k nearest
    /// neighbours) override it and leave the row itself out.
    fn training_scores(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        self.score(frame, ctx)
    }

    /// Everything that [`Detector::load`] needs, besides the hyperparameters.
    fn save(&self) -> SavedState;

    /// Learned parameters worth showing, in scikit-learn's manner (`n_components_`, `offset_`): numbers, strings, bools or
    /// small JSON values.
    fn parameters(&self) -> BTreeMap<String, Value>;
}

/// What the catalogue knows of a detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectorSpec {
    /// The name in requests, snake_case: `isolation_forest`.
    pub name: String,
    /// Semantic version of the algorithm. Scores of equal versions are equal; the major number changes when artefacts of
    /// older versions can no longer be loaded.
    pub version: String,
    /// The name for people: "Isolation forest".
    pub title: String,
    /// One sentence: when to choose it.
    pub summary: String,
    /// Markdown: how it works, its source paper, and where it departs from it.
    pub description: String,
    pub input_kind: InputKind,
    /// JSON Schema (draft 2020-12) of an object; see [`HyperparameterSchema`](crate::HyperparameterSchema).
    pub hyperparameters: Value,
}

/// What a detector takes the rows to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Rows are independent of each other and their order means nothing.
    Tabular,
    /// Rows are equally spaced moments in time order.
    Series,
}

/// The learned part of an artefact.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SavedState {
    /// Arrays by name. All floating-point values must be finite.
    pub tensors: BTreeMap<String, Tensor>,
    /// The standardisation applied before the detector proper, if any.
    pub preprocessing: Option<Standardization>,
}
