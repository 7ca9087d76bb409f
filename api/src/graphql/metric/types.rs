use async_graphql::{Context, Enum, InputObject, InputType, Object, ScalarType, SimpleObject, Value};
use chrono::{DateTime, Utc};
use nunatak_domain::{Key, Problem, Special, Timestamp};
use nunatak_store::{
    StoreError,
    metrics::{MetricRecord, PointRecord},
    versions::MetricPoint as NewPoint,
};

use super::{
    super::{
        context::ContextExt,
        error::ApiError,
        plain::Plain,
        scalars::{Int64, NonFinite},
    },
    loaders::PointsOf,
};

/// Which end of a metric is good.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::Direction")]
pub enum MetricDirection {
    /// The larger the better, as with `roc_auc`.
    Maximize,
    /// The smaller the better, as with `loss`.
    Minimize,
}

/// What was measured of one version under one key. Where a float is null, the field beside it says why.
#[derive(Debug, Clone)]
pub struct Metric(pub MetricRecord);

impl From<MetricRecord> for Metric {
    fn from(record: MetricRecord) -> Self {
        Self(record)
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn special(value: f64) -> Option<NonFinite> {
    Special::of(value).map(Into::into)
}

/// What was measured of one version under one key. Where a float is null, the field beside it says why.
#[Object]
impl Metric {
    /// Its name.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// The value with the greatest step.
    async fn last(&self) -> Option<f64> {
        finite(self.0.last)
    }

    /// What `last` is where it is no finite number.
    async fn last_special(&self) -> Option<NonFinite> {
        special(self.0.last)
    }

    /// The smallest value.
    async fn min(&self) -> Option<f64> {
        finite(self.0.min)
    }

    /// What `min` is where it is no finite number; NaN where all values are.
    async fn min_special(&self) -> Option<NonFinite> {
        special(self.0.min)
    }

    /// The largest value.
    async fn max(&self) -> Option<f64> {
        finite(self.0.max)
    }

    /// What `max` is where it is no finite number; NaN where all values are.
    async fn max_special(&self) -> Option<NonFinite> {
        special(self.0.max)
    }

    /// The smallest or largest, as the project declares for the metric.
    async fn best(&self) -> Option<f64> {
        finite(self.0.best)
    }

    /// What `best` is where it is no finite number; NaN where all values are.
    async fn best_special(&self) -> Option<NonFinite> {
        special(self.0.best)
    }

    /// Which end is good, as the project declares; `MAXIMIZE` unless declared.
    async fn direction(&self) -> MetricDirection {
        self.0.direction.into()
    }

    /// The step of `last`.
    async fn step(&self) -> Int64 {
        Int64(self.0.last_step)
    }

    /// When `last` was measured.
    async fn at(&self) -> DateTime<Utc> {
        self.0.last_at.to_utc()
    }

    /// How many values there are.
    async fn point_count(&self) -> Int64 {
        Int64(self.0.points)
    }

    /// The values, by step. Of a longer series: the first, the last, and the extremes of equal pieces between.
    #[graphql(
        complexity = "usize::try_from(max_points).unwrap_or(1).clamp(1, 5000).div_ceil(50) * child_complexity + 1"
    )]
    async fn points(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 5000.", default = 500)] max_points: i32,
    ) -> Result<Vec<MetricPoint>, ApiError> {
        let max_points = usize::try_from(max_points).unwrap_or(1);
        let key = PointsOf { version_row: self.0.version_row, key_id: self.0.key_id, max_points };
        Ok(ctx.load(key).await?.unwrap_or_default().into_iter().map(Into::into).collect())
    }
}

impl Plain for Metric {
    fn field(&self, name: &str) -> Option<Value> {
        let float = |value: f64| finite(value).map_or(Value::Null, Value::from);
        let special = |value: f64| special(value).map_or(Value::Null, |special| InputType::to_value(&special));
        let Self(record) = self;
        Some(match name {
            "key" => Value::from(record.key.as_str()),
            "last" => float(record.last),
            "lastSpecial" => special(record.last),
            "min" => float(record.min),
            "minSpecial" => special(record.min),
            "max" => float(record.max),
            "maxSpecial" => special(record.max),
            "best" => float(record.best),
            "bestSpecial" => special(record.best),
            "direction" => InputType::to_value(&MetricDirection::from(record.direction)),
            "step" => ScalarType::to_value(&Int64(record.last_step)),
            "at" => ScalarType::to_value(&record.last_at.to_utc()),
            "pointCount" => ScalarType::to_value(&Int64(record.points)),
            _ => return None,
        })
    }
}

/// One measured value.
#[derive(SimpleObject, Debug, Clone)]
pub struct MetricPoint {
    /// When in the series: an epoch, a batch.
    step: Int64,
    /// When it was measured.
    at: DateTime<Utc>,
    /// The value; null where it is no finite number: then `special` says which.
    value: Option<f64>,
    /// NaN or an infinity.
    special: Option<NonFinite>,
}

impl From<PointRecord> for MetricPoint {
    fn from(point: PointRecord) -> Self {
        Self {
            step: Int64(point.step),
            at: point.at.to_utc(),
            value: finite(point.value),
            special: special(point.value),
        }
    }
}

/// One measured value to be logged.
#[derive(InputObject, Debug, Clone)]
pub struct MetricPointInput {
    /// `roc_auc`, `loss`… 1 to 250 characters.
    key: String,
    /// The value, unless it is one that JSON has no word for.
    value: Option<f64>,
    /// NaN or an infinity, in place of `value`.
    special: Option<NonFinite>,
    /// When in the series: an epoch, a batch.
    #[graphql(default_with = "Int64(0)")]
    step: Int64,
    /// When it was measured; now, where it is left out.
    at: Option<DateTime<Utc>>,
}

impl MetricPointInput {
    fn parse(&self, now: Timestamp) -> Result<NewPoint, Problem> {
        let key = Key::parse(&self.key).map_err(|problem| problem.at("key"))?;
        let value = match (self.value, self.special) {
            (Some(value), None) => value,
            (None, Some(special)) => Special::from(special).value(),
            _ => return Err(Problem::new("INVALID_INPUT", "give either `value` or `special`").at("value")),
        };
        Ok(NewPoint { key, value, step: self.step.0, at: self.at.map_or(now, Timestamp::from) })
    }
}

/// Checks the points of the input field `metrics`.
pub(crate) fn parse_points(points: &[MetricPointInput], now: Timestamp) -> Result<Vec<NewPoint>, StoreError> {
    let parse = |(place, point): (usize, &MetricPointInput)| {
        point.parse(now).map_err(|problem| problem.at(place.to_string()).at("metrics").into())
    };
    points.iter().enumerate().map(parse).collect()
}
