use std::collections::HashMap;

use nunatak_domain::{Direction, Key, KeyKind, ProjectId, Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use super::{aggregate::direction, thin::pieces};
use crate::{
    Actor, Store, StoreError, db,
    rows::Rows,
    versions::{
        read::{named, visible_rows},
        sql::{Binds, visible},
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
    /// [`MAX_POINTS_SHOWN`]): of a longer series the first, the last, and the extremes of equal pieces between. The
    /// database chooses them: no more is read than is shown.
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
        let mut found = self.short_series(actor, metrics, max_points).await?;
        let rest: Vec<_> = metrics.iter().filter(|metric| !found.contains_key(*metric)).copied().collect();
        if !rest.is_empty() {
            let long = self.extents(actor, &rest).await?;
            for long in chunks(&long, max_points) {
                found.extend(self.thinned(actor, long, max_points).await?);
            }
        }
        Ok(found)
    }

    /// Those that need no thinning, whole.
    async fn short_series(
        &self,
        actor: &Actor,
        metrics: &[(i64, i64)],
        max_points: usize,
    ) -> Result<HashMap<(i64, i64), Vec<PointRecord>>, StoreError> {
        let (visible, mut binds) = visible(self, actor);
        let pairs = pairs(metrics, &mut binds);
        let most = binds.bind(i64::try_from(max_points).unwrap_or(i64::MAX));
        let text = format!(
            "SELECT p.version_row, p.key_id, p.step, p.at, p.value FROM metrics m \
             JOIN versions ON versions.row_id = m.version_row \
             JOIN metric_points p ON p.version_row = m.version_row AND p.key_id = m.key_id \
             WHERE {visible} AND (m.version_row, m.key_id) IN (VALUES {pairs}) AND m.points <= {most} \
             ORDER BY p.version_row, p.key_id, p.step"
        );
        self.points(&text, binds.into_values()).await
    }

    /// The first and last steps of some series that the actor may see.
    async fn extents(&self, actor: &Actor, metrics: &[(i64, i64)]) -> Result<Vec<Extent>, StoreError> {
        let (visible, mut binds) = visible(self, actor);
        let pairs = pairs(metrics, &mut binds);
        let text = format!(
            "SELECT m.version_row, m.key_id, m.last_step AS last, (SELECT MIN(p.step) FROM metric_points p \
             WHERE p.version_row = m.version_row AND p.key_id = m.key_id) AS first \
             FROM metrics m JOIN versions ON versions.row_id = m.version_row \
             WHERE {visible} AND (m.version_row, m.key_id) IN (VALUES {pairs})"
        );
        let db = self.0.db.read();
        Ok(Extent::find_by_statement(db::sql(db, &text, binds.into_values())).all(db).await?)
    }

    async fn thinned(
        &self,
        actor: &Actor,
        series: &[Extent],
        max_points: usize,
    ) -> Result<HashMap<(i64, i64), Vec<PointRecord>>, StoreError> {
        let db = self.0.db.read();
        let (visible, binds) = visible(self, actor);
        let mut rows = Rows::into("metric_points", "version_row, key_id, first, last");
        for Extent { version_row, key_id, first, last } in series {
            let mut add = |from: i64, to: i64| {
                rows.push([(*version_row).into(), (*key_id).into(), from.into(), to.into()]);
            };
            if max_points > 1 {
                add(*first, *first);
            }
            pieces(*first, *last, max_points).into_iter().for_each(|(from, to)| add(from, to));
            add(*last, *last);
        }
        let mut values = binds.into_values();
        let source = rows.source(db.get_database_backend(), &mut values);
        // NULL is NaN, and gives way to any number.
        let extreme = |order: &str| {
            format!(
                "SELECT b.version_row, b.key_id, (SELECT p.step FROM metric_points p \
                 WHERE p.version_row = b.version_row AND p.key_id = b.key_id AND p.step BETWEEN b.first AND b.last \
                 ORDER BY p.value IS NULL, p.value {order}, p.step LIMIT 1) AS step FROM piece b"
            )
        };
        let text = format!(
            "WITH piece (version_row, key_id, first, last) AS ({source}), chosen AS ({} UNION {}) \
             SELECT p.version_row, p.key_id, p.step, p.at, p.value FROM chosen \
             JOIN metric_points p ON p.version_row = chosen.version_row AND p.key_id = chosen.key_id \
             AND p.step = chosen.step JOIN versions ON versions.row_id = p.version_row \
             WHERE {visible} ORDER BY p.version_row, p.key_id, p.step",
            extreme("ASC"),
            extreme("DESC")
        );
        self.points(&text, values).await
    }

    async fn points(
        &self,
        text: &str,
        values: Vec<Value>,
    ) -> Result<HashMap<(i64, i64), Vec<PointRecord>>, StoreError> {
        let db = self.0.db.read();
        let mut found: HashMap<_, Vec<PointRecord>> = HashMap::new();
        for row in db.query_all_raw(db::sql(db, text, values)).await? {
            // By place, not by name: there may be many.
            let (version_row, key_id): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let value: Option<f64> = row.try_get_by_index(4)?;
            found.entry((version_row, key_id)).or_default().push(PointRecord {
                step: row.try_get_by_index(2)?,
                at: Timestamp::from_micros(row.try_get_by_index(3)?),
                value: value.unwrap_or(f64::NAN),
            });
        }
        Ok(found)
    }
}

/// Which end of a metric is good in a project: the greater one unless somebody declared otherwise.
pub(crate) async fn declared_direction(
    db: &impl ConnectionTrait,
    project: ProjectId,
    key: &Key,
) -> Result<Direction, StoreError> {
    let text = "SELECT d.direction FROM metric_directions d JOIN keys k ON k.id = d.key_id \
                JOIN projects p ON p.row_id = d.project_row WHERE p.id = $1 AND k.kind = $2 AND k.name = $3";
    let values = vec![project.0.into(), KeyKind::Metric.number().into(), key.as_str().into()];
    let row = db.query_one_raw(db::sql(db, text, values)).await?;
    row.map_or(Ok(Direction::Maximize), |row| direction(row.try_get("", "direction")?))
}

fn pairs(metrics: &[(i64, i64)], binds: &mut Binds) -> String {
    let pair = |(row, key): &(i64, i64)| format!("({}, {})", binds.bind(*row), binds.bind(*key));
    metrics.iter().map(pair).collect::<Vec<_>>().join(", ")
}

/// Where a series begins and ends.
#[derive(Debug, FromQueryResult)]
struct Extent {
    version_row: i64,
    key_id: i64,
    first: i64,
    last: i64,
}

/// As many series as a statement has room for: SQLite binds four values a piece, 32,766 in all.
fn chunks(series: &[Extent], max_points: usize) -> impl Iterator<Item = &[Extent]> {
    series.chunks((4_000 / (max_points / 2 + 2)).max(1))
}

/// More points than any screen has columns.
pub const MAX_POINTS_SHOWN: usize = 5000;
