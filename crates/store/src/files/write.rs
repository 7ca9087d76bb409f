//! Bytes on their way in: received by the caller, written by one thread, hashed by another.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use nunatak_authz::{Action, Actor};
use nunatak_domain::{UploadId, UploadStatus};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use tokio_util::bytes::Bytes;

use super::{disk::PartLock, uploads};
use crate::{Store, StoreError};

/// Which part of an upload a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartRange {
    /// All of it: what came before is dropped.
    Whole,
    /// `length` bytes that go on where the ones received so far end, at `start`.
    Resume { start: u64, length: u64 },
}

/// Why a body was not taken, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum UploadWriteError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the part does not begin where the {received} bytes received so far end")]
    OffsetMismatch { received: u64 },
    #[error("the body is longer than the {size} bytes that were declared")]
    TooLarge { size: u64 },
    #[error("another request writes this upload")]
    Busy,
    /// The rest may be sent later.
    #[error("the body ended early; {received} bytes have been received")]
    Interrupted { received: u64 },
}

/// A client that is silent for longer would hold the upload's lock for nothing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Batches under way to the disk and to the hash: bounds the memory of an upload to a few MB.
const QUEUE: usize = 4;
/// Pieces that have arrived already are handed over together.
const BATCH: usize = 4;

impl Store {
    /// Takes a body of an upload of the actor's own and returns how many bytes are here now, which may be
    /// fewer than announced. What arrived before a failure stays and can be resumed from.
    ///
    /// # Errors
    /// [`UploadWriteError`]; `NotFound` for another's upload, `UPLOAD_CLOSED` for one that has ended.
    pub async fn write_upload(
        &self,
        actor: &Actor,
        id: UploadId,
        range: PartRange,
        body: impl Stream<Item = io::Result<Bytes>> + Send,
    ) -> Result<u64, UploadWriteError> {
        let row = self.own_upload(self.0.db.read(), actor, id).await?;
        self.project_permit(actor, Action::CreateUpload, row.project_id.into()).await?;
        let lock = self.0.files.try_lock(id).ok_or(UploadWriteError::Busy)?;
        // Read again: it may have ended while the lock was somebody else's.
        let row = self.own_upload(self.0.db.read(), actor, id).await?;
        if row.status != UploadStatus::Pending.number() || row.expires_at <= self.now().micros() {
            self.0.files.forget(id);
            return Err(uploads::closed().into());
        }
        let received = self.0.files.received(id).await.map_err(StoreError::from)?;
        let size = row.size.unsigned_abs();
        let (start, limit) = match range {
            PartRange::Whole => (0, size),
            PartRange::Resume { start, .. } if start != received => {
                return Err(UploadWriteError::OffsetMismatch { received });
            }
            PartRange::Resume { start, length } => (start, start.saturating_add(length)),
        };
        if limit > size {
            return Err(UploadWriteError::TooLarge { size });
        }
        Pipeline::start(self.0.files.part_path(id), lock, start).fill(body, start, limit).await
    }
}

/// Two threads behind two short queues. When the receiving side goes away, both drain what they have, the
/// hash so far is kept for whoever resumes, and only then is the lock released.
struct Pipeline {
    to_disk: mpsc::Sender<Vec<Bytes>>,
    to_hash: mpsc::Sender<Vec<Bytes>>,
    /// Where the file ends afterwards.
    written: oneshot::Receiver<io::Result<u64>>,
}

impl Pipeline {
    fn start(path: PathBuf, mut lock: PartLock, start: u64) -> Self {
        let (to_disk, disk_queue) = mpsc::channel(QUEUE);
        let (to_hash, hash_queue) = mpsc::channel(QUEUE);
        let (result, written) = oneshot::channel();
        let hasher = match lock.running.take() {
            _ if start == 0 => Some(Sha256::new()),
            Some((hasher, length)) if length == start => Some(hasher),
            // Another process received the beginning: completing reads the file again.
            _ => None,
        };
        let running = hasher.map(|hasher| (hasher, start));
        let (hashed, hash) = oneshot::channel();
        tokio::task::spawn_blocking(move || drop(hashed.send(run_hash(running, hash_queue))));
        tokio::task::spawn_blocking(move || {
            let end = write_file(&path, start, disk_queue);
            // A receiver that was dropped between the two queues leaves them apart.
            let hash = hash.blocking_recv().ok().flatten();
            lock.running = hash.filter(|(_, hashed)| end.as_ref().is_ok_and(|end| end == hashed));
            drop(lock);
            drop(result.send(end));
        });
        Self { to_disk, to_hash, written }
    }

    /// Feeds the body to both threads, then waits until the disk has it.
    async fn fill(
        self,
        body: impl Stream<Item = io::Result<Bytes>> + Send,
        start: u64,
        limit: u64,
    ) -> Result<u64, UploadWriteError> {
        let Self { to_disk, to_hash, written } = self;
        let mut body = std::pin::pin!(body.ready_chunks(BATCH));
        let (mut end, mut outcome) = (start, Ok(()));
        while outcome.is_ok() {
            let pieces = match tokio::time::timeout(IDLE_TIMEOUT, body.next()).await {
                Ok(Some(pieces)) => pieces,
                Ok(None) => break,
                Err(_) => vec![Err(io::ErrorKind::TimedOut.into())],
            };
            let mut batch = Vec::with_capacity(pieces.len());
            for piece in pieces {
                match piece {
                    Ok(piece) if end + piece.len() as u64 > limit => {
                        outcome = Err(UploadWriteError::TooLarge { size: limit });
                        break;
                    }
                    Ok(piece) => {
                        end += piece.len() as u64;
                        batch.push(piece);
                    }
                    Err(_) => {
                        outcome = Err(UploadWriteError::Interrupted { received: end });
                        break;
                    }
                }
            }
            // A queue closes when its thread met an error, which `written` tells.
            if to_hash.send(batch.clone()).await.is_err() || to_disk.send(batch).await.is_err() {
                break;
            }
        }
        drop((to_disk, to_hash));
        let received = written.await.unwrap_or_else(|lost| Err(io::Error::other(lost))).map_err(StoreError::from)?;
        outcome.map(|()| received)
    }
}

fn run_hash(running: Option<(Sha256, u64)>, mut queue: mpsc::Receiver<Vec<Bytes>>) -> Option<(Sha256, u64)> {
    let mut running = running;
    while let Some(batch) = queue.blocking_recv() {
        if let Some((hasher, length)) = &mut running {
            for piece in batch {
                hasher.update(&piece);
                *length += piece.len() as u64;
            }
        }
    }
    running
}

fn write_file(path: &Path, start: u64, mut queue: mpsc::Receiver<Vec<Bytes>>) -> io::Result<u64> {
    let mut file: File = OpenOptions::new().append(true).create(true).open(path)?;
    file.set_len(start)?;
    let mut end = start;
    while let Some(batch) = queue.blocking_recv() {
        for piece in batch {
            // A disk that does not hold it all is not left with half of it: others need the room.
            file.write_all(&piece).inspect_err(|_| drop(file.set_len(start)))?;
            end += piece.len() as u64;
        }
    }
    Ok(end)
}
