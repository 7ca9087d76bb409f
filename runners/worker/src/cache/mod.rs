//! Files by their SHA-256, kept on disk between jobs.
//!
//! A file is checked when it arrives, and once more when a later process finds it there. Jobs that ask for the same file at
//! the same time cause one download. The least recently used files go when the cache is over its limit; files in use stay.

mod index;
mod slot;

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nunatak_client::ClientError;
use sha2::{Digest, Sha256};

use self::index::Index;
use self::slot::Slot;

/// Cheap to clone; clones are the same cache.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    slot: Slot,
    index: Mutex<Index>,
}

/// A file in the cache, which stays there as long as this lives.
#[derive(Debug)]
pub(crate) struct CachedFile {
    path: PathBuf,
    sha256: String,
    shared: Arc<Shared>,
}

impl Cache {
    /// The cache in a free slot of `directory`, with the files that an earlier process left there.
    pub(crate) fn open(directory: &Path, max_bytes: u64) -> io::Result<Self> {
        let slot = Slot::take(directory)?;
        let index = Index::new(max_bytes, slot.files()?);
        let cache = Self { shared: Arc::new(Shared { slot, index: Mutex::new(index) }) };
        cache.shared.evict(0);
        Ok(cache)
    }

    /// Where files may be written that have no checksum yet; leftovers are removed at the next start.
    pub(crate) fn directory(&self) -> &Path {
        self.shared.slot.directory()
    }

    /// The file with this checksum; when it is not here, `fetch` puts it at the path it is given.
    pub(crate) async fn get<F>(
        &self,
        sha256: &str,
        size: u64,
        fetch: impl FnOnce(PathBuf) -> F,
    ) -> Result<CachedFile, ClientError>
    where
        F: Future<Output = Result<u64, ClientError>>,
    {
        // The checksum becomes a file name.
        if sha256.len() != 64 || !sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ClientError::Protocol { message: "the server gave a checksum that is none".into() });
        }
        let flight = self.shared.index().flight(sha256);
        let _alone = flight.lock().await;
        if let Some(file) = self.present(sha256).await {
            tracing::debug!(cache.hit = true, file.sha256 = sha256, "cache");
            return Ok(file);
        }
        self.shared.evict(size);
        let path = self.shared.slot.path(sha256);
        let bytes = fetch(path.clone()).await?;
        tracing::debug!(cache.hit = false, file.sha256 = sha256, file.size_bytes = bytes, "cache");
        self.shared.index().insert(sha256, bytes);
        Ok(CachedFile { path, sha256: sha256.into(), shared: Arc::clone(&self.shared) })
    }

    /// The file, if it is here and still what it was. Pinned first, so that nobody removes it while it is checked.
    async fn present(&self, sha256: &str) -> Option<CachedFile> {
        let found = self.shared.index().pin(sha256)?;
        let file =
            CachedFile { path: self.shared.slot.path(sha256), sha256: sha256.into(), shared: Arc::clone(&self.shared) };
        if found.checked && std::fs::metadata(&file.path).is_ok_and(|metadata| metadata.len() == found.bytes) {
            return Some(file);
        }
        let path = file.path.clone();
        let actual = tokio::task::spawn_blocking(move || checksum(&path)).await;
        let intact = matches!(actual, Ok(Ok(actual)) if actual == sha256);
        self.shared.index().set_checked(sha256, intact);
        if intact {
            return Some(file);
        }
        tracing::warn!(file.sha256 = sha256, "a cached file is damaged and will be fetched again");
        None
    }
}

impl Shared {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes what is too much once `coming` bytes are added.
    fn evict(&self, coming: u64) {
        for sha256 in self.index().evict(coming) {
            if let Err(error) = std::fs::remove_file(self.slot.path(&sha256)) {
                tracing::warn!(%error, file.sha256 = %sha256, "cannot remove a cached file");
            }
        }
    }
}

impl CachedFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for CachedFile {
    fn drop(&mut self) {
        self.shared.index().unpin(&self.sha256);
        self.shared.evict(0);
    }
}

fn checksum(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut io::BufReader::with_capacity(1 << 17, std::fs::File::open(path)?), &mut hasher)?;
    Ok(hex::encode(hasher.finalize()))
}

#[cfg(test)]
mod tests;
