//! A test kit for authors of detectors: what every detector promises, as functions that try it.
//!
//! [`keeps_all_promises`] is the test that a detector's crate should have:
//!
//! ```
//! # use nunatak_detector::{Detector, testing};
//! # fn author(detector: &dyn Detector) {
//! testing::keeps_all_promises(detector, &serde_json::json!({"n_neighbors": 5}));
//! # }
//! ```
//!
//! A runner binary does the same with `--check`. The promises are [`promises`]: each has a name, a sentence, and a function
//! that takes a [`Subject`] (a detector with the hyperparameters to try it with). The data are [`table`]: small, made from
//! formulas, the same at every call.
//!
//! # Adding a promise
//! A function in the file of its noun (`spec`, `scores`, `saving`, `hostile`), and its line in `PROMISES`.

mod data;
mod hostile;
mod optional;
mod running;
mod saving;
mod scores;
mod spec;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use data::{TABLE_STEP, table};
use serde_json::{Value, json};

use crate::{Context, Detector, DetectorError, Frame, Learning, Model, Trained, train};

/// One thing that holds for every detector.
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    /// A word for programs and for messages: `row_alone`.
    pub name: &'static str,
    /// The promise as a sentence.
    pub says: &'static str,
    keep: fn(&Subject<'_>) -> Result<(), Break>,
}

/// How a promise went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    /// The promise is not made by this kind of detector, or cannot be tried with these hyperparameters. Says why.
    NotApplicable(String),
    /// Says what was seen, in the words of who has to mend it.
    Broken(String),
}

/// Why a promise's function ended early.
pub(crate) enum Break {
    NotApplicable(String),
    Broken(String),
}

/// A fault of arithmetic or of data that the detector should have coped with breaks whatever is being tried.
impl From<DetectorError> for Break {
    fn from(error: DetectorError) -> Self {
        match error {
            DetectorError::Hyperparameter { .. } => {
                Self::NotApplicable(format!("cannot be tried with these hyperparameters: {error}"))
            }
            error => Self::Broken(error.to_string()),
        }
    }
}

pub(crate) fn broken<T>(how: impl Into<String>) -> Result<T, Break> {
    Err(Break::Broken(how.into()))
}

pub(crate) fn not_applicable<T>(why: impl Into<String>) -> Result<T, Break> {
    Err(Break::NotApplicable(why.into()))
}

const PROMISES: [Promise; 16] = [
    spec::DESCRIBED,
    spec::CHECKED,
    scores::FINITE,
    scores::TWO_ROWS,
    scores::HIGHER,
    scores::ROW_ALONE,
    scores::MISSING,
    scores::BY_NAME,
    scores::HUGE,
    saving::REPEATS,
    saving::RELOADS,
    running::CANCELS,
    optional::CONTRIBUTES,
    optional::CLASSIFIES,
    optional::STREAMS,
    hostile::SURVIVES,
];

/// All promises, the plainest first.
pub fn promises() -> &'static [Promise] {
    &PROMISES
}

/// Fails a test with every promise that `detector` breaks. `hyperparameters` (an object, or null) should make a small table
/// enough: a window of some rows, few members.
///
/// # Panics
/// When a promise is broken.
pub fn keeps_all_promises(detector: &dyn Detector, hyperparameters: &Value) {
    let subject = Subject::new(detector, hyperparameters.clone());
    let broken = promises().iter().filter_map(|promise| match subject.keeps(promise) {
        Verdict::Broken(how) => Some(format!("\n  {}: {how}", promise.says)),
        Verdict::Kept | Verdict::NotApplicable(_) => None,
    });
    let broken: String = broken.collect();
    assert!(broken.is_empty(), "`{}` does not keep what detectors promise:{broken}", detector.spec().name);
}

/// A detector and the hyperparameters that it is tried with.
#[derive(Debug)]
pub struct Subject<'a> {
    detector: &'a dyn Detector,
    hyperparameters: Value,
}

impl<'a> Subject<'a> {
    pub fn new(detector: &'a dyn Detector, hyperparameters: Value) -> Self {
        let hyperparameters = if hyperparameters.is_null() { json!({}) } else { hyperparameters };
        Self { detector, hyperparameters }
    }

    /// Tries one promise. A panic of the detector breaks it.
    pub fn keeps(&self, promise: &Promise) -> Verdict {
        // Nothing of the run is looked at after a panic.
        match catch_unwind(AssertUnwindSafe(|| (promise.keep)(self))) {
            Ok(Ok(())) => Verdict::Kept,
            Ok(Err(Break::NotApplicable(why))) => Verdict::NotApplicable(why),
            Ok(Err(Break::Broken(how))) => Verdict::Broken(how),
            Err(_) => Verdict::Broken("the detector panicked".to_owned()),
        }
    }

    fn train(&self, frame: &Frame) -> Result<Trained, DetectorError> {
        train(self.detector, frame, &self.hyperparameters, &Context::quiet(0))
    }

    /// The threshold set on one split: cross-fitting would fit five times more, and this is for looking at scores.
    fn train_quickly(&self, frame: &Frame) -> Result<Trained, DetectorError> {
        let mut settings = self.hyperparameters.clone();
        if settings.get("threshold").is_none() {
            settings["threshold"] = json!({"calibration": "split"});
        }
        train(self.detector, frame, &settings, &Context::quiet(0))
    }

    fn model(&self, artifact: &[u8]) -> Result<Model, DetectorError> {
        Model::of(self.detector, artifact)
    }

    fn score(&self, artifact: &[u8], frame: &Frame) -> Result<Vec<f64>, DetectorError> {
        self.model(artifact)?.score(frame, &Context::quiet(0))
    }

    fn is_supervised(&self) -> bool {
        self.detector.spec().learning == Learning::Supervised
    }
}

#[cfg(test)]
mod tests;
