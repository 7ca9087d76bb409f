//! Blobs that this program makes itself: written under `scratch/`, named when they are noted.

use std::{
    fs,
    io::{self, BufWriter, Write},
    time::{Duration, SystemTime},
};

use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait, sea_query::OnConflict};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::{
    FileStore,
    disk::{blocking, sync_directory},
};
use crate::{Store, StoreError, entities::blobs};

/// Longer than any work on one file takes: what is older was left by a process that ended in the middle.
const EXPIRY: Duration = Duration::from_secs(7 * 24 * 3600);

/// A whole file, on the disk and hashed, that has no name yet; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Made {
    file: NamedTempFile,
    pub(crate) sha256: String,
    /// Bytes.
    pub(crate) size: i64,
}

/// A file that is hashed while it is written.
#[derive(Debug)]
pub(crate) struct Making {
    output: BufWriter<NamedTempFile>,
    hasher: Sha256,
    size: u64,
}

impl Making {
    /// An empty file. Blocks.
    pub(crate) fn begin(files: &FileStore) -> io::Result<Self> {
        let file = tempfile::Builder::new().prefix("new-").tempfile_in(files.scratch())?;
        Ok(Self { output: BufWriter::with_capacity(1 << 18, file), hasher: Sha256::new(), size: 0 })
    }

    /// Blocks until the disk has it.
    pub(crate) fn finish(self) -> io::Result<Made> {
        let file = self.output.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        Ok(Made { file, sha256: hex::encode(self.hasher.finalize()), size: self.size.cast_signed() })
    }
}

impl Write for Making {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

impl Store {
    /// Notes a file as a blob and gives it its name. Until the transaction ends, collection leaves it alone; should the
    /// transaction fail, it finds a file without a row later.
    pub(crate) async fn keep_made(&self, txn: &DatabaseTransaction, made: Made) -> Result<(), StoreError> {
        self.hold_blob(txn, &made.sha256).await?;
        let row = blobs::ActiveModel {
            sha256: Set(made.sha256.clone()),
            size: Set(made.size),
            created_at: Set(self.now().micros()),
        };
        let again = OnConflict::column(blobs::Column::Sha256).update_column(blobs::Column::CreatedAt).to_owned();
        blobs::Entity::insert(row).on_conflict(again).exec_without_returning(txn).await?;
        let store = self.clone();
        Ok(blocking(move || store.0.files.name(made)).await?)
    }
}

impl FileStore {
    fn name(&self, made: Made) -> io::Result<()> {
        let (blob, top) = (self.blob_path(&made.sha256), self.blobs_directory());
        let shard = blob.parent().unwrap_or(&top);
        fs::create_dir_all(shard)?;
        made.file.persist(&blob).map_err(|failed| failed.error)?;
        shard.ancestors().take_while(|directory| directory.starts_with(&top)).try_for_each(sync_directory)
    }

    /// Removes what was left in the middle of being made long before `now`; answers how many files. Blocks.
    pub(super) fn sweep_scratch(&self, now: SystemTime) -> io::Result<u64> {
        let mut swept = 0;
        for entry in fs::read_dir(self.scratch())? {
            let entry = entry?;
            let changed = entry.metadata()?.modified()?;
            if now.duration_since(changed).is_ok_and(|age| age > EXPIRY) {
                fs::remove_file(entry.path())?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}
