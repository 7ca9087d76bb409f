//! A dataset version as CSV, made while it is sent.

use std::io::{self, Write};

use futures_util::{Stream, stream};
use nunatak_authz::Actor;
use nunatak_domain::DatasetVersionId;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

use super::convert::{open_table, stored};
use crate::{Store, StoreError, files::BlobRecord};

/// Pieces that are ready before they are sent: bounds the memory of a download.
const AHEAD: usize = 4;

impl Store {
    /// The rows of a version's Parquet file as CSV with a header line.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the file is not what this program writes; later failures are items of the stream.
    pub async fn dataset_csv(
        &self,
        blob: &BlobRecord,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static, StoreError> {
        let (store, blob) = (self.clone(), blob.clone());
        let opened = tokio::task::spawn_blocking(move || open_table(&store.0.files, &blob));
        let table = opened.await.map_err(|error| StoreError::Files(io::Error::other(error)))??;
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            let mut pieces = Pieces(&sender);
            if let Err(error) = nunatak_tables::write_csv(&table, 0..u64::MAX, &mut pieces) {
                // Nobody to tell when the receiver is gone.
                let _ = sender.blocking_send(Err(io::Error::other(stored(error))));
            }
        });
        Ok(stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|text| (text, receiver)) }))
    }

    /// The file of a dataset version as it was uploaded.
    ///
    /// # Errors
    /// `NotFound` for other eyes.
    pub async fn dataset_source(&self, actor: &Actor, id: DatasetVersionId) -> Result<BlobRecord, StoreError> {
        match self.dataset_version(actor, id).await?.source {
            // The name is what somebody typed; it is checked where the upload is announced.
            Some(source) => Ok(source.file),
            None => self.dataset_file(actor, id).await,
        }
    }
}

struct Pieces<'a>(&'a mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.blocking_send(Ok(Bytes::copy_from_slice(text))).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
