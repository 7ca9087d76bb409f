use std::sync::Arc;

use nunatak_domain::{
    DatasetVersionId, JobId, ModelId, ProjectId, Timestamp, UserId, VersionId, VersionStatus, Visibility,
};
use sea_orm::{FromQueryResult, QueryResult, entity::prelude::Uuid};

use super::{Artifact, Git, Maps};
use crate::{StoreError, entities::versions};

/// One version, without what has rows of its own and without the large documents (environment, input schema).
#[derive(Debug, Clone, PartialEq)]
pub struct VersionRecord {
    /// What the children's loaders are asked by; never shown.
    pub row: i64,
    pub id: VersionId,
    pub project: ProjectId,
    pub project_row: i64,
    pub model: ModelId,
    /// 1, 2, 3… within the model.
    pub number: i64,
    pub status: VersionStatus,
    pub visibility: Visibility,
    pub description: String,
    /// Name and version of the detector.
    pub detector: Option<(String, String)>,
    pub dataset_version: Option<DatasetVersionId>,
    /// Of a dataset that is kept elsewhere.
    pub dataset_name: Option<String>,
    pub dataset_description: Option<String>,
    pub git: Option<Git>,
    pub artifact: Option<Artifact>,
    /// The score above which a row counts as an anomaly.
    pub threshold: Option<f64>,
    pub job: Option<JobId>,
    pub parent_row: Option<i64>,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Only where they were asked for along with it.
    pub maps: Option<Arc<Maps>>,
}

/// What a record is read from, of the table `versions`: all but the large documents.
pub(crate) const COLUMNS: &str = "versions.row_id, versions.id, versions.project_row, \
    (SELECT p.id FROM projects p WHERE p.row_id = versions.project_row) AS project_id, versions.model_id, \
    versions.number, versions.status, versions.visibility, versions.description, versions.detector_name, \
    versions.detector_version, versions.dataset_version_id, versions.dataset_name, versions.dataset_description, \
    versions.git_branch, versions.git_commit, versions.git_dirty, versions.git_remotes, \
    CAST(NULL AS TEXT) AS environment, CAST(NULL AS TEXT) AS input_schema, versions.artifact_sha256, \
    versions.artifact_size, versions.artifact_name, versions.artifact_format, versions.threshold, versions.job_id, \
    versions.parent_row, versions.created_by, versions.created_at, versions.updated_at, versions.deleted_at";

impl VersionRecord {
    /// The record in a row that was selected with [`COLUMNS`].
    pub(crate) fn read(row: &QueryResult) -> Result<Self, StoreError> {
        let project: Uuid = row.try_get("", "project_id")?;
        Self::of(versions::Model::from_query_result(row, "")?, project.into())
    }

    /// The same, with the maps that were selected beside it.
    pub(super) fn read_with_maps(row: &QueryResult) -> Result<Self, StoreError> {
        Ok(Self { maps: Some(Arc::new(Maps::read(row)?)), ..Self::read(row)? })
    }

    pub(super) fn of(row: versions::Model, project: ProjectId) -> Result<Self, StoreError> {
        let unknown = |what: &str, number: i16| StoreError::Corrupt(format!("version with {what} {number}"));
        // Remotes are kept even when there are none: they mark that git was noted at all.
        let git = row.git_remotes.map(|remotes| Git {
            branch: row.git_branch,
            commit: row.git_commit,
            dirty: row.git_dirty,
            remotes: serde_json::from_str(&remotes).unwrap_or_default(),
        });
        let artifact = row.artifact_sha256.zip(row.artifact_size).map(|(sha256, size)| Artifact {
            sha256,
            size,
            name: row.artifact_name.unwrap_or_default(),
            format: row.artifact_format.unwrap_or_default(),
        });
        Ok(Self {
            row: row.row_id,
            id: row.id.into(),
            project,
            project_row: row.project_row,
            model: row.model_id.into(),
            number: row.number,
            status: VersionStatus::from_number(row.status).ok_or_else(|| unknown("status", row.status))?,
            visibility: Visibility::from_number(row.visibility).ok_or_else(|| unknown("visibility", row.visibility))?,
            description: row.description,
            detector: row.detector_name.map(|name| (name, row.detector_version.unwrap_or_default())),
            dataset_version: row.dataset_version_id.map(Into::into),
            dataset_name: row.dataset_name,
            dataset_description: row.dataset_description,
            git,
            artifact,
            threshold: row.threshold,
            job: row.job_id.map(Into::into),
            parent_row: row.parent_row,
            created_by: row.created_by.into(),
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
            maps: None,
        })
    }
}
