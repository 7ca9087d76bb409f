use nunatak_domain::Problem;

use nunatak_tables::CsvPreview;

use super::{
    DatasetVersionRecord,
    convert::{open_table, stored},
};
use crate::{
    Store, StoreError,
    files::{BlobRecord, FileStore, open_blob_blocking},
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
        let blob = BlobRecord { sha256: version.sha256.clone(), size: version.size, file_name: String::new() };
        let (store, is_csv) = (self.clone(), version.format == "CSV");
        let work = move || match is_csv {
            true => first_rows_of_csv(&store.0.files, &blob, rows),
            false => first_rows(&store.0.files, &blob, rows),
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Files(std::io::Error::other(error)))?
    }
}

fn first_rows_of_csv(
    files: &FileStore,
    blob: &BlobRecord,
    rows: usize,
) -> Result<Vec<Vec<Option<String>>>, StoreError> {
    let file = open_blob_blocking(&files.blob_path(&blob.sha256), blob)?;
    CsvPreview::open(file).and_then(|preview| preview.rows(rows)).map_err(stored)
}

fn first_rows(files: &FileStore, blob: &BlobRecord, rows: usize) -> Result<Vec<Vec<Option<String>>>, StoreError> {
    open_table(files, blob)?.text(0..rows as u64).map_err(stored)
}
