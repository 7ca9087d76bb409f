//! Datasets: tables with immutable, numbered versions, each a CSV file and what was found in it.
//!
//! A file is profiled (`profile`, `summary`, `table`) before anything is written (`write`), so that a version
//! that exists can be trained on. To take another format, give `table` another reader of rows.

mod classes;
mod column;
mod preview;
mod profile;
mod read;
mod summary;
mod table;
mod timestamp;
mod write;

pub use column::{Column, ColumnRole, ColumnType};
use nunatak_domain::{DatasetId, DatasetVersionId, ProjectId, Timestamp, UserId};
pub use preview::MAX_PREVIEW_ROWS;
pub use profile::{Profile, Wishes};
pub use write::NewDataset;

use crate::{
    StoreError,
    entities::{dataset_versions, datasets},
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
    /// `CSV`.
    pub format: String,
    pub row_count: i64,
    /// In the file's order.
    pub columns: Vec<Column>,
    pub time_column: Option<String>,
    pub label_column: Option<String>,
    /// Rows labelled 1; `None` without labels.
    pub anomaly_count: Option<i64>,
    pub created_by: UserId,
    pub created_at: Timestamp,
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
            created_by: row.created_by.into(),
            created_at: Timestamp::from_micros(row.created_at),
        })
    }
}
