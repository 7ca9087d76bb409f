//! Datasets: tables with immutable, numbered versions, each a Parquet file and what was found in it.
//!
//! A file is read whole and made Parquet (`convert`, by the crate `nunatak-tables`) before anything is noted (`write`), so
//! that a version that exists can be trained on. Versions that were made before are CSV files as they came.

mod convert;
mod export;
mod preview;
mod read;
mod write;

use nunatak_domain::{DatasetId, DatasetVersionId, ProjectId, Timestamp, UserId};
pub use nunatak_tables::{
    Column, ColumnRole, ColumnType, FileKind, FormatOptions, LongColumns, Profile, TimeFormat, Wishes,
};
pub use preview::MAX_PREVIEW_ROWS;
pub use write::NewDataset;

use crate::{
    StoreError,
    entities::{dataset_versions, datasets},
    files::BlobRecord,
};

/// A named series of tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetRecord {
    pub id: DatasetId,
    pub project: ProjectId,
    pub name: String,
    pub description: String,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// One immutable table.
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetVersionRecord {
    pub id: DatasetVersionId,
    pub dataset: DatasetId,
    /// Counts from 1.
    pub number: i64,
    pub sha256: String,
    /// Bytes.
    pub size: i64,
    /// `PARQUET`; `CSV` for versions that were made before there were others.
    pub format: String,
    pub row_count: i64,
    /// In the file's order.
    pub columns: Vec<Column>,
    pub time_column: Option<String>,
    pub label_column: Option<String>,
    /// Rows labelled 1; `None` without labels.
    pub anomaly_count: Option<i64>,
    /// The file as it was uploaded; none where that is the version's own.
    pub source: Option<SourceFile>,
    pub created_by: UserId,
    pub created_at: Timestamp,
}

/// A file as it was uploaded, before it became Parquet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// A [`FileKind`]'s name.
    pub format: String,
    pub file: BlobRecord,
}

impl From<datasets::Model> for DatasetRecord {
    fn from(row: datasets::Model) -> Self {
        Self {
            id: row.id.into(),
            project: row.project_id.into(),
            name: row.name,
            description: row.description,
            created_by: row.created_by.into(),
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        }
    }
}

impl TryFrom<dataset_versions::Model> for DatasetVersionRecord {
    type Error = StoreError;

    fn try_from(row: dataset_versions::Model) -> Result<Self, StoreError> {
        let columns = serde_json::from_str(&row.columns)
            .map_err(|error| StoreError::Corrupt(format!("columns of the dataset version {}: {error}", row.id)))?;
        Ok(Self {
            id: row.id.into(),
            dataset: row.dataset_id.into(),
            number: row.number,
            sha256: row.sha256,
            size: row.size,
            format: row.format,
            row_count: row.row_count,
            columns,
            time_column: row.time_column,
            label_column: row.label_column,
            anomaly_count: row.anomaly_count,
            source: source(row.source_format, row.source_name, row.source_sha256, row.source_size),
            created_by: row.created_by.into(),
            created_at: Timestamp::from_micros(row.created_at),
        })
    }
}

fn source(
    format: Option<String>,
    file_name: Option<String>,
    sha256: Option<String>,
    size: Option<i64>,
) -> Option<SourceFile> {
    let file = BlobRecord { sha256: sha256?, size: size?, file_name: file_name? };
    Some(SourceFile { format: format?, file })
}
