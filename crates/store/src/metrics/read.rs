use std::collections::HashMap;

use nunatak_domain::{Direction, Timestamp};
use sea_orm::FromQueryResult;

use super::{aggregate::direction, thin::Thinned};
use crate::{
    Actor, Store, StoreError, db,
    versions::{
        read::{named, visible_rows},
        sql::visible,
    },
};

/// One metric of one version. A value that is NaN was logged as NaN, or (`min`, `max`, `best`) never was a number.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRecord {
    /// What its points are asked by; never shown.
    pub version_row: i64,
    pub key_id: i64,
    pub key: String,
    pub last: f64,
    pub last_step: i64,
    pub last_at: Timestamp,
    pub min: f64,
    pub max: f64,
    pub best: f64,
    pub points: i64,
    pub direction: Direction,
}

/// One measured value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointRecord {
    pub step: i64,
    pub at: Timestamp,
    /// NaN and infinities included.
    pub value: f64,
}

#[derive(FromQueryResult)]
struct MetricRow {
    version_row: i64,
    key_id: i64,
    name: String,
    last: Option<f64>,
    last_step: i64,
    last_at: i64,
    min: Option<f64>,
    max: Option<f64>,
    best: Option<f64>,
    points: i64,
    direction: Option<i16>,
}

impl MetricRow {
    fn into_record(self) -> Result<MetricRecord, StoreError> {
        Ok(MetricRecord {
            version_row: self.version_row,
            key_id: self.key_id,
            key: self.name,
            last: self.last.unwrap_or(f64::NAN),
            last_step: self.last_step,
            last_at: Timestamp::from_micros(self.last_at),
            min: self.min.unwrap_or(f64::NAN),
            max: self.max.unwrap_or(f64::NAN),
            best: self.best.unwrap_or(f64::NAN),
            points: self.points,
            direction: self.direction.map_or(Ok(Direction::Maximize), direction)?,
        })
    }
}

impl Store {
    /// The metrics of some versions, by key; those with one of `keys` if any are given.
    ///
    /// # Errors
    /// Database.
    pub async fn metrics_of(
        &self,
        actor: &Actor,
        rows: &[i64],
        keys: Option<&[String]>,
    ) -> Result<HashMap<i64, Vec<MetricRecord>>, StoreError> {
        let (visible, mut binds) = visible_rows(self, actor, rows);
        let named = named(keys, &mut binds);
        let text = format!(
            "SELECT x.version_row, x.key_id, k.name, x.last, x.last_step, x.last_at, x.min, x.max, x.best, \
             x.points, d.direction FROM metrics x JOIN keys k ON k.id = x.key_id \
             LEFT JOIN metric_directions d ON d.project_row = x.project_row AND d.key_id = x.key_id \
             WHERE x.version_row IN {visible}{named} ORDER BY x.version_row, k.name"
        );
        let found = self.children(&text, binds, "version_row", |row| MetricRow::from_query_result(row, "")).await?;
        let records = |rows: Vec<MetricRow>| rows.into_iter().map(MetricRow::into_record).collect::<Result<_, _>>();
        found.into_iter().map(|(row, metrics)| Ok((row, records(metrics)?))).collect()
    }

    /// The points of some metrics (version row and key id), at most `max_points` of each (1 to
    /// [`MAX_POINTS_SHOWN`]): of a longer series the first, the last, and the extremes of equal pieces between.
    ///
    /// # Errors
    /// Database.
    pub async fn metric_points(
        &self,
        actor: &Actor,
        metrics: &[(i64, i64)],
        max_points: usize,
    ) -> Result<HashMap<(i64, i64), Vec<PointRecord>>, StoreError> {
        let max_points = max_points.clamp(1, MAX_POINTS_SHOWN);
        if metrics.is_empty() {
            return Ok(HashMap::new());
        }
        let (visible, mut binds) = visible(self, actor);
        let pairs: Vec<_> =
            metrics.iter().map(|(row, key)| format!("({}, {})", binds.bind(*row), binds.bind(*key))).collect();
        let text = format!(
            "SELECT p.version_row, p.key_id, p.step, p.at, p.value, m.points FROM metric_points p \
             JOIN metrics m ON m.version_row = p.version_row AND m.key_id = p.key_id \
             JOIN versions ON versions.row_id = p.version_row \
             WHERE {visible} AND (p.version_row, p.key_id) IN (VALUES {})",
            pairs.join(", ")
        );
        let db = self.0.db.read();
        let mut found: HashMap<_, Thinned> = HashMap::new();
        let mut after: Option<(i64, i64, i64)> = None;
        loop {
            let mut binds = binds.clone();
            let beyond = after.map_or_else(String::new, |(row, key, step)| {
                let place = binds.list([row, key, step]);
                format!(" AND (p.version_row, p.key_id, p.step) > ({place})")
            });
            let text = format!("{text}{beyond} ORDER BY p.version_row, p.key_id, p.step LIMIT {CHUNK}");
            let rows = PointRow::find_by_statement(db::sql(db, &text, binds.into_values())).all(db).await?;
            for row in &rows {
                let expected = usize::try_from(row.points).unwrap_or(0);
                let metric = (row.version_row, row.key_id);
                let thinned = found.entry(metric).or_insert_with(|| Thinned::new(expected, max_points));
                thinned.push(row.into());
            }
            match rows.last().filter(|_| rows.len() == CHUNK) {
                Some(last) => after = Some((last.version_row, last.key_id, last.step)),
                None => break,
            }
        }
        Ok(found.into_iter().map(|(metric, thinned)| (metric, thinned.finish())).collect())
    }
}

/// Rows in memory at once: most series need one statement, and a long one never is in memory as a whole.
const CHUNK: usize = 10_000;

#[derive(FromQueryResult)]
struct PointRow {
    version_row: i64,
    key_id: i64,
    step: i64,
    at: i64,
    value: Option<f64>,
    points: i64,
}

impl From<&PointRow> for PointRecord {
    fn from(row: &PointRow) -> Self {
        Self { step: row.step, at: Timestamp::from_micros(row.at), value: row.value.unwrap_or(f64::NAN) }
    }
}

/// More points than any screen has columns.
pub const MAX_POINTS_SHOWN: usize = 5000;
