//! What can be asked for, and its bounds.

use std::collections::BTreeSet;

use nunatak_domain::{DatasetVersionId, Name, Problem, ScheduleId, SweepId, VersionId};
use serde_json::Value;

use crate::runners::{MAX_LABEL_CHARS, MAX_LABELS};

/// What to train, on what.
#[derive(Debug, Clone)]
pub struct TrainRequest {
    /// The model to add a version to; made where it is missing.
    pub model: Name,
    pub detector: String,
    /// The newest registered where none is given.
    pub detector_version: Option<String>,
    /// A JSON object, or null for the defaults.
    pub hyperparameters: Value,
    pub dataset: DatasetVersionId,
    pub seed: i64,
    pub tags: Vec<Name>,
    /// Only a runner that has all of these gets it.
    pub labels: Vec<String>,
    /// Higher goes first; -100 to 100.
    pub priority: i32,
    /// 1 to 10.
    pub max_attempts: i32,
}

/// Which version to apply to which rows: for a prediction or an evaluation.
#[derive(Debug, Clone)]
pub struct ApplyRequest {
    pub version: VersionId,
    pub dataset: DatasetVersionId,
    /// Only a runner that has all of these gets it.
    pub labels: Vec<String>,
    pub priority: i32,
    pub max_attempts: i32,
}

/// What asked for a job by itself; nothing where a person did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cause {
    pub sweep: Option<SweepId>,
    pub schedule: Option<ScheduleId>,
}

/// Crashes and restarts of runners are survived; a job that kills its runner each time is not tried for ever.
pub(super) const DEFAULT_ATTEMPTS: i32 = 3;
const MAX_ATTEMPTS: i32 = 10;
const MAX_PRIORITY: i32 = 100;
const MAX_TAGS: usize = 20;

impl TrainRequest {
    /// With all that may be left out at its default.
    #[must_use]
    pub fn new(model: Name, detector: impl Into<String>, dataset: DatasetVersionId) -> Self {
        Self {
            model,
            detector: detector.into(),
            detector_version: None,
            hyperparameters: Value::Null,
            dataset,
            seed: 0,
            tags: Vec::new(),
            labels: Vec::new(),
            priority: 0,
            max_attempts: DEFAULT_ATTEMPTS,
        }
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        check_bounds(self.priority, self.max_attempts)?;
        check_labels(&self.labels)?;
        if self.tags.len() > MAX_TAGS {
            return Err(Problem::new("LIMIT_EXCEEDED", "a version has at most 20 tags").at("tags"));
        }
        Ok(())
    }
}

impl ApplyRequest {
    /// With all that may be left out at its default.
    #[must_use]
    pub fn new(version: VersionId, dataset: DatasetVersionId) -> Self {
        Self { version, dataset, labels: Vec::new(), priority: 0, max_attempts: DEFAULT_ATTEMPTS }
    }
}

pub(super) fn check_bounds(priority: i32, max_attempts: i32) -> Result<(), Problem> {
    if !(-MAX_PRIORITY..=MAX_PRIORITY).contains(&priority) {
        return Err(Problem::new("OUT_OF_RANGE", "a priority is from -100 to 100").at("priority"));
    }
    if !(1..=MAX_ATTEMPTS).contains(&max_attempts) {
        return Err(Problem::new("OUT_OF_RANGE", "a job has 1 to 10 attempts").at("maxAttempts"));
    }
    Ok(())
}

pub(super) fn check_labels(labels: &[String]) -> Result<(), Problem> {
    let bad = |label: &String| label.is_empty() || label.chars().count() > MAX_LABEL_CHARS || label.contains('\0');
    if labels.len() > MAX_LABELS || labels.iter().any(bad) {
        return Err(
            Problem::new("INVALID_INPUT", "a job asks for at most 20 labels of 1 to 60 characters").at("labels")
        );
    }
    Ok(())
}

/// Each once, in order.
pub(super) fn unique(labels: &[String]) -> BTreeSet<&str> {
    labels.iter().map(String::as_str).collect()
}
