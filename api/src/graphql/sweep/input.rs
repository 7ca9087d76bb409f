use async_graphql::{ID, InputObject, Json, OneofObject};
use nunatak_domain::{Key, Name, Problem};
use nunatak_store::{
    StoreError,
    sweeps::{Budget, Promotion, StopWhen, Strategy, SweepDetector, SweepRequest},
};
use serde_json::Value;

use super::super::{context::parse_id, metric::MetricDirection, scalars::Int64};

/// What to try, on what, and what to do with the best.
#[derive(InputObject, Debug)]
pub struct SweepInput {
    /// The project, `prj_…`.
    pub(super) project: ID,
    /// What the sweep is called; several may have the same name.
    name: String,
    /// The name of the model that gets a version of each trial; made where it is missing. With several data sets each
    /// has a model of its own: this name, a hyphen and the data set's name.
    model: String,
    /// The detectors to compare, 1 to 20.
    detectors: Vec<SweepDetectorInput>,
    /// How the trials are chosen.
    strategy: SweepStrategyInput,
    /// The dataset versions to train on, 1 to 20, `dsv_…`, of the same project. Each is a comparison of its own.
    datasets: Vec<ID>,
    /// The same seed chooses the same trials; each training gets it, too.
    #[graphql(default_with = "Int64(0)")]
    seed: Int64,
    /// By which metric of the versions trials are compared: `roc_auc` unless given.
    metric: Option<SweepMetricInput>,
    /// How many of its jobs wait or run at once, 1 to 100.
    #[graphql(default = 4)]
    concurrency: i32,
    /// What it may cost.
    budget: Option<SweepBudgetInput>,
    /// When there is no use in going on.
    stop_when: Option<SweepStopInput>,
    /// By which rule the best gets an alias. Maintainers and above.
    promote: Option<SweepPromotionInput>,
    /// It fails when a larger share of all its trials has failed, 0 to 1.
    #[graphql(default = 0.5)]
    max_failed_share: f64,
    /// Names of tags for each version; those that are missing are made.
    #[graphql(default)]
    tags: Vec<String>,
    /// Of each job, -100 to 100; higher goes first.
    #[graphql(default = 0)]
    priority: i32,
    /// After how many attempts a job fails for good, 1 to 10.
    #[graphql(default = 3)]
    max_attempts: i32,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    pub(super) idempotency_key: Option<String>,
}

/// A detector, what holds for all of its trials, and what differs between them.
#[derive(InputObject, Debug)]
pub struct SweepDetectorInput {
    /// The detector's name, `isolation_forest`.
    detector: String,
    /// The newest unless given.
    version: Option<String>,
    /// What all of its trials have in common, an object by the detector's `hyperparameterSchema`; what is neither here
    /// nor in `space` takes its default.
    hyperparameters: Option<Json<Value>>,
    /// An object by hyperparameter: `{values: […]}` (1 to 200), or `{min, max, scale: LINEAR or LOG, steps}` for numbers.
    /// `steps` (2 to 1000) are needed by a grid; without them any number of the range may be drawn. Left out: one trial.
    space: Option<Json<Value>>,
}

/// How the trials are chosen.
#[derive(OneofObject, Debug)]
pub enum SweepStrategyInput {
    /// Every combination.
    Grid(GridInput),
    /// Some combinations, drawn evenly from the space, the detectors by turns.
    Random(RandomInput),
    /// Many combinations with little of a resource, the best of them with more, the best of those with all of it.
    SuccessiveHalving(SuccessiveHalvingInput),
}

/// Every combination: detector by detector, by the names of hyperparameters, the last of which varies fastest.
#[derive(InputObject, Debug)]
pub struct GridInput {
    /// In an order drawn by the seed: what has been tried by the time of an early stop is then spread over the grid.
    #[graphql(default = false)]
    shuffle: bool,
}

/// Some combinations.
#[derive(InputObject, Debug)]
pub struct RandomInput {
    /// How many, 1 to 1000; fewer where the space has no more.
    trials: i32,
}

/// Many combinations with little, few with much.
#[derive(InputObject, Debug)]
pub struct SuccessiveHalvingInput {
    /// How many begin, 1 to 1000; fewer where the space has no more.
    trials: i32,
    /// Each rung keeps one in so many, and gives it so many times as much, 2 to 10.
    #[graphql(default = 3)]
    eta: i32,
    /// The hyperparameter that is the resource, which each of the detectors has: `n_estimators`.
    resource: String,
    /// No trial gets less.
    min: f64,
    /// What the trials of the last rung get.
    max: f64,
}

/// A metric, and which end of it is good.
#[derive(InputObject, Debug)]
pub struct SweepMetricInput {
    /// Its name, `roc_auc`.
    key: String,
    /// What the project declares, else MAXIMIZE, unless given.
    direction: Option<MetricDirection>,
}

