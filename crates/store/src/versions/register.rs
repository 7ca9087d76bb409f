use std::collections::HashSet;

use nunatak_domain::{
    DatasetVersionId, Key, KeyKind, ModelId, Problem, ProjectId, Scalar, VersionId, VersionStatus, Visibility,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ConnectionTrait, DatabaseTransaction,
};

use super::{
    DatasetOrigin, NewVersion, VersionRecord, audience, maps,
    sql::{ensure_keys, plain_text},
    values,
};
use crate::{Store, StoreError, db, entities::versions, figures, metrics, tags};

/// How many keys of a sort a version may have; more belong in the artefact.
pub const MAX_KEYS: usize = 1000;
pub const MAX_TAGS: usize = 20;
pub const MAX_FIGURES: usize = 50;

impl Store {
    /// Makes the next version of `model`, with all its rows, in the caller's transaction.
    ///
    /// The caller has a permit, writes the audit event, and publishes `VersionRegistered` after the commit.
    pub(crate) async fn insert_version(
        &self,
        txn: &DatabaseTransaction,
        (project_row, project): (i64, ProjectId),
        model: ModelId,
        new: &NewVersion,
    ) -> Result<VersionRecord, StoreError> {
        check(new)?;
        let parent_row = match new.parent {
            Some(parent) => Some(parent_row(txn, project_row, parent).await?),
            None => None,
        };
        if let DatasetOrigin::Here(dataset) = &new.dataset {
            check_dataset(txn, project, *dataset).await?;
        }
        // Locks in one order for all writers: keys, tags, then the model's counter.
        let points = metrics::Grouped::of(&new.metrics)?;
        let keys = all_keys(new, &points);
        let key_ids = ensure_keys(txn, &keys).await?;
        let tag_ids = tags::ensure(self, txn, project_row, &new.tags, new.created_by).await?;
        let number = self.next_number(txn, project, model).await?;
        let id = VersionId::new(self.now());
        let row = active_model(self, new, (project_row, model, number, id), parent_row).insert(txn).await?;

        let place = (row.row_id, project_row);
        let (hyperparameters, rest) = key_ids.split_at(new.hyperparameters.len());
        let (parameters, measured) = rest.split_at(new.parameters.len());
        values::insert(txn, "hyperparameters", place, &new.hyperparameters, hyperparameters).await?;
        values::insert(txn, "parameters", place, &new.parameters, parameters).await?;
        let measured = metrics::insert_first(txn, place, &points, measured).await?;
        maps::insert(txn, row.row_id, (&new.hyperparameters, &new.parameters, measured)).await?;
        tags::attach(txn, &tag_ids, row.row_id).await?;
        if new.visibility == Visibility::Private {
            audience::settle(self, txn, row.row_id).await?;
        }
        figures::insert(self, txn, figures::Owner::Version(row.row_id), &new.figures).await?;
        VersionRecord::of(row, project)
    }

    /// Takes a number from the model's counter; others wait until this transaction ends.
    async fn next_number(
        &self,
        txn: &DatabaseTransaction,
        project: ProjectId,
        model: ModelId,
    ) -> Result<i64, StoreError> {
        let text = "UPDATE models SET next_number = next_number + 1, updated_at = $3 \
                    WHERE id = $1 AND project_id = $2 AND deleted_at IS NULL RETURNING next_number - 1 AS number";
        let values = vec![model.0.into(), project.0.into(), self.now().micros().into()];
        let row = txn.query_one_raw(db::sql(txn, text, values)).await?.ok_or(StoreError::NotFound("model"))?;
        Ok(row.try_get("", "number")?)
    }
}

fn all_keys<'a>(new: &'a NewVersion, points: &'a metrics::Grouped<'_>) -> Vec<(KeyKind, &'a str)> {
    let chosen = new.hyperparameters.iter().map(|(key, _)| (KeyKind::Hyperparameter, key.as_str()));
    let noted = new.parameters.iter().map(|(key, _)| (KeyKind::Parameter, key.as_str()));
    chosen.chain(noted).chain(points.keys().map(|key| (KeyKind::Metric, key))).collect()
}

fn check(new: &NewVersion) -> Result<(), StoreError> {
    check_keys(&new.hyperparameters, "hyperparameters")?;
    check_keys(&new.parameters, "parameters")?;
    limit("tags", new.tags.len(), MAX_TAGS)?;
    limit("figures", new.figures.len(), MAX_FIGURES)?;
    plain_text(&new.description, "description")?;
    if let DatasetOrigin::Elsewhere { name, description } = &new.dataset {
        plain_text(name, "dataset")?;
        plain_text(description.as_deref().unwrap_or_default(), "dataset")?;
    }
    if let Some(git) = &new.git {
        for text in [&git.branch, &git.commit].into_iter().flatten() {
            plain_text(text, "git")?;
        }
    }
    for text in new.artifact.iter().flat_map(|file| [&file.name, &file.format]) {
        plain_text(text, "artifact")?;
    }
    Ok(())
}

