//! The row of a version that is about to be made.

use nunatak_domain::{ProjectId, Timestamp, VersionId, VersionStatus};
use sea_orm::Value;

use super::{Artifact, DatasetOrigin, NewVersion};
use crate::{entities::versions::Model, models::Numbered, rows::Rows};

/// A new version that rows hang on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of {
    /// Its row, or where the statement that writes it finds the row, from 1.
    pub(crate) row: i64,
    pub(crate) project_row: i64,
    /// For whom the rows are (`audience`).
    pub(crate) audience: i64,
}

/// What a new version's row says that its input does not.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) id: VersionId,
    pub(super) project: (i64, ProjectId),
    pub(super) numbered: Numbered,
    pub(super) parent_row: Option<i64>,
    pub(super) now: Timestamp,
}

pub(super) fn rows() -> Rows {
    Rows::into(
        "versions",
        "row_id, id, project_row, model_id, number, status, visibility, description, detector_name, \
         detector_version, dataset_version_id, dataset_name, dataset_description, git_branch, git_commit, git_dirty, \
         git_remotes, environment, input_schema, artifact_sha256, artifact_size, artifact_name, artifact_format, \
         threshold, job_id, parent_row, created_by, created_at, updated_at",
    )
}

pub(super) fn push(rows: &mut Rows, row: &Model) {
    rows.push([
        row.row_id.into(),
        row.id.into(),
        row.project_row.into(),
        row.model_id.into(),
        row.number.into(),
        row.status.into(),
        row.visibility.into(),
        row.description.as_str().into(),
        Value::String(row.detector_name.clone()),
        Value::String(row.detector_version.clone()),
        Value::Uuid(row.dataset_version_id),
        Value::String(row.dataset_name.clone()),
        Value::String(row.dataset_description.clone()),
        Value::String(row.git_branch.clone()),
        Value::String(row.git_commit.clone()),
        Value::Bool(row.git_dirty),
        Value::String(row.git_remotes.clone()),
        Value::String(row.environment.clone()),
        Value::String(row.input_schema.clone()),
        Value::String(row.artifact_sha256.clone()),
        Value::BigInt(row.artifact_size),
        Value::String(row.artifact_name.clone()),
        Value::String(row.artifact_format.clone()),
        Value::Double(row.threshold),
        Value::Uuid(row.job_id),
        Value::BigInt(row.parent_row),
        row.created_by.into(),
        row.created_at.into(),
        row.updated_at.into(),
    ]);
}

pub(super) fn model(new: &NewVersion, artifact: Option<&Artifact>, place: &Place) -> Model {
    let now = place.now.micros();
    let (dataset_version_id, dataset_name, dataset_description) = match &new.dataset {
        DatasetOrigin::Unknown => (None, None, None),
        DatasetOrigin::Here(id) => (Some(id.0), None, None),
        DatasetOrigin::Elsewhere { name, description } => (None, Some(name.clone()), description.clone()),
    };
    let git = new.git.as_ref();
    Model {
        row_id: place.numbered.row,
        id: place.id.0,
        project_row: place.project.0,
        model_id: place.numbered.model.0,
        number: place.numbered.number,
        status: VersionStatus::Ready.number(),
        visibility: new.visibility.number(),
        description: new.description.clone(),
        detector_name: new.detector.as_ref().map(|(name, _)| name.clone()),
        detector_version: new.detector.as_ref().map(|(_, version)| version.clone()),
        dataset_version_id,
        dataset_name,
        dataset_description,
        git_branch: git.and_then(|git| git.branch.clone()),
        git_commit: git.and_then(|git| git.commit.clone()),
        git_dirty: git.and_then(|git| git.dirty),
        git_remotes: git.map(|git| serde_json::json!(git.remotes).to_string()),
        environment: new.environment.as_ref().map(ToString::to_string),
        input_schema: new.input_schema.as_ref().map(ToString::to_string),
        artifact_sha256: artifact.map(|file| file.sha256.clone()),
        artifact_size: artifact.map(|file| file.size),
        artifact_name: artifact.map(|file| file.name.clone()),
        artifact_format: artifact.map(|file| file.format.clone()),
        threshold: new.threshold,
        job_id: new.job.map(Into::into),
        parent_row: place.parent_row,
        created_by: new.created_by.0,
        created_at: now,
        updated_at: now,
        deleted_at: None,
    }
}
