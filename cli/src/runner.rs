//! `nunatak runner`, and the runner inside the server: both speak GraphQL with a token of their own.

use std::time::Duration;

use nunatak_client::Client;
use nunatak_domain::{Name, TokenScope};
use nunatak_store::{
    Store,
    identity::{NewApiToken, NewUser, UserRecord},
};
use nunatak_worker::{
    ScoringOptions, Worker, WorkerOptions,
    cli::{RunnerArgs, host_name, random_secret},
};

use crate::settings::Settings;

/// How long running jobs may go on when a runner ends.
pub(crate) const DRAIN: Duration = Duration::from_secs(30);
/// The account that runners of this installation use: may claim jobs everywhere, with tokens of scope RUNNER only.
pub(crate) const RUNNER_LOGIN: &str = "nunatak-runner";

/// The same `main` as that of every runner binary, with the built-in detectors.
pub(crate) async fn run(args: RunnerArgs) -> anyhow::Result<()> {
    nunatak_worker::cli::run(args, nunatak_linfa::all()).await
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
