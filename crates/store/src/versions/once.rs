//! Versions of one model in one statement that is its own transaction (PostgreSQL): one round trip instead of five.
//!
//! It writes nothing unless everything is as expected: the model is there and has its name, the tags are there, and
//! nobody has changed the project since the statement began. Otherwise the caller goes the long way, which makes what
//! is missing and tells what is wrong.

use nunatak_domain::{ModelId, ProjectId};
use sea_orm::{ConnectionTrait, Value};

use super::{
    TargetModel, VersionRecord,
    register::{Batch, located},
    row::{self, Place},
    tables::Tables,
};
use crate::{Permit, Store, StoreError, audit, db, models::Numbered, rows, tags};

/// The statement's beginning. Locks are taken in the order that all writers take them in: tags by name, the model.
///
/// What a statement reads is as it was when the statement began, but for the rows that it locks: those are read anew
/// when somebody had them. So a project that was changed meanwhile (a direction was declared) is another row than the
/// one that the statement sees, and what it sees of directions may be old.
const HEAD: &str = "WITH held AS MATERIALIZED (SELECT p.ctid AS now FROM projects p WHERE p.row_id = $1 FOR KEY SHARE), \
    same AS MATERIALIZED (SELECT 1 FROM projects p JOIN held ON held.now = p.ctid WHERE p.row_id = $1), \
    tagged AS MATERIALIZED (SELECT t.id, t.name FROM tags t WHERE t.project_row = $1 \
    AND t.name = ANY ($2::text::text[]) ORDER BY t.name FOR KEY SHARE), \
    attached AS MATERIALIZED (SELECT array_agg(id ORDER BY name) AS ids FROM tagged HAVING COUNT(*) = $3), \
    raised AS (UPDATE models m SET next_number = m.next_number + $4, updated_at = $5 FROM same, attached \
    WHERE m.id = $6 AND m.project_id = $7 AND m.name = COALESCE($8, m.name) AND m.deleted_at IS NULL \
    RETURNING m.next_number), \
    n AS MATERIALIZED (SELECT raised.next_number AS next, attached.ids AS tags, \
    (SELECT array_agg(nextval(pg_get_serial_sequence('versions', 'row_id'))) FROM generate_series(1, $4)) AS rows \
    FROM raised CROSS JOIN attached) ";

const TAIL: &str = "SELECT next, array_to_string(rows, ',') AS row_ids FROM n";

impl Store {
    /// Makes the next versions of one model, all rows and the audit of `permit`'s use with them. `None` where nothing
    /// was written because something is not as expected, or where the versions are not of one model that is known.
    ///
    /// # Errors
    /// Problems with figures; database.
    pub(super) async fn insert_at_once(
        &self,
        project: (i64, ProjectId),
        batch: &Batch<'_>,
        permit: &Permit,
    ) -> Result<Option<Vec<VersionRecord>>, StoreError> {
        let Some((model, name)) = self.only_model(project.0, batch) else { return Ok(None) };
        let (now, count) = (self.now(), i64::try_from(batch.entries.len()).unwrap_or(i64::MAX));
        let known = tags::by_place(batch.tags());
        let mut tables = Tables::once();
        let mut made = Vec::with_capacity(batch.entries.len());
        for (place, entry) in batch.entries.iter().enumerate() {
            let row = i64::try_from(place).unwrap_or(i64::MAX) + 1;
            let back = count + 1 - row;
            let numbered = Numbered { model, number: back, row };
            let at = Place { id: entry.id, project, numbered, parent_row: None, now };
            let version = row::model(entry.new, entry.new.artifact.as_ref(), &at);
            row::push(&mut tables.versions, &version);
            let added = tables.add(self, (row, project.0), entry, &known);
            added.map_err(|problem| located(batch.many(), place, problem))?;
            let detail = format!("{{\"model\":\"{model}\",\"number\":");
            audit::push_beside(&mut tables.audit, permit, now, entry.id, &detail, back);
            made.push(version);
        }

        let names: Vec<Value> = known.keys().map(|name| name.as_str().into()).collect();
        let mut binds = vec![
            project.0.into(),
            rows::array(names.iter()),
            i64::try_from(names.len()).unwrap_or(i64::MAX).into(),
            count.into(),
            now.micros().into(),
            model.0.into(),
            project.1.0.into(),
            Value::String(name.map(str::to_owned)),
        ];
        let parts = rows::with(&tables.in_order(), ",", &mut binds);
        let db = self.0.db.write();
        let Some(found) = db.query_one_raw(db::sql(db, &format!("{HEAD}{parts}{TAIL}"), binds)).await? else {
            return Ok(None);
        };
        let (next, row_ids): (i64, String) = (found.try_get("", "next")?, found.try_get("", "row_ids")?);
        let row_ids = row_ids.split(',').map(|id| id.parse::<i64>().unwrap_or_default());
        let records = made.into_iter().zip(row_ids).map(|(mut version, row)| {
            version.row_id = row;
            version.number = next - version.number;
            VersionRecord::of(version, project.1)
        });
        records.collect::<Result<_, _>>().map(Some)
    }

    /// The one model of all versions, and the name that it must have.
    fn only_model<'a>(&self, project_row: i64, batch: &Batch<'a>) -> Option<(ModelId, Option<&'a str>)> {
        let (first, rest) = batch.entries.split_first()?;
        if rest.iter().any(|entry| entry.model != first.model) {
            return None;
        }
        match first.model {
            TargetModel::Id(id) => Some((*id, None)),
            TargetModel::Named(name) => Some((self.0.models.get(project_row, name)?, Some(name.as_str()))),
        }
    }
}