/// What a sweep may cost.
#[derive(InputObject, Debug)]
pub struct SweepBudgetInput {
    /// No more trials are begun, 1 to 1000.
    max_trials: Option<i32>,
    /// What waits or runs so many seconds after the sweep began is cancelled.
    max_seconds: Option<i32>,
}

/// When there is no use in going on; what waits or runs then is cancelled.
#[derive(InputObject, Debug)]
pub struct SweepStopInput {
    /// As soon as each data set has a trial whose metric is better than this.
    better_than: Option<f64>,
    /// After so many trials in a row that ended without being better than those before, on any data set.
    no_improvement_in: Option<i32>,
}

/// By which rule the best gets an alias: of each model its best trial's version.
#[derive(InputObject, Debug)]
pub struct SweepPromotionInput {
    /// `champion`
    alias: String,
    /// Only where it is better than the version that has the alias, by that version's own metric.
    #[graphql(default = true)]
    only_if_better_than_current: bool,
    /// By how much it has to be better.
    #[graphql(default = 0.0)]
    min_improvement: f64,
    /// Not only at the end, but whenever a trial has become the best.
    #[graphql(default = false)]
    as_soon_as_better: bool,
}

/// What is negative is out of range like zero.
fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

impl SweepInput {
    pub(super) fn request(&self) -> Result<SweepRequest, StoreError> {
        let name = Name::parse(&self.name).map_err(|problem| problem.at("name"))?;
        let model = Name::parse(&self.model).map_err(|problem| problem.at("model"))?;
        let key = |metric: &SweepMetricInput| Key::parse(&metric.key).map_err(|problem| problem.at("key").at("metric"));
        let datasets = self.datasets.iter().enumerate().map(|(place, id)| {
            let field = place.to_string();
            parse_id(id, &field).map_err(|error| below(error, "datasets"))
        });
        let detectors = self.detectors.iter().map(SweepDetectorInput::detector).collect();
        let request = SweepRequest::new(name, model, detectors, datasets.collect::<Result<_, _>>()?);
        Ok(SweepRequest {
            strategy: self.strategy.strategy(),
            seed: self.seed.0,
            metric: self.metric.as_ref().map(key).transpose()?,
            direction: self.metric.as_ref().and_then(|metric| metric.direction).map(Into::into),
            concurrency: count(self.concurrency),
            budget: self.budget.as_ref().map(SweepBudgetInput::budget).unwrap_or_default(),
            stop_when: self.stop_when.as_ref().map(SweepStopInput::rule).unwrap_or_default(),
            promote: self.promote.as_ref().map(SweepPromotionInput::rule),
            max_failed_share: self.max_failed_share,
            tags: self.tags()?,
            priority: self.priority,
            max_attempts: self.max_attempts,
            ..request
        })
    }

    fn tags(&self) -> Result<Vec<Name>, Problem> {
        let tag = |(place, tag): (usize, &String)| {
            Name::parse(tag).map_err(|problem| problem.at(place.to_string()).at("tags"))
        };
        self.tags.iter().enumerate().map(tag).collect()
    }

    pub(super) const fn promotes(&self) -> bool {
        self.promote.is_some()
    }
}

fn below(error: StoreError, field: &str) -> StoreError {
    match error {
        StoreError::Invalid(problems) => {
            StoreError::Invalid(problems.into_iter().map(|problem| problem.at(field)).collect())
        }
        error => error,
    }
}

impl SweepDetectorInput {
    fn detector(&self) -> SweepDetector {
        let json = |given: &Option<Json<Value>>| given.as_ref().map_or(Value::Null, |given| given.0.clone());
        SweepDetector {
            name: self.detector.clone(),
            version: self.version.clone(),
            hyperparameters: json(&self.hyperparameters),
            space: json(&self.space),
        }
    }
}

impl SweepStrategyInput {
    fn strategy(&self) -> Strategy {
        match self {
            Self::Grid(grid) => Strategy::Grid { shuffle: grid.shuffle },
            Self::Random(random) => Strategy::Random { trials: count(random.trials) },
            Self::SuccessiveHalving(halving) => Strategy::SuccessiveHalving {
                trials: count(halving.trials),
                eta: count(halving.eta),
                resource: halving.resource.clone(),
                min: halving.min,
                max: halving.max,
            },
        }
    }
}

impl SweepBudgetInput {
    fn budget(&self) -> Budget {
        Budget { max_trials: self.max_trials.map(count), max_seconds: self.max_seconds.map(count) }
    }
}

impl SweepStopInput {
    fn rule(&self) -> StopWhen {
        StopWhen { better_than: self.better_than, no_improvement_in: self.no_improvement_in.map(count) }
    }
}

impl SweepPromotionInput {
    fn rule(&self) -> Promotion {
        Promotion {
            alias: self.alias.clone(),
            only_if_better_than_current: self.only_if_better_than_current,
            min_improvement: self.min_improvement,
            as_soon_as_better: self.as_soon_as_better,
        }
    }
}
