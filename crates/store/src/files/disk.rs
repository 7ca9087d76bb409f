//! The directory of files: `blobs/ab/cd/<sha256>` whole and final, `uploads/<upload id>` on their way in.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use nunatak_domain::UploadId;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::BlobRecord;

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
    parts: Mutex<HashMap<UploadId, Arc<AsyncMutex<PartHash>>>>,
}

/// Files that this program itself makes, until they are whole.
const SCRATCH: &str = "scratch";
/// Longer than any work on one file takes: what is older was left by a process that ended in the middle.
const SCRATCH_EXPIRY: Duration = Duration::from_secs(7 * 24 * 3600);

/// Large enough that system calls and hand-overs vanish, small enough to stay in a core's second-level cache.
const HASH_CHUNK: usize = 256 * 1024;

impl FileStore {
    pub(crate) async fn open(root: &Path, max_upload_bytes: i64) -> io::Result<Self> {
        for directory in ["blobs", "uploads", SCRATCH] {
            tokio::fs::create_dir_all(root.join(directory)).await?;
        }
        Ok(Self { root: root.to_owned(), max_upload_bytes, parts: Mutex::default() })
    }

    pub(crate) fn blob_path(&self, sha256: &str) -> PathBuf {
        let shard = |range| sha256.get(range).unwrap_or("_");
        self.root.join("blobs").join(shard(0..2)).join(shard(2..4)).join(sha256)
    }

    pub(super) fn part_path(&self, upload: UploadId) -> PathBuf {
        self.root.join("uploads").join(upload.to_string())
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

    /// The uploads that have a partial file.
    pub(super) async fn part_files(&self) -> io::Result<Vec<UploadId>> {
        let mut found = Vec::new();
        let mut entries = tokio::fs::read_dir(self.root.join("uploads")).await?;
        while let Some(entry) = entries.next_entry().await? {
            found.extend(entry.file_name().to_str().and_then(|name| name.parse::<UploadId>().ok()));
        }
        Ok(found)
    }

    /// Makes the whole partial file a blob that survives a power cut: the file first, then its name.
    pub(super) async fn publish(&self, upload: UploadId, sha256: &str) -> io::Result<()> {
        let (part, blob) = (self.part_path(upload), self.blob_path(sha256));
        let top = self.root.join("blobs");
        blocking(move || publish_file(&part, &blob, &top)).await
    }

    /// The directory of what is being made.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.root.join(SCRATCH)
    }

    /// A file to be made a blob, removed unless it is kept.
    pub(crate) fn new_file(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new().prefix("new-").tempfile_in(self.scratch())
    }

    /// Makes a whole file of [`new_file`](Self::new_file) a blob. Blocks.
    pub(crate) fn keep(&self, file: NamedTempFile, sha256: &str) -> io::Result<()> {
        let path = file.into_temp_path();
        publish_file(&path, &self.blob_path(sha256), &self.root.join("blobs"))?;
        // Renamed: there is nothing left to remove.
        let _ = path.keep();
        Ok(())
    }

    /// Removes what was left in the middle of being made long before `now`; answers how many files.
    pub(super) fn sweep_scratch(&self, now: SystemTime) -> io::Result<u64> {
        let mut swept = 0;
        for entry in fs::read_dir(self.scratch())? {
            let entry = entry?;
            let changed = entry.metadata()?.modified()?;
            if now.duration_since(changed).is_ok_and(|age| age > SCRATCH_EXPIRY) {
                fs::remove_file(entry.path())?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

fn publish_file(file: &Path, blob: &Path, top: &Path) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    let shard = blob.parent().unwrap_or(top);
    fs::create_dir_all(shard)?;
    fs::rename(file, blob)?;
    shard.ancestors().take_while(|directory| directory.starts_with(top)).try_for_each(sync_directory)
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
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere directories cannot be opened as files; a rename is durable by itself there.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
