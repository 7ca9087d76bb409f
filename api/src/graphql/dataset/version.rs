use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use nunatak_store::datasets::DatasetVersionRecord;

use super::{
    super::{
        context::ContextExt,
        error::ApiError,
        scalars::{Int64, Sha256},
        viewer::User,
    },
    Column, Dataset,
};

/// One immutable table of a dataset.
#[derive(Debug, Clone)]
pub struct DatasetVersion(pub DatasetVersionRecord);

impl From<DatasetVersionRecord> for DatasetVersion {
    fn from(record: DatasetVersionRecord) -> Self {
        Self(record)
    }
}

/// A file as it was uploaded, before it became a dataset version.
#[derive(SimpleObject, Debug, Clone)]
pub struct DatasetSource {
    /// What it is: `CSV`, `PARQUET`, `XLSX`, `JSON`, `JSON_LINES` or `JSON_COLUMNS`.
    format: String,
    /// Its name where it came from.
    file_name: String,
    /// Its checksum.
    sha256: Sha256,
    /// Its bytes.
    size: Int64,
    /// Where to `GET` it, relative to the server, with the same Authorization header. Takes `Range`.
    url: String,
}

/// Cells that weigh as much as one field: text is cheap, but a hundred previews at once are not.
const CELLS_PER_UNIT: usize = 10;

fn preview_cost(first: i32) -> usize {
    1 + usize::try_from(first).unwrap_or_default() / CELLS_PER_UNIT
}

/// One immutable table of a dataset.
#[Object]
impl DatasetVersion {
    /// `dsv_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The dataset that it is a version of.
    async fn dataset(&self, ctx: &Context<'_>) -> Result<Option<Dataset>, ApiError> {
        Ok(ctx.load(self.0.dataset).await?.map(Dataset::from))
    }

    /// Counts from 1 in its dataset.
    async fn number(&self) -> i64 {
        self.0.number
    }

    /// The checksum of the file.
    async fn sha256(&self) -> Sha256 {
        Sha256(self.0.sha256.clone())
    }

    /// Bytes of the file.
    async fn size(&self) -> Int64 {
        Int64(self.0.size)
    }

    /// What the file is: `PARQUET`; `CSV` for versions that were made before there was Parquet.
    async fn format(&self) -> &str {
        &self.0.format
    }

    /// Where to `GET` the file, relative to the server, with the same Authorization header. Takes `Range`;
    /// its ETag is `sha256`. With `?format=csv` it comes as CSV, made while it is sent.
    async fn url(&self) -> String {
        format!("/datasets/{}/data", self.0.id)
    }

    /// The file as it was uploaded; null where that is the version's own file.
    async fn source(&self) -> Option<DatasetSource> {
        let source = self.0.source.as_ref()?;
        Some(DatasetSource {
            format: source.format.clone(),
            file_name: source.file.file_name.clone(),
            sha256: Sha256(source.file.sha256.clone()),
            size: Int64(source.file.size),
            url: format!("/datasets/{}/source", self.0.id),
        })
    }

    /// Rows after the header.
    async fn row_count(&self) -> Int64 {
        Int64(self.0.row_count)
    }

    /// The columns, in the file's order.
    async fn columns(&self) -> Vec<Column> {
        self.0.columns.iter().cloned().map(Column::from).collect()
    }

    /// The column that orders the rows in time, if there is one.
    async fn time_column(&self) -> Option<&str> {
        self.0.time_column.as_deref()
    }

    /// The column that says which rows are anomalies, if there is one.
    async fn label_column(&self) -> Option<&str> {
        self.0.label_column.as_deref()
    }

    /// Rows labelled as anomalies; null without a label column.
    async fn anomaly_count(&self) -> Option<Int64> {
        self.0.anomaly_count.map(Int64)
    }

    /// When it was added.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// Who added it.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.created_by).await?.map(User::from))
    }

    /// The first rows as text, each in the order of `columns`; null for an empty cell.
    #[graphql(complexity = "preview_cost(first)")]
    async fn preview(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many rows, 1 to 100.", default = 20)] first: i32,
    ) -> Result<Vec<Vec<Option<String>>>, ApiError> {
        Ok(ctx.store().dataset_preview(&self.0, first).await?)
    }
}
