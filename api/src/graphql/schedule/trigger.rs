use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject, SimpleObject, Union};
use nunatak_domain::{AliasName, DatasetId, Key, Problem};
use nunatak_store::{
    StoreError,
    schedules::{Aggregate, MetricTrigger as StoreMetric, Trigger, Window},
};

use super::{
    super::{
        context::{ContextExt, parse_id},
        dataset::Dataset,
        error::ApiError,
        metric::MetricDirection,
        model::Model,
    },
    input::within,
};

/// When it is done.
#[derive(OneofObject, Debug)]
pub enum ScheduleTriggerInput {
    /// At moments of the clock.
    Cron(CronInput),
    /// When a dataset gets a new version.
    DatasetVersion(DatasetVersionTriggerInput),
    /// When a metric of a version gets worse than a threshold.
    Metric(MetricTriggerInput),
}

/// Moments of the clock.
#[derive(InputObject, Debug)]
pub struct CronInput {
    /// Minute, hour, day, month and weekday, `30 2 * * MON`; also `@hourly`, `@daily`, `@weekly`, `@monthly`.
    expression: String,
    /// Whose clock, by its name in the IANA list, `Europe/Berlin`.
    #[graphql(default = "UTC")]
    time_zone: String,
}

/// A dataset to look at.
#[derive(InputObject, Debug)]
pub struct DatasetVersionTriggerInput {
    /// `ds_…`, of the same project.
    dataset: ID,
}

/// A metric to look at: what was logged of the version, and what predictions and evaluations with it measured.
#[derive(InputObject, Debug)]
pub struct MetricTriggerInput {
    /// The model, `mdl_…`, of the same project.
    model: ID,
    /// The alias that names the version to look at; the model's newest version unless given.
    alias: Option<String>,
    /// The metric, `roc_auc`.
    key: String,
    /// It fires when the value is worse than this.
    threshold: f64,
    /// Which end is good; what the project declares of the metric unless given.
    direction: Option<MetricDirection>,
    /// Which values count; the newest one unless given.
    window: Option<MetricWindowInput>,
    /// What of them is compared with the threshold.
    #[graphql(default_with = "WindowAggregate::Last")]
    aggregate: WindowAggregate,
    /// The least time between two firings, 0 to 2678400 (31 days).
    #[graphql(default = 3600)]
    pause_seconds: u32,
}

/// Which values count.
#[derive(OneofObject, Debug, Clone, Copy)]
pub enum MetricWindowInput {
    /// The newest so many, 1 to 500. Where there are fewer, it does not fire.
    Points(u32),
    /// Those of the last so many seconds, 1 to 2678400 (31 days); the newest 500 of them at most.
    Seconds(u32),
}

/// What of the values in a window is compared with the threshold.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_store::schedules::Aggregate")]
pub enum WindowAggregate {
    /// The newest.
    Last,
    /// Their mean.
    Mean,
}

impl ScheduleTriggerInput {
    pub(super) fn parse(&self) -> Result<Trigger, StoreError> {
        Ok(match self {
            Self::Cron(input) => {
                Trigger::Cron { expression: input.expression.trim().to_owned(), time_zone: input.time_zone.clone() }
            }
            Self::DatasetVersion(input) => {
                let dataset = parse_id(&input.dataset, "dataset");
                Trigger::Dataset(dataset.map_err(|error| within(error, "datasetVersion"))?)
            }
            Self::Metric(input) => Trigger::Metric(input.parse().map_err(|error| within(error, "metric"))?),
        })
    }
}

impl MetricTriggerInput {
    fn parse(&self) -> Result<StoreMetric, StoreError> {
        let at = |field: &'static str| move |problem: Problem| problem.at(field);
        Ok(StoreMetric {
            model: parse_id(&self.model, "model")?,
            alias: self.alias.as_deref().map(AliasName::parse).transpose().map_err(at("alias"))?,
            key: Key::parse(&self.key).map_err(at("key"))?,
            threshold: self.threshold,
            direction: self.direction.map(Into::into),
            window: match self.window {
                None => Window::Points(1),
                Some(MetricWindowInput::Points(points)) => Window::Points(points),
                Some(MetricWindowInput::Seconds(seconds)) => Window::Seconds(seconds),
            },
            aggregate: self.aggregate.into(),
            pause_seconds: self.pause_seconds,
        })
    }
}

/// When it is done.
#[derive(Union, Debug)]
pub enum ScheduleTrigger {
    Cron(CronTrigger),
    Dataset(DatasetVersionTrigger),
    Metric(MetricTrigger),
}

impl From<&Trigger> for ScheduleTrigger {
    fn from(trigger: &Trigger) -> Self {
        match trigger {
            Trigger::Cron { expression, time_zone } => {
                Self::Cron(CronTrigger { expression: expression.clone(), time_zone: time_zone.clone() })
            }
            Trigger::Dataset(dataset) => Self::Dataset(DatasetVersionTrigger(*dataset)),
            Trigger::Metric(metric) => Self::Metric(MetricTrigger(metric.clone())),
        }
    }
}

/// Moments of the clock.
#[derive(SimpleObject, Debug)]
pub struct CronTrigger {
    /// Minute, hour, day, month and weekday.
    expression: String,
    /// Whose clock, by its name in the IANA list.
    time_zone: String,
}

/// A dataset gets a new version.
#[derive(Debug)]
pub struct DatasetVersionTrigger(DatasetId);

/// A dataset gets a new version.
#[Object]
impl DatasetVersionTrigger {
    /// Which one.
    async fn dataset(&self, ctx: &Context<'_>) -> Result<Option<Dataset>, ApiError> {
        Ok(ctx.load(self.0).await?.map(Dataset::from))
    }
}

/// Which values count: one of the two is set.
#[derive(SimpleObject, Debug)]
pub struct MetricWindow {
    /// The newest so many.
    points: Option<u32>,
    /// Those of the last so many seconds.
    seconds: Option<u32>,
}

impl From<Window> for MetricWindow {
    fn from(window: Window) -> Self {
        match window {
            Window::Points(points) => Self { points: Some(points), seconds: None },
            Window::Seconds(seconds) => Self { points: None, seconds: Some(seconds) },
        }
    }
}

/// A metric of a version gets worse than a threshold.
#[derive(Debug)]
pub struct MetricTrigger(StoreMetric);

/// A metric of a version gets worse than a threshold.
#[Object]
impl MetricTrigger {
    /// The model.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>, ApiError> {
        Ok(ctx.load(self.0.model).await?.map(Model::from))
    }

    /// The alias that names the version to look at; null for the newest version.
    async fn alias(&self) -> Option<&str> {
        self.0.alias.as_ref().map(AliasName::as_str)
    }

    /// The metric.
    async fn key(&self) -> &str {
        self.0.key.as_str()
    }

    /// It fires when the value is worse than this.
    async fn threshold(&self) -> f64 {
        self.0.threshold
    }

    /// Which end is good; null for what the project declares of the metric.
    async fn direction(&self) -> Option<MetricDirection> {
        self.0.direction.map(Into::into)
    }

    /// Which values count.
    async fn window(&self) -> MetricWindow {
        self.0.window.into()
    }

    /// What of them is compared with the threshold.
    async fn aggregate(&self) -> WindowAggregate {
        Aggregate::into(self.0.aggregate)
    }

    /// The least time between two firings.
    async fn pause_seconds(&self) -> u32 {
        self.0.pause_seconds
    }
}
