//! The directory of a cache, held by one process at a time.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// `slot-<n>` in the cache directory, locked: what a cache removes must not be in another process's use.
#[derive(Debug)]
pub(super) struct Slot {
    directory: PathBuf,
    _lock: File,
}

impl Slot {
    /// The first slot that nobody holds; the lock goes with the process, however it ends.
    pub(super) fn take(parent: &Path) -> io::Result<Self> {
        let mut number = 0_u32;
        loop {
            let directory = parent.join(format!("slot-{number}"));
            fs::create_dir_all(&directory)?;
            let lock = File::create(directory.join(".lock"))?;
            match lock.try_lock() {
                Ok(()) => return Ok(Self { directory, _lock: lock }),
                Err(TryLockError::WouldBlock) => number += 1,
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn path(&self, sha256: &str) -> PathBuf {
        self.directory.join(sha256)
    }

    /// The cached files with their sizes, oldest first. Removes what an interrupted process left half-written.
    pub(super) fn files(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with(".nunatak-") {
                fs::remove_file(entry.path())?;
            } else if name.len() == 64 {
                let metadata = entry.metadata()?;
                files.push((metadata.modified()?, name, metadata.len()));
            }
        }
        files.sort();
        Ok(files.into_iter().map(|(_, name, bytes)| (name, bytes)).collect())
    }
}
