//! How a worker behaves.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

/// The settings of a [`Worker`](crate::Worker).
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The runner's name, unique on the server: a worker that starts again under its name is the same runner.
    pub name: String,
    /// Free words for people ("gpu", "site-b").
    pub labels: Vec<String>,
    /// Where datasets and artefacts are kept between jobs. Workers on one machine may share it: each takes a slot of its
    /// own in there.
    pub cache_dir: PathBuf,
    /// How many bytes the cache may keep. A job that needs more still runs; the excess goes when it ends.
    pub cache_max_bytes: u64,
    /// How many bytes a job's dataset may take in memory: rows x columns x 8. A larger one is refused before it is read.
    pub max_dataset_bytes: u64,
    /// How many jobs run at once.
    pub concurrency: usize,
    /// How many threads a job computes on; 0 shares the cores out evenly among `concurrency` jobs.
    pub threads_per_job: usize,
    /// How long running jobs may go on after the shutdown signal before they are given back.
    pub drain: Duration,
}

impl WorkerOptions {
    /// One job at a time on all cores, a cache of 10 GiB, 30 s to drain.
    pub fn new(name: impl Into<String>, cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            labels: Vec::new(),
            cache_dir: cache_dir.into(),
            cache_max_bytes: 10 << 30,
            max_dataset_bytes: u64::MAX,
            concurrency: 1,
            threads_per_job: 0,
            drain: Duration::from_secs(30),
        }
    }

    pub(crate) fn threads(&self) -> usize {
        if self.threads_per_job > 0 {
            return self.threads_per_job;
        }
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        (cores / self.concurrency.max(1)).max(1)
    }
}
