//! How a worker behaves.

use std::fmt;
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
    /// Where rows are scored at once for the server; `None` offers none.
    pub scoring: Option<ScoringOptions>,
}

/// How a worker scores rows at once.
#[derive(Clone)]
pub struct ScoringOptions {
    /// Where to listen, `127.0.0.1:0`.
    pub address: String,
    /// How the server reaches that; from `address` unless given.
    pub url: Option<String>,
    /// What the server shows with every call: random, and new at each start.
    pub secret: String,
    /// How many bytes of models are kept in memory, by the sizes of their files. A larger one is loaded for who waits for
    /// it, and goes.
    pub model_cache_bytes: u64,
    /// How many threads score; 0 is one for each core.
    pub threads: usize,
    /// How many requests may wait or be at work; what comes beyond is told to come again.
    pub max_waiting: usize,
}

impl ScoringOptions {
    /// 1 GiB of models, a thread for each core, 1,024 requests.
    pub fn new(address: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            url: None,
            secret: secret.into(),
            model_cache_bytes: 1 << 30,
            threads: 0,
            max_waiting: 1024,
        }
    }

    pub(crate) fn threads(&self) -> usize {
        if self.threads > 0 { self.threads } else { cores() }
    }
}

impl fmt::Debug for ScoringOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the secret: options reach logs.
        f.debug_struct("ScoringOptions").field("address", &self.address).field("url", &self.url).finish_non_exhaustive()
    }
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
            scoring: None,
        }
    }

    pub(crate) fn threads(&self) -> usize {
        if self.threads_per_job > 0 {
            return self.threads_per_job;
        }
        (cores() / self.concurrency.max(1)).max(1)
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}
