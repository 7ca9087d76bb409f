//! What lies in the directory of files and should not: blobs without a row, and what was removed by half.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use nunatak_domain::{Timestamp, UploadId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::{Collected, Tally};
use crate::{
    Store, StoreError, db,
    entities::blobs,
    files::disk::{FileStore, blocking},
};

/// Names that one statement asks for.
const CHUNK: usize = 500;
/// What a blob's file is called between losing its name and being gone.
const REMOVED: &str = "removed-";

/// A file that was met on the way.
struct Met {
    name: String,
    path: PathBuf,
    bytes: u64,
    /// By the clock of the machine that has the disk.
    modified: Timestamp,
}

impl Store {
    /// Removes the file of a blob that has no row. True where there was one.
    pub(super) async fn remove_file(&self, sha256: &str) -> Result<bool, StoreError> {
        let txn = self.0.db.begin().await?;
        self.hold_blob(&txn, sha256).await?;
        let select = db::sql(&txn, "SELECT 1 AS one FROM blobs WHERE sha256 = $1", vec![sha256.into()]);
        if txn.query_one_raw(select).await?.is_some() {
            return Ok(false);
        }
        // Only its name goes while it is held: freeing the disk of a large file takes long.
        let Some(aside) = self.0.files.set_aside(sha256).await? else { return Ok(false) };
        txn.rollback().await?;
        remove(&aside).await?;
        Ok(true)
    }

    /// Walks over the directory of blobs. What is older than `cutoff` and unknown goes.
    pub(super) async fn collect_strays(
        &self,
        cutoff: Timestamp,
        dry_run: bool,
        collected: &mut Collected,
    ) -> Result<(), StoreError> {
        let mut blobs = Vec::new();
        for directory in self.0.files.shards().await? {
            for met in files_in(directory).await? {
                if met.name.len() == 64 && met.modified <= cutoff {
                    blobs.push(met);
                }
            }
            if blobs.len() >= CHUNK {
                self.collect_unknown(std::mem::take(&mut blobs), dry_run, &mut collected.blobs).await?;
            }
        }
        self.collect_unknown(blobs, dry_run, &mut collected.blobs).await?;
        let uploads = files_in(self.0.files.uploads_directory()).await?;
        for met in uploads.into_iter().filter(|met| met.name.starts_with(REMOVED)) {
            collected.parts.add(met.bytes);
            if !dry_run {
                remove(&met.path).await?;
            }
        }
        Ok(())
    }

    async fn collect_unknown(&self, files: Vec<Met>, dry_run: bool, tally: &mut Tally) -> Result<(), StoreError> {
        for chunk in files.chunks(CHUNK) {
            let names = chunk.iter().map(|met| met.name.as_str());
            let known = blobs::Entity::find()
                .select_only()
                .column(blobs::Column::Sha256)
                .filter(blobs::Column::Sha256.is_in(names));
            let known: Vec<String> = known.into_tuple().all(self.0.db.read()).await?;
            for met in chunk.iter().filter(|met| !known.contains(&met.name)) {
                if dry_run || self.remove_file(&met.name).await? {
                    tally.add(met.bytes);
                }
            }
        }
        Ok(())
    }
}

impl FileStore {
    /// Partial files, whose uploads they are, and their sizes. An upload has two for a moment, when one becomes a blob.
    pub(in crate::files) async fn part_files(&self) -> io::Result<Vec<(UploadId, PathBuf, u64)>> {
        let met = files_in(self.uploads_directory()).await?;
        let id = |name: &str| name.strip_prefix('.').unwrap_or(name).parse().ok();
        Ok(met.into_iter().filter_map(|met| Some((id(&met.name)?, met.path, met.bytes))).collect())
    }

    /// Takes its name from a blob's file; nothing where there is none.
    async fn set_aside(&self, sha256: &str) -> io::Result<Option<PathBuf>> {
        let aside = self.uploads_directory().join(format!("{REMOVED}{sha256}"));
        match tokio::fs::rename(self.blob_path(sha256), &aside).await {
            Ok(()) => Ok(Some(aside)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The directories that have blobs in them: 65,536 at most.
    async fn shards(&self) -> io::Result<Vec<PathBuf>> {
        let top = self.blobs_directory();
        blocking(move || {
            let mut shards = Vec::new();
            for outer in directories(&top)? {
                shards.extend(directories(&outer)?);
            }
            Ok(shards)
        })
        .await
    }
}

fn directories(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The files of a directory; those that go while it is read are left out.
async fn files_in(directory: PathBuf) -> io::Result<Vec<Met>> {
    blocking(move || {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let (Ok(metadata), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else { continue };
            let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let modified = Timestamp::from_micros(0).plus(modified);
            if metadata.is_file() {
                found.push(Met { name, path: entry.path(), bytes: metadata.len(), modified });
            }
        }
        Ok(found)
    })
    .await
}

/// Somebody else may have been faster.
pub(in crate::files) async fn remove(path: &Path) -> io::Result<()> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
