//! From an upload to a blob of Parquet: off the async threads, streamed from file to file.

use std::{fs::File, io};

use nunatak_tables::{Converted, Request, TableError, convert};

use super::{Profile, SourceFile, Wishes};
use crate::{
    Store, StoreError,
    files::{BlobRecord, FileStore, Made, Making, open_blob_blocking},
};

/// A table that is on the disk and not yet noted anywhere.
#[derive(Debug)]
pub(super) struct NewTable {
    pub(super) made: Made,
    pub(super) source: SourceFile,
    pub(super) profile: Profile,
}

impl Store {
    /// Reads the upload as `wishes` say and keeps it as Parquet. On a thread of its own.
    pub(super) async fn convert_upload(
        &self,
        upload: BlobRecord,
        wishes: Wishes,
        usual: Wishes,
    ) -> Result<NewTable, StoreError> {
        let store = self.clone();
        let work = move || converted(&store.0.files, upload, &wishes, &usual);
        tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Files(io::Error::other(error)))?
    }
}

fn converted(files: &FileStore, upload: BlobRecord, wishes: &Wishes, usual: &Wishes) -> Result<NewTable, StoreError> {
    let path = files.blob_path(&upload.sha256);
    // Checks that it is whole.
    open_blob_blocking(&path, &upload)?;
    let scratch = files.scratch();
    let request = Request { path: &path, file_name: &upload.file_name, wishes, usual, scratch: &scratch };
    let Converted { kind, profile, output } = convert(&request, || Making::begin(files))?;
    Ok(NewTable {
        made: output.finish()?,
        source: SourceFile { format: kind.name().to_owned(), file: upload },
        profile,
    })
}

impl From<TableError> for StoreError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Invalid(problems) => Self::Invalid(problems),
            TableError::Io(error) => Self::Files(error),
        }
    }
}

/// The Parquet file of a version, checked to be as long as its row says.
pub(super) fn open_table(files: &FileStore, blob: &BlobRecord) -> Result<nunatak_tables::ParquetTable, StoreError> {
    let file: File = open_blob_blocking(&files.blob_path(&blob.sha256), blob)?;
    nunatak_tables::ParquetTable::open(file).map_err(stored)
}

/// What is wrong with a file that we wrote ourselves is no problem of whoever asks for it.
pub(super) fn stored(error: TableError) -> StoreError {
    match error {
        TableError::Invalid(problems) => {
            let what: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
            StoreError::Corrupt(what.join("; "))
        }
        TableError::Io(error) => StoreError::Files(error),
    }
}
