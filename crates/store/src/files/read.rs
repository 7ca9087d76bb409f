//! Blobs on their way out: one thread reads ahead while the caller sends.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

use super::{
    BlobRecord,
    disk::{blocking, open_blob_blocking},
};
use crate::{Store, StoreError};

/// Measured on loopback: smaller pieces cost hand-overs between threads, larger ones fall out of the cache.
const CHUNK: usize = 256 * 1024;
/// Pieces read ahead of the network: bounds the memory of a download.
const AHEAD: usize = 4;

impl Store {
    /// Opens a whole blob.
    ///
    /// # Errors
    /// When it is missing or not as long as its row says.
    pub async fn open_blob(&self, blob: &BlobRecord) -> Result<(tokio::fs::File, u64), StoreError> {
        let (path, checked) = (self.0.files.blob_path(&blob.sha256), blob.clone());
        let file = blocking(move || open_blob_blocking(&path, &checked)).await?;
        Ok((tokio::fs::File::from_std(file), blob.size.unsigned_abs()))
    }

    /// The bytes `range` of a blob in pieces of up to 256 KiB. Memory stays flat however slow the reader is.
    ///
    /// # Errors
    /// When it is missing or not as long as its row says; later failures are items of the stream.
    pub async fn read_blob(
        &self,
        blob: &BlobRecord,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static, StoreError> {
        let (path, checked) = (self.0.files.blob_path(&blob.sha256), blob.clone());
        let length = range.end.saturating_sub(range.start);
        let opened = blocking(move || {
            let mut file = open_blob_blocking(&path, &checked)?;
            file.seek(SeekFrom::Start(range.start))?;
            // What fits in one piece needs no thread of its own.
            let small = (length <= CHUNK as u64).then(|| read_small(&mut file, length)).transpose()?;
            Ok((file, small))
        });
        Ok(match opened.await? {
            (_, Some(small)) => stream::iter([Ok(small)]).left_stream(),
            (file, None) => read_ahead(file, length).right_stream(),
        })
    }
}

fn read_small(file: &mut File, length: u64) -> io::Result<Bytes> {
    let mut buffer = vec![0; usize::try_from(length).unwrap_or(CHUNK)];
    file.read_exact(&mut buffer)?;
    Ok(buffer.into())
}

fn read_ahead(file: File, length: u64) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = read_pieces(file, length, &sender) {
            // Nobody to tell when the receiver is gone.
            let _ = sender.blocking_send(Err(error));
        }
    });
    stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|piece| (piece, receiver)) })
}

fn read_pieces(mut file: File, length: u64, sender: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let (pool, spent) = Pool::new();
    let mut left = length;
    while left > 0 {
        let mut buffer = spent.try_recv().unwrap_or_else(|_| vec![0; CHUNK]);
        let want = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
        let piece = &mut buffer[..want];
        file.read_exact(piece)?;
        left -= want as u64;
        let piece = Bytes::from_owner(Pooled { buffer, length: want, pool: pool.clone() });
        if sender.blocking_send(Ok(piece)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Where buffers go back to once they have been sent, so that a long download touches the same memory again.
#[derive(Clone)]
struct Pool(SyncSender<Vec<u8>>);

impl Pool {
    fn new() -> (Self, Receiver<Vec<u8>>) {
        let (sender, receiver) = sync_channel(2 * AHEAD);
        (Self(sender), receiver)
    }
}

struct Pooled {
    buffer: Vec<u8>,
    length: usize,
    pool: Pool,
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        // A full or closed pool means that the buffer is needed no more.
        let _ = self.pool.0.try_send(std::mem::take(&mut self.buffer));
    }
}
