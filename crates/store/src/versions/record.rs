use std::sync::Arc;

use nunatak_domain::{
    DatasetVersionId, JobId, ModelId, ProjectId, Timestamp, UserId, VersionId, VersionStatus, Visibility,
};
use sea_orm::{QueryResult, entity::prelude::Uuid};

use super::{Artifact, Git, Maps};
use crate::{StoreError, cells::Cells, entities::versions};

macro_rules! columns {
    ($project_id:literal) => {
        concat!(
            $project_id,
            " AS project_id, versions.row_id, versions.id, versions.project_row, versions.model_id, \
             versions.number, versions.status, versions.visibility, versions.description, versions.detector_name, \
             versions.detector_version, versions.dataset_version_id, versions.dataset_name, \
             versions.dataset_description, versions.git_branch, versions.git_commit, versions.git_dirty, \
             versions.git_remotes, versions.artifact_sha256, versions.artifact_size, versions.artifact_name, \
             versions.artifact_format, versions.threshold, versions.job_id, versions.parent_row, \
             versions.created_by, versions.created_at, versions.updated_at"
        )
    };
}

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

/// What a record is read from, of the table `versions`: all but the large documents, in the order in which
/// [`VersionRecord::read`] takes them. They are the first columns of their statement.
pub(crate) const COLUMNS: &str = columns!("(SELECT p.id FROM projects p WHERE p.row_id = versions.project_row)");

/// The same beside the version's model, `m`, which knows the project's id.
pub(super) const COLUMNS_BESIDE_MODEL: &str = columns!("m.project_id");

impl VersionRecord {
    /// The record in a row that was selected with [`COLUMNS`].
    pub(crate) fn read(row: &QueryResult) -> Result<Self, StoreError> {
        Self::take(&mut Cells::of(row))
    }

    /// The same, with the maps that were selected next.
    pub(super) fn read_with_maps(row: &QueryResult) -> Result<Self, StoreError> {
        let mut cells = Cells::of(row);
        let record = Self::take(&mut cells)?;
        Ok(Self { maps: Some(Arc::new(Maps::take(record.row, &mut cells)?)), ..record })
    }

    pub(super) fn take(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        let project: Uuid = cells.take()?;
        let model = versions::Model {
            row_id: cells.take()?,
            id: cells.take()?,
            project_row: cells.take()?,
            model_id: cells.take()?,
            number: cells.take()?,
            status: cells.take()?,
            visibility: cells.take()?,
            description: cells.take()?,
            detector_name: cells.take()?,
            detector_version: cells.take()?,
            dataset_version_id: cells.take()?,
            dataset_name: cells.take()?,
            dataset_description: cells.take()?,
            git_branch: cells.take()?,
            git_commit: cells.take()?,
            git_dirty: cells.take()?,
            git_remotes: cells.take()?,
            environment: None,
            input_schema: None,
            artifact_sha256: cells.take()?,
            artifact_size: cells.take()?,
            artifact_name: cells.take()?,
            artifact_format: cells.take()?,
            threshold: cells.take()?,
            job_id: cells.take()?,
            parent_row: cells.take()?,
            created_by: cells.take()?,
            created_at: cells.take()?,
            updated_at: cells.take()?,
            deleted_at: None,
        };
        Self::of(model, project.into())
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
