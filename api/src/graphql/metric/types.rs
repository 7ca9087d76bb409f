use async_graphql::{Context, Enum, InputObject, Object};
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
        plain::{Json, Plain, PlainList, Wanted},
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
    ) -> Result<PlainList<MetricPoint>, ApiError> {
        let max_points = usize::try_from(max_points).unwrap_or(1);
        let key = PointsOf { version_row: self.0.version_row, key_id: self.0.key_id, max_points };
        Ok(PlainList::of(ctx.load(key).await?.unwrap_or_default(), MetricPoint))
    }
}

impl Plain for Metric {
    type Record = MetricRecord;

    fn record(&self) -> &MetricRecord {
        &self.0
    }

    fn write(record: &MetricRecord, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        match field.name {
            "key" => out.any(&record.key),
            "last" => out.float(record.last),
            "lastSpecial" => write_special(record.last, out),
            "min" => out.float(record.min),
            "minSpecial" => write_special(record.min, out),
            "max" => out.float(record.max),
            "maxSpecial" => write_special(record.max, out),
            "best" => out.float(record.best),
            "bestSpecial" => write_special(record.best, out),
            "direction" => out.variant(&MetricDirection::from(record.direction)),
            "step" => out.any(&record.last_step),
            "at" => out.time(record.last_at),
            "pointCount" => out.any(&record.points),
            _ => None,
        }
    }
}

fn write_special(value: f64, out: &mut Json<'_>) -> Option<()> {
    match special(value) {
        Some(special) => out.variant(&special),
        None => out.null(),
    }
}

/// One measured value.
#[derive(Debug, Clone)]
pub struct MetricPoint(PointRecord);

/// One measured value.
#[Object]
impl MetricPoint {
    /// When in the series: an epoch, a batch.
    async fn step(&self) -> Int64 {
        Int64(self.0.step)
    }

    /// When it was measured.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at.to_utc()
    }

    /// The value; null where it is no finite number: then `special` says which.
    async fn value(&self) -> Option<f64> {
        finite(self.0.value)
    }

    /// NaN or an infinity.
    async fn special(&self) -> Option<NonFinite> {
        special(self.0.value)
    }
}

impl Plain for MetricPoint {
    type Record = PointRecord;

    fn record(&self) -> &PointRecord {
        &self.0
    }

    fn write(record: &PointRecord, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        match field.name {
            "step" => out.any(&record.step),
            "at" => out.time(record.at),
            "value" => out.float(record.value),
            "special" => write_special(record.value, out),
            _ => None,
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
