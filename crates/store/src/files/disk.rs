//! The directory of files: `blobs/ab/cd/<sha256>` whole and final, `uploads/<upload id>` on their way in.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use nunatak_domain::UploadId;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::{BlobRecord, collect::FileMeter};

/// What a partial file's first bytes hash to so far, kept while they arrive in this process.
#[derive(Debug, Default)]
pub(super) struct PartHash {
    pub(super) running: Option<(Sha256, u64)>,
}

/// Held by whoever writes or completes an upload: there is one at a time.
pub(super) type PartLock = OwnedMutexGuard<PartHash>;

/// Local files. Cheap to share behind the store's handle.
#[derive(Debug)]
pub(crate) struct FileStore {
    root: PathBuf,
    pub(super) max_upload_bytes: i64,
    pub(super) meter: FileMeter,
    parts: Mutex<HashMap<UploadId, Arc<AsyncMutex<PartHash>>>>,
}

/// Files that this program itself makes, until they are whole.
const SCRATCH: &str = "scratch";

/// Large enough that system calls and hand-overs vanish, small enough to stay in a core's second-level cache.
const HASH_CHUNK: usize = 256 * 1024;

impl FileStore {
    pub(crate) async fn open(root: &Path, max_upload_bytes: i64) -> io::Result<Self> {
        for directory in ["blobs", "uploads", SCRATCH] {
            tokio::fs::create_dir_all(root.join(directory)).await?;
        }
        Ok(Self { root: root.to_owned(), max_upload_bytes, meter: FileMeter::default(), parts: Mutex::default() })
    }

    pub(crate) fn blob_path(&self, sha256: &str) -> PathBuf {
        let shard = |range| sha256.get(range).unwrap_or("_");
        self.root.join("blobs").join(shard(0..2)).join(shard(2..4)).join(sha256)
    }

    pub(super) fn part_path(&self, upload: UploadId) -> PathBuf {
        self.uploads_directory().join(upload.to_string())
    }

    /// Bytes of the upload that are here.
    pub(super) async fn received(&self, upload: UploadId) -> io::Result<u64> {
        match tokio::fs::metadata(self.part_path(upload)).await {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// `None` while somebody else writes or completes the upload.
    pub(super) fn try_lock(&self, upload: UploadId) -> Option<PartLock> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(parts.entry(upload).or_default()).try_lock_owned().ok()
    }

    /// Forgets what is remembered of an upload that has ended. Call while its lock is held.
    pub(super) fn forget(&self, upload: UploadId) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).remove(&upload);
    }

    pub(super) async fn discard(&self, upload: UploadId) -> io::Result<()> {
        match tokio::fs::remove_file(self.part_path(upload)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn blobs_directory(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// The directory of what this program is making.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.root.join(SCRATCH)
    }

    pub(super) fn uploads_directory(&self) -> PathBuf {
        self.root.join("uploads")
    }

    /// Gives the whole partial file its name as a blob, in a way that survives a power cut: the file first, then its
    /// name. The partial file stays, too, until it is discarded: should the server end before the blob is noted, the
    /// upload can be completed again.
    pub(super) async fn publish(&self, upload: UploadId, sha256: &str) -> io::Result<()> {
        let (part, blob) = (self.part_path(upload), self.blob_path(sha256));
        let (top, between) = (self.blobs_directory(), self.uploads_directory().join(format!(".{upload}")));
        blocking(move || {
            File::open(&part)?.sync_all()?;
            let shard = blob.parent().unwrap_or(&top);
            fs::create_dir_all(shard)?;
            name_also(&part, &blob, &between)?;
            shard.ancestors().take_while(|directory| directory.starts_with(&top)).try_for_each(sync_directory)
        })
        .await
    }

    pub(super) async fn has_blob(&self, sha256: &str) -> io::Result<bool> {
        tokio::fs::try_exists(self.blob_path(sha256)).await
    }
}

/// Gives `part` the name `blob`, whatever was there. A link cannot replace a file, a renamed one can: hence `between`.
fn name_also(part: &Path, blob: &Path, between: &Path) -> io::Result<()> {
    match fs::hard_link(part, between) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return without_links(part, blob, error),
        _ => fs::rename(between, blob)?,
    }
    // Renaming does nothing where both are names of one file already.
    match fs::remove_file(between) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// On a file system without hard links the partial file itself becomes the blob.
fn without_links(part: &Path, blob: &Path, error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Err(error) } else { fs::rename(part, blob) }
}

/// A blob, open for reading, checked to be as long as its row says. Blocks.
pub(crate) fn open_blob_blocking(path: &Path, blob: &BlobRecord) -> io::Result<File> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if i64::try_from(length).ok() == Some(blob.size) {
        return Ok(file);
    }
    let message = format!("the blob {} has {length} bytes, its row says {}", blob.sha256, blob.size);
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
}

/// Runs file work off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// The SHA-256 of a whole file. Blocks.
pub(super) fn hash_file(path: &Path) -> io::Result<Sha256> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; HASH_CHUNK];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(unix)]
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere directories cannot be opened as files; a rename is durable by itself there.
#[cfg(not(unix))]
pub(super) fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
