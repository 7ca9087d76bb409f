//! What a schedule does, and when: kept as JSON, because only this program reads it.

use std::time::Duration;

use nunatak_domain::{AliasName, Cron, DatasetId, DatasetVersionId, Direction, Key, ModelId, Name, Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::jobs::TrainRequest;

/// All that is said of a schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub name: Name,
    pub task: Task,
    pub trigger: Trigger,
    /// Only of trainings.
    pub promote: Option<PromoteRule>,
}

/// What is done each time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    Train(Box<TrainTask>),
    Predict(PredictTask),
}

/// A training as in `trainModel`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainTask {
    pub model: Name,
    pub detector: String,
    pub detector_version: Option<String>,
    pub hyperparameters: Value,
    pub data: Data,
    pub seed: i64,
    pub tags: Vec<Name>,
    pub priority: i32,
    pub max_attempts: i32,
}

/// The version that an alias names by then, applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictTask {
    pub model: ModelId,
    pub alias: AliasName,
    pub data: Data,
    pub priority: i32,
}

/// Which rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Data {
    /// The newest version of this dataset by then.
    Newest(DatasetId),
    Version(DatasetVersionId),
}

/// When it is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    Cron {
        expression: String,
        time_zone: String,
    },
    /// A new version of the dataset.
    Dataset(DatasetId),
    Metric(MetricTrigger),
}

/// A metric of a version gets worse than the threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricTrigger {
    pub model: ModelId,
    /// Of the version that it names; of the newest one where there is none.
    pub alias: Option<AliasName>,
    pub key: Key,
    pub threshold: f64,
    /// What the project declares of the metric unless given.
    pub direction: Option<Direction>,
    pub window: Window,
    pub aggregate: Aggregate,
    /// The least time between two firings.
    pub pause_seconds: u32,
}

/// Which values count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// This many, the newest; fewer do not fire.
    Points(u32),
    /// Those not older.
    Seconds(u32),
}

/// What is compared with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    Last,
    Mean,
}

/// The alias that a better version gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromoteRule {
    pub alias: AliasName,
    pub metric: Key,
    /// What the project declares of the metric unless given.
    pub direction: Option<Direction>,
    /// Better by less does not count; 0 for any.
    pub min_improvement: f64,
    /// The candidate's own training data unless given.
    pub evaluate_on: Option<Data>,
}

/// As many values as one check reads.
pub(crate) const MAX_WINDOW_POINTS: u32 = 500;
/// 31 days.
const MAX_SECONDS: u32 = 31 * 24 * 3600;

impl Definition {
    /// What can be seen without looking into the database.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        self.trigger.check().map_err(|problem| problem.at("trigger"))?;
        match (&self.promote, &self.task) {
            (None, _) => Ok(()),
            (Some(rule), Task::Train(_)) => rule.check().map_err(|problem| problem.at("promote")),
            (Some(_), Task::Predict(_)) => {
                let message = "only a training makes a version to promote; leave `promote` out";
                Err(Problem::new("INVALID_INPUT", message).at("promote"))
            }
        }
    }
}

impl Trigger {
    fn check(&self) -> Result<(), Problem> {
        match self {
            Self::Cron { expression, time_zone } => {
                Cron::parse(expression, time_zone).map_err(|problem| problem.at("cron"))?;
                Ok(())
            }
            Self::Dataset(_) => Ok(()),
            Self::Metric(metric) => metric.check().map_err(|problem| problem.at("metric")),
        }
    }
}

impl MetricTrigger {
    fn check(&self) -> Result<(), Problem> {
        finite(self.threshold, "threshold")?;
        let (given, most, field) = match self.window {
            Window::Points(points) => (points, MAX_WINDOW_POINTS, "points"),
            Window::Seconds(seconds) => (seconds, MAX_SECONDS, "seconds"),
        };
        if !(1..=most).contains(&given) {
            let message = format!("`{field}` is from 1 to {most}");
            return Err(Problem::new("OUT_OF_RANGE", message).at(field).at("window"));
        }
        if self.pause_seconds > MAX_SECONDS {
            let message = format!("a pause is from 0 to {MAX_SECONDS} seconds");
            return Err(Problem::new("OUT_OF_RANGE", message).at("pauseSeconds"));
        }
        Ok(())
    }

    pub(crate) const fn pause(&self) -> Duration {
        Duration::from_secs(self.pause_seconds as u64)
    }
}

impl PromoteRule {
    pub(crate) fn check(&self) -> Result<(), Problem> {
        finite(self.min_improvement, "minImprovement")?;
        if self.min_improvement < 0.0 {
            let message = "`minImprovement` is 0 or more; a worse version is never promoted";
            return Err(Problem::new("OUT_OF_RANGE", message).at("minImprovement"));
        }
        Ok(())
    }
}

impl TrainTask {
    pub(crate) fn request(&self, dataset: DatasetVersionId) -> TrainRequest {
        TrainRequest {
            detector_version: self.detector_version.clone(),
            hyperparameters: self.hyperparameters.clone(),
            seed: self.seed,
            tags: self.tags.clone(),
            priority: self.priority,
            max_attempts: self.max_attempts,
            ..TrainRequest::new(self.model.clone(), &self.detector, dataset)
        }
    }
}

impl Task {
    /// The dataset version or dataset that it works on.
    pub(crate) const fn data(&self) -> Data {
        match self {
            Self::Train(task) => task.data,
            Self::Predict(task) => task.data,
        }
    }
}

fn finite(value: f64, field: &str) -> Result<(), Problem> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Problem::new("OUT_OF_RANGE", format!("`{field}` is a finite number")).at(field))
}
