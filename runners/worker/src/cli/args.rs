//! The words of a runner's command line, the same for every runner.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::{ScoringOptions, WorkerOptions};

#[derive(Args, Debug)]
pub struct RunnerArgs {
    /// The server to work for.
    #[arg(long, env = "NUNATAK_SERVER_URL", default_value = "http://127.0.0.1:8080")]
    pub server_url: String,
    /// A token of scope RUNNER: `nunatak token create --runner` on the server's machine makes one.
    #[arg(long, env = "NUNATAK_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// The runner's name; a restart under the same name is the same runner [default: the host's name].
    #[arg(long)]
    pub name: Option<String>,
    /// A label, `gpu`, `site-b`; may be repeated.
    #[arg(long = "label")]
    pub labels: Vec<String>,
    /// Jobs at once.
    #[arg(long, default_value_t = 1)]
    pub concurrency: usize,
    /// Where datasets and artefacts are kept between jobs [default: nunatak-runner in the temporary directory].
    #[arg(long)]
    pub cache_dir: Option<PathBuf>,
    /// Most bytes of memory that a job's dataset may take: rows x columns x 8; a larger one is refused before it is read
    /// [default: no limit].
    #[arg(long, env = "NUNATAK_MAX_DATASET_BYTES")]
    pub max_dataset_bytes: Option<u64>,
    /// How long running jobs may go on after Ctrl-C or SIGTERM; then they are given back for another runner.
    #[arg(long, default_value_t = 30)]
    pub drain_seconds: u64,
    /// Prints the catalogue of this runner's detectors as JSON and ends; needs no server.
    #[arg(long, conflicts_with = "check")]
    pub list: bool,
    /// Checks that these detectors (all, if none is named) keep what every detector promises, and ends; needs no server.
    #[arg(long, value_name = "DETECTOR", num_args = 0..)]
    pub check: Option<Vec<String>>,
    /// Hyperparameters to check with, as a JSON object [default: the detectors' own].
    #[arg(long, value_name = "JSON", requires = "check", value_parser = parse_object)]
    pub hyperparameters: Option<Value>,
    #[command(flatten)]
    scoring: ScoringArgs,
}

/// Scoring rows at once.
#[derive(Args, Debug)]
struct ScoringArgs {
    /// Score rows at once for the server, and listen for it here, `10.0.0.7:9470`; port 0 takes a free one. Needs a
    /// token of an administrator's account, such as `nunatak token create --runner` makes.
    #[arg(long)]
    scoring_address: Option<String>,
    /// How the server reaches that address, where it is not the address itself: `http://gpu-3:9470`.
    #[arg(long, requires = "scoring_address")]
    scoring_url: Option<String>,
    /// How many bytes of models are kept in memory to score with, by the sizes of their files.
    #[arg(long, default_value_t = 1 << 30)]
    model_cache_bytes: u64,
    /// Threads that score; 0 is one for each core.
    #[arg(long, default_value_t = 0)]
    scoring_threads: usize,
}

impl ScoringArgs {
    fn options(self) -> Option<ScoringOptions> {
        let options = ScoringOptions::new(self.scoring_address?, random_secret());
        Some(ScoringOptions {
            url: self.scoring_url,
            model_cache_bytes: self.model_cache_bytes,
            threads: self.scoring_threads,
            ..options
        })
    }
}

/// What the server shows when it calls to have rows scored, new at each start.
pub fn random_secret() -> String {
    let mut bytes = [0_u8; 32];
    rand::RngCore::fill_bytes(&mut rand::rngs::OsRng, &mut bytes);
    hex::encode(bytes)
}

impl From<RunnerArgs> for WorkerOptions {
    fn from(args: RunnerArgs) -> Self {
        let cache = args.cache_dir.unwrap_or_else(|| std::env::temp_dir().join("nunatak-runner"));
        let mut options = Self::new(args.name.unwrap_or_else(host_name), cache);
        options.labels = args.labels;
        options.concurrency = args.concurrency.max(1);
        options.drain = Duration::from_secs(args.drain_seconds);
        options.max_dataset_bytes = args.max_dataset_bytes.unwrap_or(u64::MAX);
        options.scoring = args.scoring.options();
        options
    }
}

/// This machine's name, which is what a runner is called unless somebody says otherwise.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "runner".to_owned() } else { name.to_owned() }
}

fn parse_object(text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if value.is_object() { Ok(value) } else { Err("not a JSON object".to_owned()) }
}
