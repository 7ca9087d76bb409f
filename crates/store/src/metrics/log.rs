use std::collections::HashMap;

use nunatak_domain::{Direction, Key, KeyKind, VersionId, Visibility};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, FromQueryResult};
use serde_json::json;

use super::aggregate::{self, Aggregate, Grouped, stored};
use crate::{
    Action, Event, Permit, Store, StoreError, audit, db,
    rows::{Rows, insert_all},
    scope::{project_of, require},
    versions::{
        MetricPoint, VersionRecord, audience, maps,
        register::{MAX_KEYS, limit},
        sql::Binds,
    },
};

#[derive(Debug, FromQueryResult)]
struct AggregateRow {
    key_id: i64,
    name: String,
    last: Option<f64>,
    last_step: i64,
    last_at: i64,
    min: Option<f64>,
    max: Option<f64>,
    points: i64,
}

impl Store {
    /// Notes further points of a version's metrics. A step that is there already gets the new value, so
    /// that sending again does no harm. `permit` is for [`Action::AnnotateVersions`].
    ///
    /// # Errors
    /// `NotFound`, `DUPLICATE_KEY`, `LIMIT_EXCEEDED`, database.
    pub async fn log_metrics(
        &self,
        permit: &Permit,
        id: VersionId,
        points: &[MetricPoint],
    ) -> Result<VersionRecord, StoreError> {
        require(permit, Action::AnnotateVersions)?;
        let grouped = Grouped::of(points)?;
        let names: Vec<_> = grouped.keys().map(|key| (KeyKind::Metric, key)).collect();
        let keys = self.ensure_keys(&names).await?;
        let version = db::again(|| self.add_points(permit, id, &grouped, &keys)).await?;
        self.bus().publish(Event::MetricLogged { version: id, project: version.project });
        Ok(version)
    }

    /// Writes points of a version that may have some, in a number of statements that does not depend on how many.
    /// Costs what is new, not what is there, unless a smallest or largest value is overwritten: then the points
    /// of that key are read again.
    async fn add_points(
        &self,
        permit: &Permit,
        id: VersionId,
        points: &Grouped<'_>,
        keys: &[i64],
    ) -> Result<VersionRecord, StoreError> {
        let txn = self.0.db.begin().await?;
        let version = self.version_to_measure(&txn, permit, id).await?;
        let mut last_rows = Vec::new();
        if !keys.is_empty() {
            let mut all = aggregates(&txn, version.row).await?;
            let there = points_there(&txn, version.row, points, keys).await?;
            let mut rows = aggregate::point_rows();
            for (key, group) in keys.iter().zip(points.groups()) {
                group.iter().for_each(|point| aggregate::push_point(&mut rows, version.row, *key, point));
            }
            let changes = changes(&all, &there, points, keys);
            if changes.iter().any(|change| change.reread) {
                insert_all(&txn, vec![rows]).await?;
            } else {
                last_rows.push(rows);
            }
            last_rows.extend(summed_up(&txn, &version, &mut all, changes).await?);
        }
        let mut audit = audit::rows();
        let count: usize = points.groups().map(<[_]>::len).sum();
        audit::push(&mut audit, permit, self.now(), id, &json!({ "metrics": count }));
        last_rows.push(audit);
        insert_all(&txn, last_rows).await?;
        if version.visibility == Visibility::Private {
            audience::settle(self, &txn, version.row).await?;
        }
        txn.commit().await?;
        Ok(version)
    }

    /// Declares which end of a metric is good in the permit's project, and takes the best values anew.
    /// `permit` is for [`Action::UpdateProject`].
    ///
    /// # Errors
    /// Database.
    pub async fn declare_metric(&self, permit: &Permit, key: &Key, direction: Direction) -> Result<(), StoreError> {
        require(permit, Action::UpdateProject)?;
        let (project_row, project) = project_of(permit)?;
        let key_id = self.ensure_keys(&[(KeyKind::Metric, key.as_str())]).await?[0];
        let txn = self.0.db.begin().await?;
        if self.0.db.is_postgres() {
            // Waits for those who are registering versions with the old direction.
            let text = "SELECT 1 FROM projects WHERE row_id = $1 FOR UPDATE";
            txn.execute_raw(db::sql(&txn, text, vec![project_row.into()])).await?;
        }
        // Who registers versions without waiting sees by this that what it read of directions is old.
        let text = "UPDATE projects SET updated_at = $2 WHERE row_id = $1";
        txn.execute_raw(db::sql(&txn, text, vec![project_row.into(), self.now().micros().into()])).await?;
        let text = "INSERT INTO metric_directions (project_row, key_id, direction) VALUES ($1, $2, $3) \
                    ON CONFLICT (project_row, key_id) DO UPDATE SET direction = excluded.direction";
        let values = vec![project_row.into(), key_id.into(), direction.number().into()];
        txn.execute_raw(db::sql(&txn, text, values)).await?;
        let end = if direction == Direction::Minimize { "min" } else { "max" };
        let text = format!("UPDATE metrics SET best = {end} WHERE project_row = $1 AND key_id = $2");
        txn.execute_raw(db::sql(&txn, &text, vec![project_row.into(), key_id.into()])).await?;
        self.audit(&txn, permit, project, json!({ "metric": key, "direction": direction })).await?;
        Ok(txn.commit().await?)
    }
}

/// What is kept of each metric of a version, with its name.
type All = HashMap<i64, (String, Aggregate)>;

