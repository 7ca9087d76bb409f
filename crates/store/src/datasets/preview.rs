use std::fs::File;

use nunatak_domain::Problem;

use super::{DatasetVersionRecord, table::Table};
use crate::{
    Store, StoreError,
    files::{BlobRecord, open_blob_blocking},
};

/// Enough to see what a table is like.
pub const MAX_PREVIEW_ROWS: usize = 100;

impl Store {
    /// The first rows as text, in the order of the columns; `None` for an empty cell. Reads only the head of
    /// the file. That the actor may read `version` is shown by its having the record.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` for a number of rows outside 1 to 100, file system.
    pub async fn dataset_preview(
        &self,
        version: &DatasetVersionRecord,
        rows: i32,
    ) -> Result<Vec<Vec<Option<String>>>, StoreError> {
        let in_limits = usize::try_from(rows).ok().filter(|rows| (1..=MAX_PREVIEW_ROWS).contains(rows));
        let rows = in_limits.ok_or_else(|| {
            let message = format!("`first` is {rows}; a preview has 1 to {MAX_PREVIEW_ROWS} rows");
            Problem::new("LIMIT_EXCEEDED", message).at("first")
        })?;
        let file_name = format!("{}.csv", version.id);
        let blob = BlobRecord { sha256: version.sha256.clone(), size: version.size, file_name };
        let path = self.0.files.blob_path(&blob.sha256);
        let work = move || first_rows(open_blob_blocking(&path, &blob)?, &blob.file_name, rows);
        tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Files(std::io::Error::other(error)))?
    }
}

fn first_rows(file: File, file_name: &str, rows: usize) -> Result<Vec<Vec<Option<String>>>, StoreError> {
    let mut table = Table::open(file_name, file)?;
    let mut preview = Vec::with_capacity(rows);
    while preview.len() < rows {
        let Some(record) = table.next_row()? else { break };
        let cell = |cell: &str| Some(cell.trim()).filter(|cell| !cell.is_empty()).map(str::to_owned);
        preview.push(record.iter().map(cell).collect());
    }
    Ok(preview)
}
