//! Whether a schedule could do its work if it fired now: what would fail for sure is refused when it is made.

use nunatak_domain::{DatasetId, DatasetVersionId, ModelId, Problem, ProjectId, VersionId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, entity::prelude::Uuid};

use super::{Data, Definition, PredictTask, Rights, Task, Trigger};
use crate::{Store, StoreError, db, scope};

impl Store {
    /// Tries the definition out in a transaction that is given up afterwards.
    pub(super) async fn check_definition(&self, rights: &Rights, definition: &Definition) -> Result<(), StoreError> {
        definition.check()?;
        let (_, project) = scope::project_of(&rights.train)?;
        let txn = self.0.db.begin().await?;
        match &definition.trigger {
            Trigger::Cron { .. } => {}
            Trigger::Dataset(dataset) => {
                let newest = newest_version(&txn, *dataset, project).await;
                newest.map_err(|error| inside(error, &["datasetVersion", "trigger"]))?;
            }
            Trigger::Metric(metric) => {
                let model = require_model(&txn, metric.model, project).await;
                model.map_err(|error| inside(error, &["metric", "trigger"]))?;
            }
        }
        let data = dataset_version(&txn, definition.task.data(), project).await;
        match &definition.task {
            Task::Train(task) => {
                let at = |error| inside(error, &["train", "task"]);
                self.check_training(&txn, &rights.train, &task.request(data.map_err(at)?)).await.map_err(at)?;
            }
            Task::Predict(task) => {
                let at = |error| inside(error, &["predict", "task"]);
                data.map_err(at)?;
                require_model(&txn, task.model, project).await.map_err(at)?;
            }
        }
        if let Some(data) = definition.promote.as_ref().and_then(|rule| rule.evaluate_on) {
            let found = dataset_version(&txn, data, project).await;
            found.map_err(|error| inside(error, &["evaluateOn", "promote"]))?;
        }
        Ok(txn.rollback().await?)
    }
}

/// The rows that are meant, by now.
pub(crate) async fn dataset_version(
    db: &DatabaseTransaction,
    data: Data,
    project: ProjectId,
) -> Result<DatasetVersionId, StoreError> {
    match data {
        Data::Newest(dataset) => Ok(newest_version(db, dataset, project).await?.0),
        Data::Version(version) => {
            let text = "SELECT v.id FROM dataset_versions v JOIN datasets d ON d.id = v.dataset_id \
                        WHERE v.id = $1 AND d.project_id = $2 AND d.deleted_at IS NULL";
            let row = db.query_one_raw(db::sql(db, text, vec![version.0.into(), project.0.into()])).await?;
            row.map(|_| version).ok_or_else(|| no_dataset("there is no such dataset version in this project"))
        }
    }
}

/// The newest version of a dataset, and its number.
pub(super) async fn newest_version(
    db: &DatabaseTransaction,
    dataset: DatasetId,
    project: ProjectId,
) -> Result<(DatasetVersionId, i64), StoreError> {
    let text = "SELECT v.id, v.number FROM dataset_versions v JOIN datasets d ON d.id = v.dataset_id \
                WHERE d.id = $1 AND d.project_id = $2 AND d.deleted_at IS NULL ORDER BY v.number DESC LIMIT 1";
    let row = db.query_one_raw(db::sql(db, text, vec![dataset.0.into(), project.0.into()])).await?;
    let row = row.ok_or_else(|| no_dataset("there is no such dataset in this project"))?;
    Ok((row.try_get::<Uuid>("", "id")?.into(), row.try_get("", "number")?))
}

fn no_dataset(message: &str) -> StoreError {
    Problem::new("NOT_FOUND", message).at("dataset").into()
}

async fn require_model(db: &DatabaseTransaction, model: ModelId, project: ProjectId) -> Result<(), StoreError> {
    let text = "SELECT 1 AS one FROM models WHERE id = $1 AND project_id = $2 AND deleted_at IS NULL";
    let found = db.query_one_raw(db::sql(db, text, vec![model.0.into(), project.0.into()])).await?;
    let absent = || Problem::new("NOT_FOUND", "there is no such model in this project").at("model");
    found.map(|_| ()).ok_or_else(|| absent().into())
}

/// The version that the alias of a prediction names by now.
pub(super) async fn aliased(db: &DatabaseTransaction, task: &PredictTask) -> Result<VersionId, StoreError> {
    let text = "SELECT v.id FROM aliases a JOIN versions v ON v.row_id = a.version_row \
                WHERE a.model_id = $1 AND a.name = $2 AND v.deleted_at IS NULL";
    let values = vec![task.model.0.into(), task.alias.as_str().into()];
    let row = db.query_one_raw(db::sql(db, text, values)).await?;
    let absent = || {
        let message = format!("the model has no alias `{}` by now; move it to a version", task.alias);
        StoreError::from(Problem::new("NOT_FOUND", message).at("alias"))
    };
    Ok(row.ok_or_else(absent)?.try_get::<Uuid>("", "id")?.into())
}

/// The problems of a part, located in the whole; the innermost field stands first.
fn inside(error: StoreError, fields: &[&str]) -> StoreError {
    match error {
        StoreError::Invalid(problems) => {
            let place = |problem: Problem| fields.iter().fold(problem, |problem, field| problem.at(*field));
            StoreError::Invalid(problems.into_iter().map(place).collect())
        }
        other => other,
    }
}
