use std::collections::{BTreeMap, HashMap};

use nunatak_domain::{Direction, Problem};
use sea_orm::{ConnectionTrait, DbErr, Value};

use crate::{
    StoreError, db,
    versions::{
        Float, Measured, MetricPoint,
        register::{MAX_KEYS, limit},
        sql::{Binds, insert_rows},
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

    /// The aggregate of the points of both, which share no step.
    pub(super) fn merge(self, other: Self) -> Self {
        let later = if other.last_step > self.last_step { other } else { self };
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

    pub(super) const fn best(self, direction: Direction) -> Option<f64> {
        match direction {
            Direction::Maximize => self.max,
            Direction::Minimize => self.min,
        }
    }
}

/// NaN is kept as NULL.
pub(super) fn stored(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

/// The points and aggregates of a version that has none yet; the aggregates are returned, too.
pub(crate) async fn insert_first(
    db: &impl ConnectionTrait,
    (version_row, project_row): (i64, i64),
    points: &Grouped<'_>,
    key_ids: &[i64],
) -> Result<Vec<Measured>, StoreError> {
    if key_ids.is_empty() {
        return Ok(Vec::new());
    }
    let directions = directions(db, project_row, key_ids).await?;
    let aggregates: Vec<_> =
        points.groups().zip(key_ids).filter_map(|(group, key)| Some((*key, Aggregate::of(group)?))).collect();
    upsert_aggregates(db, (version_row, project_row), &aggregates, &directions).await?;
    upsert_points(db, version_row, points, key_ids).await?;
    let named = points.keys().zip(aggregates);
    Ok(named.map(|(name, (key, aggregate))| aggregate.measured(key, name)).collect())
}

/// The directions that the project declares for some keys; the others are maximised.
pub(super) async fn directions(
    db: &impl ConnectionTrait,
    project_row: i64,
    key_ids: &[i64],
) -> Result<HashMap<i64, Direction>, StoreError> {
    let mut binds = Binds::from(vec![project_row.into()]);
    let text = format!(
        "SELECT key_id, direction FROM metric_directions WHERE project_row = $1 AND key_id IN ({})",
        binds.list(key_ids.iter().copied())
    );
    let rows = db.query_all_raw(db::sql(db, &text, binds.into_values())).await?;
    rows.iter().map(|row| Ok((row.try_get("", "key_id")?, direction(row.try_get("", "direction")?)?))).collect()
}

pub(crate) fn direction(number: i16) -> Result<Direction, StoreError> {
    Direction::from_number(number).ok_or_else(|| StoreError::Corrupt(format!("direction {number}")))
}

/// Writes aggregates over what is there, in the order of keys.
pub(super) async fn upsert_aggregates(
    db: &impl ConnectionTrait,
    (version_row, project_row): (i64, i64),
    aggregates: &[(i64, Aggregate)],
    directions: &HashMap<i64, Direction>,
) -> Result<(), DbErr> {
    let mut aggregates = aggregates.to_vec();
    aggregates.sort_unstable_by_key(|(key, _)| *key);
    let rows = aggregates.into_iter().map(|(key, aggregate)| {
        let direction = directions.get(&key).copied().unwrap_or(Direction::Maximize);
        [
            version_row.into(),
            key.into(),
            project_row.into(),
            Value::Double(aggregate.last),
            aggregate.last_step.into(),
            aggregate.last_at.into(),
            Value::Double(aggregate.min),
            Value::Double(aggregate.max),
            Value::Double(aggregate.best(direction)),
            aggregate.points.into(),
        ]
    });
    let head = "INSERT INTO metrics \
                (version_row, key_id, project_row, last, last_step, last_at, min, max, best, points)";
    let tail = "ON CONFLICT (version_row, key_id) DO UPDATE SET last = excluded.last, \
                last_step = excluded.last_step, last_at = excluded.last_at, min = excluded.min, \
                max = excluded.max, best = excluded.best, points = excluded.points";
    insert_rows(db, head, tail, rows).await
}

/// Writes points; a step that is there already gets the new value and time.
pub(super) async fn upsert_points(
    db: &impl ConnectionTrait,
    version_row: i64,
    points: &Grouped<'_>,
    key_ids: &[i64],
) -> Result<(), DbErr> {
    let mut keyed: Vec<_> = key_ids.iter().copied().zip(points.groups()).collect();
    keyed.sort_unstable_by_key(|(key, _)| *key);
    let rows = keyed.into_iter().flat_map(|(key, group)| {
        group.iter().map(move |point| {
            let value = Value::Double(stored(point.value));
            [version_row.into(), key.into(), point.step.into(), point.at.micros().into(), value]
        })
    });
    let head = "INSERT INTO metric_points (version_row, key_id, step, at, value)";
    let tail = "ON CONFLICT (version_row, key_id, step) DO UPDATE SET at = excluded.at, value = excluded.value";
    insert_rows(db, head, tail, rows).await
}
