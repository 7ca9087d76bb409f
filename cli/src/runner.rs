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
use nunatak_worker::{Worker, WorkerOptions};

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
    /// Most bytes of memory that a job's dataset may take: rows x columns x 8; a larger one is refused before it is read
    /// [default: no limit].
    #[arg(long, env = "NUNATAK_MAX_DATASET_BYTES")]
    max_dataset_bytes: Option<u64>,
}

pub(crate) async fn run(args: RunnerArgs) -> anyhow::Result<()> {
    let cache = args.cache_dir.unwrap_or_else(|| std::env::temp_dir().join("nunatak-runner"));
    let mut options = WorkerOptions::new(args.name.unwrap_or_else(host_name), cache);
    options.labels = args.labels;
    options.concurrency = args.concurrency.max(1);
    options.drain = DRAIN;
    options.max_dataset_bytes = args.max_dataset_bytes.unwrap_or(u64::MAX);
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