async fn aggregates(txn: &DatabaseTransaction, version_row: i64) -> Result<All, DbErr> {
    let text = "SELECT m.key_id, k.name, m.last, m.last_step, m.last_at, m.min, m.max, m.points \
                FROM metrics m JOIN keys k ON k.id = m.key_id WHERE m.version_row = $1";
    let rows = AggregateRow::find_by_statement(db::sql(txn, text, vec![version_row.into()])).all(txn).await?;
    let aggregate = |row: AggregateRow| {
        let AggregateRow { last, last_step, last_at, min, max, points, .. } = row;
        (row.key_id, (row.name, Aggregate { last, last_step, last_at, min, max, points }))
    };
    Ok(rows.into_iter().map(aggregate).collect())
}

/// Steps that one statement looks for: below SQLite's limit on values.
const MAX_STEPS: usize = 8_000;

/// The values of those of the steps that are there already, by key and step.
async fn points_there(
    txn: &DatabaseTransaction,
    version_row: i64,
    points: &Grouped<'_>,
    keys: &[i64],
) -> Result<HashMap<(i64, i64), Option<f64>>, DbErr> {
    let keyed = keys.iter().zip(points.groups());
    let steps = keyed.flat_map(|(key, group)| group.iter().map(move |point| (*key, point.step)));
    let steps: Vec<_> = steps.collect();
    let mut found = HashMap::new();
    for steps in steps.chunks(MAX_STEPS) {
        let mut sent = Rows::into("metric_points", "key_id, step");
        steps.iter().for_each(|(key, step)| sent.push([(*key).into(), (*step).into()]));
        let mut values = vec![version_row.into()];
        let source = sent.source(txn.get_database_backend(), &mut values);
        // CROSS: SQLite then begins with the steps and finds each by its key.
        let text = format!(
            "WITH sent (key_id, step) AS ({source}) SELECT p.key_id, p.step, p.value \
             FROM sent CROSS JOIN metric_points p \
             WHERE p.version_row = $1 AND p.key_id = sent.key_id AND p.step = sent.step"
        );
        for row in txn.query_all_raw(db::sql(txn, &text, values)).await? {
            found.insert((row.try_get("", "key_id")?, row.try_get("", "step")?), row.try_get("", "value")?);
        }
    }
    Ok(found)
}

/// What becomes of one key's aggregate.
struct Change<'a> {
    key: i64,
    name: &'a str,
    aggregate: Aggregate,
    /// An extreme was overwritten: what is smallest or largest now, only all points can tell.
    reread: bool,
}

fn changes<'a>(
    all: &All,
    there: &HashMap<(i64, i64), Option<f64>>,
    points: &Grouped<'a>,
    keys: &[i64],
) -> Vec<Change<'a>> {
    let change = |((key, name), group): ((&i64, &'a str), &[&MetricPoint])| {
        let new = Aggregate::of(group)?;
        let Some((_, old)) = all.get(key) else {
            return Some(Change { key: *key, name, aggregate: new, reread: false });
        };
        let (mut overwritten, mut reread) = (0, false);
        for point in group {
            let Some(before) = there.get(&(*key, point.step)) else { continue };
            overwritten += 1;
            let extreme = before.is_some() && (*before == old.min || *before == old.max);
            reread |= extreme && *before != stored(point.value);
        }
        let merged = old.merge(new);
        let aggregate = Aggregate { points: merged.points - overwritten, ..merged };
        Some(Change { key: *key, name, aggregate, reread })
    };
    keys.iter().zip(points.keys()).zip(points.groups()).filter_map(change).collect()
}

/// The rows that say what is kept of the metrics now.
async fn summed_up(
    txn: &DatabaseTransaction,
    version: &VersionRecord,
    all: &mut All,
    mut changes: Vec<Change<'_>>,
) -> Result<[Rows; 2], StoreError> {
    let reread: Vec<_> = changes.iter().filter(|change| change.reread).map(|change| change.key).collect();
    let extremes = extremes(txn, version.row, &reread).await?;
    // In the order of keys for all writers.
    changes.sort_unstable_by_key(|change| change.key);
    let mut rows = aggregate::rows();
    for Change { key, name, mut aggregate, .. } in changes {
        if let Some((min, max)) = extremes.get(&key) {
            (aggregate.min, aggregate.max) = (*min, *max);
        }
        aggregate::push(&mut rows, (version.row, version.project_row), key, aggregate);
        all.insert(key, (name.to_owned(), aggregate));
    }
    limit("metrics", all.len(), MAX_KEYS)?;
    let measured = all.drain().map(|(key, (name, aggregate))| aggregate.measured(key, &name));
    Ok([rows, maps::metrics_row(version.row, measured.collect())])
}

/// The smallest and largest values of some keys, of the points as they are now.
async fn extremes(
    txn: &DatabaseTransaction,
    version_row: i64,
    keys: &[i64],
) -> Result<HashMap<i64, (Option<f64>, Option<f64>)>, DbErr> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let mut binds = Binds::from(vec![version_row.into()]);
    let text = format!(
        "SELECT key_id, MIN(value) AS min, MAX(value) AS max FROM metric_points \
         WHERE version_row = $1 AND key_id IN ({}) GROUP BY key_id",
        binds.list(keys.iter().copied())
    );
    let rows = txn.query_all_raw(db::sql(txn, &text, binds.into_values())).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("", "key_id")?, (row.try_get("", "min")?, row.try_get("", "max")?))))
        .collect()
}
