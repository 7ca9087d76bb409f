//! The server's directory: in memory where there is room, removed with the value.
//!
//! A run that was killed cannot remove its own; the next run does. A lock tells a dead one from one in use.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

const PREFIX: &str = "nunatak-postgres-";

/// The suite's databases stay far below this; containers often have 64 MiB of shared memory, which is too little.
const ROOM: u64 = 2 << 30;

/// Between making a directory and locking it no other run may take it for dead.
const YOUNG: Duration = Duration::from_secs(60);

pub(crate) struct Directory {
    directory: TempDir,
    _lock: File,
}

impl Directory {
    pub(crate) fn create() -> Result<Self> {
        let parent = parent();
        remove_dead(&parent);
        let directory = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(&parent)
            .with_context(|| format!("cannot make a directory in {}", parent.display()))?;
        let lock = File::create(directory.path().join("lock"))?;
        lock.lock()?;
        Ok(Self { directory, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

fn parent() -> PathBuf {
    // Whoever sets TMPDIR has a place in mind.
    if let Some(chosen) = std::env::var_os("TMPDIR").filter(|chosen| !chosen.is_empty()) {
        return chosen.into();
    }
    let memory = Path::new("/dev/shm");
    let free = rustix::fs::statvfs(memory).map_or(0, |found| found.f_bavail * found.f_frsize);
    if free >= ROOM { memory } else { Path::new("/tmp") }.to_path_buf()
}

fn remove_dead(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        if is_dead(&entry.path()) {
            // What belongs to another user stays, as it should.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_dead(directory: &Path) -> bool {
    let made = fs::metadata(directory).and_then(|metadata| metadata.modified()).ok();
    let old = made.and_then(|made| made.elapsed().ok()).is_some_and(|age| age > YOUNG);
    old && File::open(directory.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_directory_is_dead_when_it_is_old_and_nobody_holds_its_lock() {
        let parent = tempfile::tempdir().unwrap();
        let lock = File::create(parent.path().join("lock")).unwrap();
        assert!(!is_dead(parent.path()), "it is young");

        File::open(parent.path()).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        lock.lock().unwrap();
        assert!(!is_dead(parent.path()), "it is in use");

        lock.unlock().unwrap();
        assert!(is_dead(parent.path()));
    }
}
