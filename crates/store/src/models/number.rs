//! Numbers for new versions, from their models' counters.

use std::collections::{BTreeMap, HashMap};

use nunatak_domain::{ModelId, Problem, ProjectId, UserId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value, entity::prelude::Uuid};

use crate::{
    Store, StoreError, db,
    rows::Rows,
    versions::{TargetModel, sql::Binds},
};

/// Where a new version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbered {
    pub(crate) model: ModelId,
    pub(crate) number: i64,
    /// The version's row, which is not there yet.
    pub(crate) row: i64,
}

/// A counter that was raised.
#[derive(Debug)]
struct Raised {
    model: ModelId,
    name: String,
    /// The number that the next version after these will get.
    next: i64,
}

impl Store {
    /// Takes the next number of each target's model, in the order given; models that are named and not there are
    /// made. Others who want numbers of the same models wait until this transaction ends, and so does who declares
    /// a direction in the project: what is read of directions from here on stays so.
    ///
    /// # Errors
    /// A model that is not there is a problem at `model`, with the place of its target; database.
    pub(crate) async fn take_numbers(
        &self,
        txn: &DatabaseTransaction,
        project: (i64, ProjectId),
        targets: &[&TargetModel],
        user: UserId,
    ) -> Result<Result<Vec<Numbered>, (usize, Problem)>, StoreError> {
        let count = i64::try_from(targets.len()).unwrap_or(i64::MAX);
        let (text, values) = match targets {
            // One lock: there is no order to keep.
            [TargetModel::Id(id), rest @ ..] if rest.iter().all(|target| **target == TargetModel::Id(*id)) => {
                self.raise_one(project.1, *id, count)
            }
            _ => match counts(txn, project.1, targets).await? {
                Ok(counts) => self.raise_named(txn, project.1, &counts, user),
                Err(place) => return Ok(Err(absent(place))),
            },
        };
        let (raised, rows) = raise(txn, project.0, count, text, values).await?;
        Ok(deal(targets, raised, rows).map_err(absent))
    }

    fn raise_one(&self, project: ProjectId, id: ModelId, count: i64) -> (String, Vec<Value>) {
        let text = "UPDATE models SET next_number = next_number + $1, updated_at = $2 \
                    WHERE id = $3 AND project_id = $4 AND deleted_at IS NULL RETURNING id, name, next_number";
        (text.to_owned(), vec![count.into(), self.now().micros().into(), id.0.into(), project.0.into()])
    }

    /// In the order of names for all writers, whether the model is there or not.
    fn raise_named(
        &self,
        txn: &DatabaseTransaction,
        project: ProjectId,
        counts: &BTreeMap<String, i64>,
        user: UserId,
    ) -> (String, Vec<Value>) {
        const COLUMNS: &str = "id, project_id, name, description, next_number, created_by, created_at, updated_at";
        let mut rows = Rows::into("models", COLUMNS).tail(
            "ON CONFLICT (project_id, name) WHERE deleted_at IS NULL DO UPDATE SET \
             next_number = models.next_number + excluded.next_number - 1, updated_at = excluded.updated_at \
             RETURNING id, name, next_number",
        );
        let now = self.now();
        for (name, count) in counts {
            rows.push([
                ModelId::new(now).0.into(),
                project.0.into(),
                name.as_str().into(),
                "".into(),
                (count + 1).into(),
                user.0.into(),
                now.micros().into(),
                now.micros().into(),
            ]);
        }
        let mut values = Vec::new();
        (rows.statement(txn.get_database_backend(), &mut values), values)
    }
}

fn absent(place: usize) -> (usize, Problem) {
    (place, Problem::new("NOT_FOUND", "there is no such model in this project").at("model"))
}

