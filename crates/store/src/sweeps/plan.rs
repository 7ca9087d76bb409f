//! What was asked for, and what became of it once it was checked: kept with the sweep as JSON.

use nunatak_domain::{AliasName, DatasetVersionId, Direction, Key, Name, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Rung;

/// A sweep as it is asked for.
#[derive(Debug, Clone)]
pub struct SweepRequest {
    pub name: Name,
    /// The model that gets the versions; with several data sets, what their models' names begin with.
    pub model: Name,
    pub detectors: Vec<SweepDetector>,
    pub strategy: Strategy,
    pub datasets: Vec<DatasetVersionId>,
    /// Of the choice of trials, and of each training.
    pub seed: i64,
    /// `roc_auc` where none is given.
    pub metric: Option<Key>,
    /// The one that the project declares where none is given.
    pub direction: Option<Direction>,
    /// How many of its jobs wait or run at once.
    pub concurrency: u32,
    pub budget: Budget,
    pub stop_when: StopWhen,
    pub promote: Option<Promotion>,
    /// It fails when a larger share of all its trials has failed.
    pub max_failed_share: f64,
    pub tags: Vec<Name>,
    pub priority: i32,
    /// Of each training, 1 to 10.
    pub max_attempts: i32,
}

/// A detector, what holds for all of its trials, and what may differ between them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SweepDetector {
    pub name: String,
    /// The newest registered where none is given; known once the sweep is there.
    pub version: Option<String>,
    pub hyperparameters: Value,
    pub space: Value,
}

/// How the trials are chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Strategy {
    Grid { shuffle: bool },
    Random { trials: u32 },
    SuccessiveHalving { trials: u32, eta: u32, resource: String, min: f64, max: f64 },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// No more trials are begun.
    pub max_trials: Option<u32>,
    /// What still waits or runs this long after the sweep began is cancelled.
    pub max_seconds: Option<u32>,
}

/// When there is no use in going on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct StopWhen {
    /// As soon as each data set has a trial that is better than this.
    pub better_than: Option<f64>,
    /// After so many trials in a row that ended without being better than those before.
    pub no_improvement_in: Option<u32>,
}

/// By which rule the best gets an alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promotion {
    pub alias: String,
    pub only_if_better_than_current: bool,
    /// By how much it has to be better than the version that has the alias.
    pub min_improvement: f64,
    /// Not only at the end.
    pub as_soon_as_better: bool,
}

impl Promotion {
    /// With all that may be left out at its default.
    #[must_use]
    pub fn new(alias: &AliasName) -> Self {
        let alias = alias.as_str().to_owned();
        Self { alias, only_if_better_than_current: true, min_improvement: 0.0, as_soon_as_better: false }
    }
}

/// A data set with the model of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub dataset: DatasetVersionId,
    /// The model's name: it is made with its first trial.
    pub model: String,
}

/// A sweep that was checked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    pub detectors: Vec<SweepDetector>,
    pub strategy: Strategy,
    pub targets: Vec<Target>,
    pub seed: i64,
    pub concurrency: u32,
    pub budget: Budget,
    pub stop_when: StopWhen,
    pub promote: Option<Promotion>,
    pub max_failed_share: f64,
    pub tags: Vec<String>,
    pub priority: i32,
    pub max_attempts: i32,
    /// One unless the strategy is successive halving. Those of each data set.
    pub rungs: Vec<Rung>,
    /// Of all rungs and data sets, should none fail.
    pub total: u32,
}

/// A sweep of thousands is a search that should be cut in pieces; its leaderboard is read in one go.
pub const MAX_TRIALS: u32 = 1000;
const MAX_DETECTORS: usize = 20;
const MAX_DATASETS: usize = 20;
const MAX_CONCURRENCY: u32 = 100;
/// A month.
const MAX_SECONDS: u32 = 31 * 24 * 3600;

impl SweepRequest {
    /// With all that may be left out at its default.
    #[must_use]
    pub fn new(name: Name, model: Name, detectors: Vec<SweepDetector>, datasets: Vec<DatasetVersionId>) -> Self {
        Self {
            name,
            model,
            detectors,
            strategy: Strategy::Grid { shuffle: false },
            datasets,
            seed: 0,
            metric: None,
            direction: None,
            concurrency: 4,
            budget: Budget::default(),
            stop_when: StopWhen::default(),
            promote: None,
            max_failed_share: 0.5,
            tags: Vec::new(),
            priority: 0,
            max_attempts: 3,
        }
    }

