//! The two traits that make a detector.

use std::collections::BTreeMap;
use std::fmt::Debug;

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Artifact, Context, DetectorError, Figure, Forecast, Frame, Hyperparameters, Standardization, StreamScorer, Tensor,
};

/// An algorithm that can learn what is normal from a table.
///
/// Detectors hold no state: one value serves every run, on many threads at once.
pub trait Detector: Debug + Send + Sync {
    /// What the catalogue shows. The same value at every call.
    fn spec(&self) -> DetectorSpec;

    /// Learns from all rows of `frame`, which has been validated: at least 2 rows, at least 1 feature, all values finite.
    ///
    /// An unsupervised detector does not look at labels. A supervised one learns from [`Frame::target`], which is there.
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

    /// What each feature contributes to the scores of `rows` (indices into `frame`): shape (rows.len(), n_features), in
    /// any unit that makes the entries of one row comparable; positive makes the row more anomalous.
    ///
    /// `None`, the default, has the caller approximate it: each feature in turn is put at
    /// its typical value and the fall of the score is what it contributed. Override it where the method itself says it,
    /// and say which in [`DetectorSpec::reasons`].
    fn contributions(
        &self,
        _frame: &Frame,
        _rows: &[usize],
        _ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        Ok(None)
    }

    /// A scorer that takes rows one at a time as they come; `None` for detectors that look ahead or at whole tables.
    ///
    /// Pushing the rows of a frame one by one gives what [`score`](Self::score) gives for the frame, bit for bit.
    fn stream(&self) -> Option<Box<dyn StreamScorer + '_>> {
        None
    }

    /// What was expected of each row of `frame` from the rows before it, and of `horizon` rows beyond, with the bounds
    /// that hold a normal row with probability `level` (0..1). `None` for detectors that do not forecast.
    fn forecast(
        &self,
        _frame: &Frame,
        _horizon: usize,
        _level: f64,
        _ctx: &Context<'_>,
    ) -> Result<Option<Forecast>, DetectorError> {
        Ok(None)
    }

    /// The probability of each class for each row, shape (n_rows, n_classes) in the order of the names; `None` for
    /// unsupervised detectors. The score of a supervised one is 1 - P(normal).
    fn classify(&self, _frame: &Frame, _ctx: &Context<'_>) -> Result<Option<Classified>, DetectorError> {
        Ok(None)
    }

    /// Plots that only this method has (explained variance, decomposition), beside those of [`figures`](crate::figures).
    fn figures(
        &self,
        _frame: &Frame,
        _scores: &[f64],
        _threshold: f64,
        _ctx: &Context<'_>,
    ) -> Result<Vec<Figure>, DetectorError> {
        Ok(Vec::new())
    }
}

/// What a supervised detector takes rows to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// Names of the classes.
    pub names: Vec<String>,
    /// Shape (n_rows, n_classes), each row sums to 1.
    pub probabilities: Array2<f64>,
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
    pub learning: Learning,
    /// How the reasons of a score are found.
    pub reasons: Reasons,
    /// Markdown, one line: how time and memory grow, in n rows, d features and the hyperparameters.
    pub cost: String,
    /// The paper or book that the formula is from, in one line.
    pub source: String,
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

/// What a detector learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learning {
    /// From the rows alone.
    Unsupervised,
    /// From the rows and their classes.
    Supervised,
}

/// How the contributions of features to a score are come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reasons {
    /// The score is a sum (or maximum) over the features, and these are its terms.
    Exact,
    /// Each split on a row's way through a tree is credited with how it changed the expected score.
    PathAttribution,
    /// How far the score falls when the feature is put at its typical value (the median of the training rows).
    LeaveOneFeatureOut,
}

/// The learned part of an artefact.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SavedState {
    /// Arrays by name. All floating-point values must be finite.
    pub tensors: BTreeMap<String, Tensor>,
    /// The standardisation applied before the detector proper, if any.
    pub preprocessing: Option<Standardization>,
}
