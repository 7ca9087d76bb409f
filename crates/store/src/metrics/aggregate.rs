use std::collections::BTreeMap;

use nunatak_domain::{Direction, Problem};
use sea_orm::Value;

use crate::{
    StoreError,
    rows::{Computed, Rows},
    versions::{
        Float, Measured, MetricPoint, Of,
        register::{MAX_KEYS, limit},
    },
};

/// How many points one call may log: about a megabyte of input.
pub const MAX_POINTS: usize = 20_000;

/// Points by key, each key's in the order of steps.
#[derive(Debug)]
pub(crate) struct Grouped<'a>(BTreeMap<&'a str, Vec<&'a MetricPoint>>);

impl<'a> Grouped<'a> {
    /// # Errors
    /// `DUPLICATE_KEY` for a step given twice, `LIMIT_EXCEEDED` for too many keys or points.
    pub(crate) fn of(points: &'a [MetricPoint]) -> Result<Self, Problem> {
        limit("metrics", points.len(), MAX_POINTS)?;
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for point in points {
            groups.entry(point.key.as_str()).or_default().push(point);
        }
        for (key, group) in &mut groups {
            group.sort_by_key(|point| point.step);
            if let Some(pair) = group.windows(2).find(|pair| pair[0].step == pair[1].step) {
                let message = format!("step {} of `{key}` is given twice; give each step once", pair[0].step);
                return Err(Problem::new("DUPLICATE_KEY", message).at(*key).at("metrics"));
            }
        }
        limit("metrics", groups.len(), MAX_KEYS)?;
        Ok(Self(groups))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.0.keys().copied()
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &[&'a MetricPoint]> {
        self.0.values().map(Vec::as_slice)
    }
}

/// What the `metrics` table keeps of one key's points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Aggregate {
    pub(super) last: Option<f64>,
    pub(super) last_step: i64,
    pub(super) last_at: i64,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) points: i64,
}

impl Aggregate {
    fn one(point: &MetricPoint) -> Self {
        let value = stored(point.value);
        Self { last: value, last_step: point.step, last_at: point.at.micros(), min: value, max: value, points: 1 }
    }

    /// `None` for no points.
    pub(super) fn of(points: &[&MetricPoint]) -> Option<Self> {
        points.iter().map(|point| Self::one(point)).reduce(Self::merge)
    }

    /// The aggregate of the points of both; a step that both have is counted twice, and its later value is `other`'s.
    pub(super) fn merge(self, other: Self) -> Self {
        let later = if other.last_step >= self.last_step { other } else { self };
        let pick = |a: Option<f64>, b: Option<f64>, pick: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) => Some(pick(a, b)),
            (a, b) => a.or(b),
        };
        Self {
            min: pick(self.min, other.min, f64::min),
            max: pick(self.max, other.max, f64::max),
            points: self.points + other.points,
            ..later
        }
    }

    pub(super) fn measured(self, key_id: i64, key: &str) -> Measured {
        let float = |value: Option<f64>| Float(value.unwrap_or(f64::NAN));
        Measured {
            key_id,
            key: key.to_owned(),
            last: float(self.last),
            last_step: self.last_step,
            last_at: self.last_at,
            min: float(self.min),
            max: float(self.max),
            points: self.points,
        }
    }
}

/// NaN is kept as NULL.
pub(super) fn stored(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

pub(crate) fn direction(number: i16) -> Result<Direction, StoreError> {
    Direction::from_number(number).ok_or_else(|| StoreError::Corrupt(format!("direction {number}")))
}

/// The direction that the project declares decides `best` (1 is [`Direction::Minimize`]); the database looks at it, so
/// that it need not be asked before.
const BEST: Computed = Computed {
    column: "best",
    value: "CASE WHEN d.direction = 1 THEN u.min ELSE u.max END",
    join: "LEFT JOIN metric_directions d ON d.project_row = u.project_row AND d.key_id = u.key_id",
};

/// Aggregates, written over what is there.
pub(super) fn rows() -> Rows {
    Rows::into("metrics", "version_row, key_id, project_row, last, last_step, last_at, min, max, points")
        .computed(BEST)
        .tail(
            "ON CONFLICT (version_row, key_id) DO UPDATE SET last = excluded.last, \
             last_step = excluded.last_step, last_at = excluded.last_at, min = excluded.min, \
             max = excluded.max, best = excluded.best, points = excluded.points",
        )
}

/// The same for a version that has none yet: nothing is looked for that they could be written over.
pub(crate) fn first_rows() -> Rows {
    let columns = "version_row, key_id, project_row, last, last_step, last_at, min, max, points, audience";
    Rows::into("metrics", columns).computed(BEST)
}

pub(super) fn push(rows: &mut Rows, place: (i64, i64), key_id: i64, aggregate: Aggregate) {
    rows.push(cells(place, key_id, aggregate));
}

fn cells((version_row, project_row): (i64, i64), key_id: i64, aggregate: Aggregate) -> [Value; 9] {
    [
        version_row.into(),
        key_id.into(),
        project_row.into(),
        Value::Double(aggregate.last),
        aggregate.last_step.into(),
        aggregate.last_at.into(),
        Value::Double(aggregate.min),
        Value::Double(aggregate.max),
        aggregate.points.into(),
    ]
}

/// The points of a version that has none yet.
pub(crate) fn first_point_rows() -> Rows {
    Rows::into("metric_points", "version_row, key_id, step, at, value")
}

/// Points; a step that is there already gets the new value and time.
pub(super) fn point_rows() -> Rows {
    first_point_rows()
        .tail("ON CONFLICT (version_row, key_id, step) DO UPDATE SET at = excluded.at, value = excluded.value")
}

pub(super) fn push_point(rows: &mut Rows, version_row: i64, key_id: i64, point: &MetricPoint) {
    let value = Value::Double(stored(point.value));
    rows.push([version_row.into(), key_id.into(), point.step.into(), point.at.micros().into(), value]);
}

/// Adds the points and aggregates of a version that has none yet; tells what its map says of them.
pub(crate) fn push_first(
    metrics: &mut Rows,
    points: &mut Rows,
    of: Of,
    grouped: &Grouped<'_>,
    key_ids: &[i64],
) -> Vec<Measured> {
    let mut measured = Vec::with_capacity(key_ids.len());
    for ((key, group), key_id) in grouped.0.iter().zip(key_ids) {
        let Some(aggregate) = Aggregate::of(group) else { continue };
        let [a, b, c, d, e, f, g, h, i] = cells((of.row, of.project_row), *key_id, aggregate);
        metrics.push([a, b, c, d, e, f, g, h, i, of.audience.into()]);
        group.iter().for_each(|point| push_point(points, of.row, *key_id, point));
        measured.push(aggregate.measured(*key_id, key));
    }
    measured
}
