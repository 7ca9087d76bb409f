//! Getting a job's files, and the way from a file to a frame.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nunatak_detector::{Context, CsvOptions, Frame, Note};
use tokio::sync::watch;

use crate::attempt::Attempt;
use crate::cache::CachedFile;
use crate::failure::Failure;
use crate::journal::Journal;
use crate::progress::Progress;

use super::table::{self, Columns};

/// A job's dataset on this machine's disk.
pub(crate) struct LocalDataset {
    file: CachedFile,
    options: CsvOptions,
    feature_columns: Vec<String>,
    is_parquet: bool,
    /// Of the table in memory.
    max_bytes: u64,
}

impl Attempt {
    /// The job's dataset, from the cache or the server.
    pub(crate) async fn fetch_dataset(&self) -> Result<LocalDataset, Failure> {
        let dataset = &self.dataset;
        let is_parquet = dataset.format.eq_ignore_ascii_case("parquet");
        if !is_parquet && !dataset.format.eq_ignore_ascii_case("csv") {
            let message =
                format!("This runner reads Parquet and CSV, but the dataset is in the format {}.", dataset.format);
            return Err(Failure::fail("UNSUPPORTED_FORMAT", message));
        }
        Ok(LocalDataset {
            file: self.cached(&dataset.url, &dataset.sha256, dataset.size.into()).await?,
            options: CsvOptions {
                label_column: dataset.label_column.clone(),
                time_column: dataset.time_column.clone(),
                ..CsvOptions::default()
            },
            feature_columns: dataset.feature_columns.clone(),
            is_parquet,
            max_bytes: self.crew.options.max_dataset_bytes,
        })
    }

    /// The artefact of the version to apply.
    pub(crate) async fn fetch_artifact(&self) -> Result<CachedFile, Failure> {
        let artifact = self.artifact.as_ref();
        let artifact = artifact.ok_or_else(|| Failure::fail("NO_ARTIFACT", "The job names no version to apply."))?;
        self.cached(&artifact.url, &artifact.sha256, artifact.size.into()).await
    }

    async fn cached(&self, url: &str, sha256: &str, size: i64) -> Result<CachedFile, Failure> {
        let size = u64::try_from(size).unwrap_or(0);
        let fetch = async || {
            let fetch = |path: PathBuf| async move { self.client().download(url, &path, sha256).await };
            self.crew.cache.get(sha256, size, fetch).await
        };
        self.stop.unless_stopped(self.until_answered(fetch)).await
    }

    /// What a detector gets, with its reports going to the server.
    pub(crate) fn run_context(&self) -> RunContext {
        RunContext {
            seed: i64::from(self.job.seed) as u64,
            cancel: self.stop.flag(),
            progress: self.progress.clone(),
            journal: self.journal.clone(),
        }
    }
}

impl LocalDataset {
    /// The table with the feature columns that the server named, and with `text_columns` read as words where they are
    /// there. For a blocking thread.
    pub(crate) fn read(&self, text_columns: Vec<String>) -> Result<Frame, Failure> {
        // A column of numbers may be taken for categories, too.
        let numbers = self.feature_columns.iter().filter(|name| !text_columns.contains(name)).cloned().collect();
        if self.is_parquet {
            let columns = Columns {
                features: numbers,
                words: text_columns,
                time: self.options.time_column.clone(),
                label: self.options.label_column.clone(),
            };
            return table::read(self.file.path(), &columns, self.max_bytes);
        }
        let options = CsvOptions { number_columns: Some(numbers), text_columns, ..self.options.clone() };
        Ok(Frame::from_csv(File::open(self.file.path())?, &options)?)
    }
}

/// A detector's [`Context`] that owns all it needs, so that it can move to another thread.
pub(crate) struct RunContext {
    seed: u64,
    cancel: Arc<AtomicBool>,
    progress: watch::Sender<Progress>,
    journal: Journal,
}

impl RunContext {
    pub(crate) fn with<T>(self, run: impl FnOnce(&Context<'_>) -> T) -> T {
        let progress = |fraction: f64, message: &str| {
            self.progress.send_modify(|now| {
                now.fraction = fraction;
                message.clone_into(&mut now.message);
            });
        };
        let note = |note: Note<'_>| {
            self.journal.note(note);
            if matches!(note, Note::Metric { .. }) {
                self.progress.send_modify(|now| now.noted += 1);
            }
        };
        run(&Context { seed: self.seed, cancel: self.cancel, progress: &progress, note: &note })
    }
}