fn check_keys(values: &[(Key, Scalar)], field: &str) -> Result<(), Problem> {
    limit(field, values.len(), MAX_KEYS)?;
    let mut seen = HashSet::new();
    for (key, _) in values {
        if !seen.insert(key.as_str()) {
            let message = format!("`{key}` is given twice; give each key once");
            return Err(Problem::new("DUPLICATE_KEY", message).at(key.as_str()).at(field));
        }
    }
    values::check(values, field)
}

pub(crate) fn limit(field: &str, got: usize, max: usize) -> Result<(), Problem> {
    if got > max {
        let message = format!("`{field}` has {got} entries; at most {max} are allowed");
        return Err(Problem::new("LIMIT_EXCEEDED", message).at(field));
    }
    Ok(())
}

async fn parent_row(txn: &DatabaseTransaction, project_row: i64, parent: VersionId) -> Result<i64, StoreError> {
    let text = "SELECT row_id FROM versions WHERE id = $1 AND project_row = $2 AND deleted_at IS NULL";
    let row = txn.query_one_raw(db::sql(txn, text, vec![parent.0.into(), project_row.into()])).await?;
    let row = row.ok_or_else(|| Problem::new("NOT_FOUND", "there is no such version in this project").at("parent"))?;
    Ok(row.try_get("", "row_id")?)
}

async fn check_dataset(
    txn: &DatabaseTransaction,
    project: ProjectId,
    dataset: DatasetVersionId,
) -> Result<(), StoreError> {
    let text = "SELECT 1 AS one FROM dataset_versions v JOIN datasets d ON d.id = v.dataset_id \
                WHERE v.id = $1 AND d.project_id = $2";
    if txn.query_one_raw(db::sql(txn, text, vec![dataset.0.into(), project.0.into()])).await?.is_none() {
        let problem = Problem::new("NOT_FOUND", "there is no such dataset version in this project");
        return Err(problem.at("dataset").into());
    }
    Ok(())
}

fn active_model(
    store: &Store,
    new: &NewVersion,
    (project_row, model, number, id): (i64, ModelId, i64, VersionId),
    parent_row: Option<i64>,
) -> versions::ActiveModel {
    let now = store.now().micros();
    let (dataset_version_id, dataset_name, dataset_description) = match &new.dataset {
        DatasetOrigin::Unknown => (None, None, None),
        DatasetOrigin::Here(id) => (Some(id.0), None, None),
        DatasetOrigin::Elsewhere { name, description } => (None, Some(name.clone()), description.clone()),
    };
    let git = new.git.as_ref();
    let artifact = new.artifact.as_ref();
    versions::ActiveModel {
        row_id: NotSet,
        id: Set(id.0),
        project_row: Set(project_row),
        model_id: Set(model.0),
        number: Set(number),
        status: Set(VersionStatus::Ready.number()),
        visibility: Set(new.visibility.number()),
        description: Set(new.description.clone()),
        detector_name: Set(new.detector.as_ref().map(|(name, _)| name.clone())),
        detector_version: Set(new.detector.as_ref().map(|(_, version)| version.clone())),
        dataset_version_id: Set(dataset_version_id),
        dataset_name: Set(dataset_name),
        dataset_description: Set(dataset_description),
        git_branch: Set(git.and_then(|git| git.branch.clone())),
        git_commit: Set(git.and_then(|git| git.commit.clone())),
        git_dirty: Set(git.and_then(|git| git.dirty)),
        git_remotes: Set(git.map(|git| serde_json::json!(git.remotes).to_string())),
        environment: Set(new.environment.as_ref().map(ToString::to_string)),
        input_schema: Set(new.input_schema.as_ref().map(ToString::to_string)),
        artifact_sha256: Set(artifact.map(|file| file.sha256.clone())),
        artifact_size: Set(artifact.map(|file| file.size)),
        artifact_name: Set(artifact.map(|file| file.name.clone())),
        artifact_format: Set(artifact.map(|file| file.format.clone())),
        threshold: Set(new.threshold),
        job_id: Set(new.job.map(Into::into)),
        parent_row: Set(parent_row),
        created_by: Set(new.created_by.0),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
    }
}