    /// What can be said without looking anything up.
    pub(super) fn check(&self) -> Result<(), Problem> {
        within("detectors", self.detectors.len(), MAX_DETECTORS)?;
        within("datasets", self.datasets.len(), MAX_DATASETS)?;
        if let Some(twice) = (1..self.datasets.len()).find(|n| self.datasets[..*n].contains(&self.datasets[*n])) {
            let problem = Problem::new("DUPLICATE_KEY", "this dataset version is named twice; name it once");
            return Err(problem.at(twice.to_string()).at("datasets"));
        }
        number("concurrency", self.concurrency, MAX_CONCURRENCY)?;
        let Budget { max_trials, max_seconds } = self.budget;
        max_trials.map_or(Ok(()), |n| number("maxTrials", n, MAX_TRIALS)).map_err(|p| p.at("budget"))?;
        max_seconds.map_or(Ok(()), |n| number("maxSeconds", n, MAX_SECONDS)).map_err(|p| p.at("budget"))?;
        let StopWhen { better_than, no_improvement_in } = self.stop_when;
        no_improvement_in.map_or(Ok(()), |n| number("noImprovementIn", n, MAX_TRIALS)).map_err(|p| p.at("stopWhen"))?;
        better_than.map_or(Ok(()), |x| finite("betterThan", x)).map_err(|p| p.at("stopWhen"))?;
        if !(0.0..=1.0).contains(&self.max_failed_share) {
            return Err(Problem::new("OUT_OF_RANGE", "a share is a number from 0 to 1").at("maxFailedShare"));
        }
        if let Some(promote) = &self.promote
            && (promote.min_improvement < 0.0 || !promote.min_improvement.is_finite())
        {
            let problem = Problem::new("OUT_OF_RANGE", "an improvement is a finite number, 0 or more");
            return Err(problem.at("minImprovement").at("promote"));
        }
        self.strategy.check().map_err(|problem| problem.at("strategy"))
    }
}

impl Strategy {
    fn check(&self) -> Result<(), Problem> {
        match self {
            Self::Grid { .. } => Ok(()),
            Self::Random { trials } => number("trials", *trials, MAX_TRIALS).map_err(|problem| problem.at("random")),
            Self::SuccessiveHalving { trials, eta, min, max, .. } => {
                let here = |problem: Problem| problem.at("successiveHalving");
                number("trials", *trials, MAX_TRIALS).map_err(here)?;
                if !(2..=10).contains(eta) {
                    return Err(here(Problem::new("OUT_OF_RANGE", "eta is a whole number from 2 to 10").at("eta")));
                }
                if !(*min > 0.0 && max > min && max.is_finite()) {
                    let message = "the resource grows from `min`, which is greater than 0, to `max`, which is greater";
                    return Err(here(Problem::new("OUT_OF_RANGE", message).at("max")));
                }
                Ok(())
            }
        }
    }
}

impl Plan {
    /// What a trial's hyperparameters are apart from the defaults.
    pub(super) fn settings(&self, detector: usize, chosen: &Map<String, Value>) -> Value {
        let fixed = self.detectors.get(detector).and_then(|detector| detector.hyperparameters.as_object());
        let all = fixed.into_iter().flatten().chain(chosen);
        Value::Object(all.map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

fn within(field: &str, given: usize, most: usize) -> Result<(), Problem> {
    if (1..=most).contains(&given) {
        return Ok(());
    }
    Err(Problem::new("OUT_OF_RANGE", format!("give 1 to {most}, not {given}")).at(field))
}

fn number(field: &str, given: u32, most: u32) -> Result<(), Problem> {
    if (1..=most).contains(&given) {
        return Ok(());
    }
    Err(Problem::new("OUT_OF_RANGE", format!("`{field}` is a whole number from 1 to {most}, not {given}")).at(field))
}

fn finite(field: &str, given: f64) -> Result<(), Problem> {
    if given.is_finite() { Ok(()) } else { Err(Problem::new("OUT_OF_RANGE", "this must be a finite number").at(field)) }
}