/// How many versions each model gets, by its name; the place of a target that is not there.
async fn counts(
    txn: &DatabaseTransaction,
    project: ProjectId,
    targets: &[&TargetModel],
) -> Result<Result<BTreeMap<String, i64>, usize>, DbErr> {
    let ids: Vec<_> =
        targets.iter().filter_map(|target| if let TargetModel::Id(id) = target { Some(id.0) } else { None }).collect();
    let mut names: HashMap<Uuid, String> = HashMap::new();
    if !ids.is_empty() {
        let mut binds = Binds::from(vec![project.0.into()]);
        let ids = binds.list(ids);
        // On PostgreSQL their names must not change until their counters are raised by name.
        let lock = if db::is_postgres(txn) { " ORDER BY id FOR NO KEY UPDATE" } else { "" };
        let text =
            format!("SELECT id, name FROM models WHERE project_id = $1 AND deleted_at IS NULL AND id IN ({ids}){lock}");
        for row in txn.query_all_raw(db::sql(txn, &text, binds.into_values())).await? {
            names.insert(row.try_get("", "id")?, row.try_get("", "name")?);
        }
    }
    let mut counts = BTreeMap::new();
    for (place, target) in targets.iter().enumerate() {
        let name = match target {
            TargetModel::Named(name) => Some(name.as_str()),
            TargetModel::Id(id) => names.get(&id.0).map(String::as_str),
        };
        let Some(name) = name else { return Ok(Err(place)) };
        *counts.entry(name.to_owned()).or_insert(0) += 1;
    }
    Ok(Ok(counts))
}

/// Runs the statement that raises counters, and takes numbers for `count` rows of versions.
async fn raise(
    txn: &DatabaseTransaction,
    project_row: i64,
    count: i64,
    text: String,
    mut values: Vec<Value>,
) -> Result<(Vec<Raised>, Vec<i64>), StoreError> {
    let postgres = db::is_postgres(txn);
    let text = if postgres {
        values.extend([project_row.into(), count.into()]);
        let (project, count) = (values.len() - 1, values.len());
        format!(
            "WITH place AS MATERIALIZED (SELECT 1 FROM projects WHERE row_id = ${project} FOR KEY SHARE), \
             raised AS ({text}) SELECT raised.id, raised.name, raised.next_number, \
             (SELECT string_agg(CAST(nextval(pg_get_serial_sequence('versions', 'row_id')) AS TEXT), ',') \
             FROM generate_series(1, ${count})) AS row_ids FROM raised CROSS JOIN place"
        )
    } else {
        text
    };
    let (mut raised, mut row_ids) = (Vec::new(), Vec::new());
    for row in txn.query_all_raw(db::sql(txn, &text, values)).await? {
        if postgres && row_ids.is_empty() {
            let ids: String = row.try_get("", "row_ids")?;
            row_ids = ids.split(',').filter_map(|id| id.parse().ok()).collect();
        }
        let model: Uuid = row.try_get("", "id")?;
        raised.push(Raised {
            model: model.into(),
            name: row.try_get("", "name")?,
            next: row.try_get("", "next_number")?,
        });
    }
    if !postgres && !raised.is_empty() {
        // Nobody else writes while this transaction does.
        let text = "SELECT COALESCE(MAX(seq), 0) AS last FROM sqlite_sequence WHERE name = 'versions'";
        let row = txn.query_one_raw(db::sql(txn, text, vec![])).await?;
        let last: i64 = row.map_or(Ok(0), |row| row.try_get("", "last"))?;
        row_ids = (last + 1..=last + count).collect();
    }
    Ok((raised, row_ids))
}

/// Hands numbers out in the order of the targets; the place of one whose model was not raised.
fn deal(targets: &[&TargetModel], raised: Vec<Raised>, row_ids: Vec<i64>) -> Result<Vec<Numbered>, usize> {
    let place = |target: &TargetModel| {
        raised.iter().position(|raised| match target {
            TargetModel::Id(id) => raised.model == *id,
            TargetModel::Named(name) => raised.name == name.as_str(),
        })
    };
    let mut known: HashMap<&TargetModel, Option<usize>> = HashMap::new();
    let of: Vec<_> = targets.iter().map(|target| *known.entry(target).or_insert_with(|| place(target))).collect();
    let mut next: Vec<i64> = raised.iter().map(|raised| raised.next).collect();
    for model in of.iter().flatten() {
        next[*model] -= 1;
    }
    let mut numbered = Vec::with_capacity(targets.len());
    for (place, (model, row)) in of.into_iter().zip(row_ids).enumerate() {
        let model = model.ok_or(place)?;
        numbered.push(Numbered { model: raised[model].model, number: next[model], row });
        next[model] += 1;
    }
    if numbered.len() == targets.len() { Ok(numbered) } else { Err(numbered.len()) }
}
