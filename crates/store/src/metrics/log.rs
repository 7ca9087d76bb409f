use std::collections::{HashMap, HashSet};

use nunatak_domain::{Direction, Key, KeyKind, VersionId, Visibility};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, FromQueryResult};
use serde_json::json;

use super::aggregate::{Aggregate, Grouped, directions, upsert_aggregates, upsert_points};
use crate::{
    Action, Event, Permit, Store, StoreError, db,
    scope::{project_of, require},
    versions::{
        MetricPoint, VersionRecord, audience, maps,
        register::{MAX_KEYS, limit},
        sql::{Binds, ensure_keys},
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

impl From<AggregateRow> for Aggregate {
    fn from(row: AggregateRow) -> Self {
        let AggregateRow { last, last_step, last_at, min, max, points, .. } = row;
        Self { last, last_step, last_at, min, max, points }
    }
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
        let txn = self.0.db.begin().await?;
        let version = self.version_to_change(&txn, permit, id).await?;
        let names: Vec<_> = grouped.keys().map(|key| (KeyKind::Metric, key)).collect();
        let keys = ensure_keys(&txn, &names).await?;
        if !keys.is_empty() {
            self.lock_for_metrics(&txn, &version).await?;
            add(&txn, &version, &grouped, &keys).await?;
            if version.visibility == Visibility::Private {
                audience::settle(self, &txn, version.row).await?;
            }
        }
        self.audit(&txn, permit, id, json!({ "metrics": points.len() })).await?;
        txn.commit().await?;
        self.bus().publish(Event::MetricLogged { version: id, project: version.project });
        Ok(version)
    }

    /// One writer of a version's metrics at a time, and none while the project changes a direction. SQLite has
    /// one writer anyway.
    async fn lock_for_metrics(&self, txn: &DatabaseTransaction, version: &VersionRecord) -> Result<(), DbErr> {
        if self.0.db.is_postgres() {
            let text = "SELECT 1 FROM versions v JOIN projects p ON p.row_id = v.project_row WHERE v.row_id = $1 \
                        FOR NO KEY UPDATE OF v FOR KEY SHARE OF p";
            txn.execute_raw(db::sql(txn, text, vec![version.row.into()])).await?;
        }
        Ok(())
    }

    /// Declares which end of a metric is good in the permit's project, and takes the best values anew.
    /// `permit` is for [`Action::UpdateProject`].
    ///
    /// # Errors
    /// Database.
    pub async fn declare_metric(&self, permit: &Permit, key: &Key, direction: Direction) -> Result<(), StoreError> {
        require(permit, Action::UpdateProject)?;
        let (project_row, project) = project_of(permit)?;
        let txn = self.0.db.begin().await?;
        let key_id = ensure_keys(&txn, &[(KeyKind::Metric, key.as_str())]).await?[0];
        if self.0.db.is_postgres() {
            // Waits for those who are registering versions with the old direction.
            let text = "SELECT 1 FROM projects WHERE row_id = $1 FOR UPDATE";
            txn.execute_raw(db::sql(&txn, text, vec![project_row.into()])).await?;
        }
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

/// Writes points of a version that may have some. Costs what is new, not what is there, unless a step is
/// overwritten: then that key's points are read again.
async fn add(
    txn: &DatabaseTransaction,
    version: &VersionRecord,
    points: &Grouped<'_>,
    keys: &[i64],
) -> Result<(), StoreError> {
    let place = (version.row, version.project_row);
    let before = aggregates(txn, version.row).await?;
    let known: HashSet<_> = before.iter().map(|row| row.key_id).chain(keys.iter().copied()).collect();
    limit("metrics", known.len(), MAX_KEYS)?;
    let mut before: HashMap<i64, (String, Aggregate)> =
        before.into_iter().map(|row| (row.key_id, (row.name.clone(), row.into()))).collect();
    let overwritten = overwritten(txn, version.row, points, keys).await?;
    let directions = directions(txn, version.project_row, keys).await?;
    upsert_points(txn, version.row, points, keys).await?;
    let mut after = Vec::new();
    for ((key, name), group) in keys.iter().zip(points.keys()).zip(points.groups()) {
        let Some(new) = Aggregate::of(group) else { continue };
        let aggregate = match before.get(key) {
            _ if overwritten.contains(key) => reread(txn, version.row, *key).await?,
            Some((_, old)) => old.merge(new),
            None => new,
        };
        after.push((*key, aggregate));
        before.insert(*key, (name.to_owned(), aggregate));
    }
    upsert_aggregates(txn, place, &after, &directions).await?;
    let all = before.into_iter().map(|(key, (name, aggregate))| aggregate.measured(key, &name));
    Ok(maps::write_metrics(txn, version.row, all.collect()).await?)
}

async fn aggregates(txn: &DatabaseTransaction, version_row: i64) -> Result<Vec<AggregateRow>, DbErr> {
    let text = "SELECT m.key_id, k.name, m.last, m.last_step, m.last_at, m.min, m.max, m.points \
                FROM metrics m JOIN keys k ON k.id = m.key_id WHERE m.version_row = $1";
    AggregateRow::find_by_statement(db::sql(txn, text, vec![version_row.into()])).all(txn).await
}

/// Keys of which a step in `points` is there already.
async fn overwritten(
    txn: &DatabaseTransaction,
    version_row: i64,
    points: &Grouped<'_>,
    keys: &[i64],
) -> Result<HashSet<i64>, DbErr> {
    let mut found = HashSet::new();
    let steps: Vec<_> = keys
        .iter()
        .zip(points.groups())
        .flat_map(|(key, group)| group.iter().map(move |point| (*key, point.step)))
        .collect();
    for steps in steps.chunks(MAX_STEPS) {
        let mut binds = Binds::from(vec![version_row.into()]);
        let pairs: Vec<_> =
            steps.iter().map(|(key, step)| format!("({}, {})", binds.bind(*key), binds.bind(*step))).collect();
        let text = format!(
            "SELECT DISTINCT key_id FROM metric_points \
             WHERE version_row = $1 AND (key_id, step) IN (VALUES {})",
            pairs.join(", ")
        );
        for row in txn.query_all_raw(db::sql(txn, &text, binds.into_values())).await? {
            found.insert(row.try_get("", "key_id")?);
        }
    }
    Ok(found)
}

/// Two values are bound a step.
const MAX_STEPS: usize = 15_000;

async fn reread(txn: &DatabaseTransaction, version_row: i64, key: i64) -> Result<Aggregate, StoreError> {
    let text = "SELECT p.key_id, k.name, p.value AS last, p.step AS last_step, p.at AS last_at, a.min, a.max, a.points \
                FROM metric_points p JOIN keys k ON k.id = p.key_id CROSS JOIN (SELECT MIN(value) AS min, MAX(value) AS max, COUNT(*) AS points \
                FROM metric_points WHERE version_row = $1 AND key_id = $2) AS a \
                WHERE p.version_row = $1 AND p.key_id = $2 ORDER BY p.step DESC LIMIT 1";
    let values = vec![version_row.into(), key.into()];
    let row = AggregateRow::find_by_statement(db::sql(txn, text, values)).one(txn).await?;
    row.map(Aggregate::from).ok_or_else(|| StoreError::Corrupt("points that were just written are absent".to_owned()))
}
