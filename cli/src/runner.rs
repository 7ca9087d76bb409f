//! `nunatak runner`, and the runner inside the server: both speak GraphQL with a token of their own.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;
use nunatak_client::Client;
use nunatak_domain::{Name, TokenScope};
use nunatak_store::{
    Store,
    identity::{NewApiToken, NewUser, UserRecord},
};
use nunatak_worker::{ScoringOptions, Worker, WorkerOptions};

use crate::{settings::Settings, shutdown};

/// How long running jobs may go on when a runner ends.
pub(crate) const DRAIN: Duration = Duration::from_secs(30);
/// The account that runners of this installation use: may claim jobs everywhere, with tokens of scope RUNNER only.
pub(crate) const RUNNER_LOGIN: &str = "nunatak-runner";

#[derive(Args, Debug)]
pub(crate) struct RunnerArgs {
    /// The server to work for.
    #[arg(long, env = "NUNATAK_SERVER_URL", default_value = "http://127.0.0.1:8080")]
    server_url: String,
    /// A token of scope RUNNER: `nunatak token create --runner` on the server's machine makes one.
    #[arg(long, env = "NUNATAK_TOKEN", hide_env_values = true)]
    token: String,
    /// The runner's name; a restart under the same name is the same runner [default: the host's name].
    #[arg(long)]
    name: Option<String>,
    /// A label for people, `gpu`, `site-b`; may be repeated.
    #[arg(long = "label")]
    labels: Vec<String>,
    /// Jobs at once.
    #[arg(long, default_value_t = 1)]
    concurrency: usize,
    /// Where datasets and artefacts are kept between jobs [default: nunatak-runner in the temporary directory].
    #[arg(long)]
    cache_dir: Option<PathBuf>,
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

/// What the server shows when it calls, new at each start.
fn random_secret() -> String {
    let mut bytes = [0_u8; 32];
    rand::RngCore::fill_bytes(&mut rand::rngs::OsRng, &mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) async fn run(args: RunnerArgs) -> anyhow::Result<()> {
    let cache = args.cache_dir.unwrap_or_else(|| std::env::temp_dir().join("nunatak-runner"));
    let mut options = WorkerOptions::new(args.name.unwrap_or_else(host_name), cache);
    options.labels = args.labels;
    options.concurrency = args.concurrency.max(1);
    options.drain = DRAIN;
    options.scoring = args.scoring.options();
    let client = Client::new(&args.server_url, Some(&args.token)).context("the server's URL is not one")?;
    tracing::info!(server.url = %args.server_url, runner.name = %options.name, "looking for jobs");
    Worker { client, detectors: nunatak_linfa::all(), options }.run(shutdown::requested()).await
}

/// The runner inside the server: the same path as any other, over loopback.
pub(crate) async fn embedded(store: &Store, settings: &Settings, url: &str) -> anyhow::Result<Worker> {
    let user = runner_user(store).await?;
    // Named by where it serves: another server on the same database must not end this one's token.
    let address = url.trim_start_matches("http://");
    let name = Name::parse(&format!("embedded runner, {}, {address}", host_name()))?;
    let token = NewApiToken { name, scopes: vec![TokenScope::Runner], expires_at: None, for_user: None };
    let token = store.create_local_token(user.id, &token).await?;
    let mut options = WorkerOptions::new(
        format!("embedded@{}-{}", host_name(), port_of(address)),
        settings.data_dir.join("runner-cache"),
    );
    options.concurrency = settings.runner_concurrency.max(1);
    options.drain = DRAIN;
    // On loopback: nobody but this server needs to reach it.
    let scoring = ScoringOptions::new("127.0.0.1:0", random_secret());
    options.scoring = Some(ScoringOptions { model_cache_bytes: settings.model_cache_bytes, ..scoring });
    let client = Client::new(url, Some(&token))?;
    Ok(Worker { client, detectors: nunatak_linfa::all(), options })
}

/// The service account of this installation's runners, made on first use.
pub(crate) async fn runner_user(store: &Store) -> anyhow::Result<UserRecord> {
    let new = NewUser {
        login: RUNNER_LOGIN.to_owned(),
        full_name: Some("Runners of this installation".to_owned()),
        is_admin: true,
        is_service: true,
        ..NewUser::default()
    };
    Ok(store.ensure_local_user(new).await?)
}

fn port_of(address: &str) -> &str {
    address.rsplit(':').next().unwrap_or(address)
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "runner".to_owned() } else { name.to_owned() }
}
