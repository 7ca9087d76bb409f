//! `nunatak demo`: the whole product in a minute, on real data, through the same API as everybody's.

mod data;
mod operations;
mod plan;
mod report;
mod training;

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;
use nunatak_client::Client;
use nunatak_store::identity::NewUser;
use nunatak_worker::cli::shutdown_requested;

use crate::{server, settings::Settings};

/// Known to everybody, hence only ever set by `demo`, which listens on loopback.
const LOGIN: &str = "demo";
const PASSWORD: &str = "nunatak-demo";

/// The demo is its server's only client and has its answers by then; a kept connection is not worth waiting for.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// End after showing the results instead of serving on.
    #[arg(long)]
    exit: bool,
    /// Where the demo keeps its data; a second run finds everything there.
    #[arg(long, default_value = "nunatak-demo")]
    data_dir: PathBuf,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let settings =
        Settings { data_dir: args.data_dir, port: args.port, runner_concurrency: cores, ..Settings::default() };
    let server = Box::pin(server::start(&settings)).await?;
    let account = NewUser {
        login: LOGIN.to_owned(),
        full_name: Some("Demo".to_owned()),
        password: Some(PASSWORD.to_owned()),
        is_admin: true,
        ..NewUser::default()
    };
    server.store.ensure_local_user(account).await?;
    let outcome = Box::pin(show(&server.url)).await;
    if outcome.is_ok() && !args.exit {
        println!("\nServing until Ctrl-C.");
        shutdown_requested().await;
    }
    server.stop(PATIENCE).await;
    outcome
}

/// Everything after the server is up goes through its API, as a user's program would.
async fn show(url: &str) -> anyhow::Result<()> {
    let session = Client::new(url, None)?.login(LOGIN, PASSWORD).await.context("the demo's account cannot sign in")?;
    let client = Client::new(url, Some(&session.access_token))?;
    let project = data::project(&client).await?;
    let datasets = data::load(&client, &project).await?;
    let jobs = training::submit(&client, &project, &datasets).await?;
    training::watch(&client, &project, &jobs).await?;
    let leaders = training::promote(&client, &project, &datasets).await?;
    let predictions = training::predict(&client, &leaders).await?;
    report::print(&client, url, &leaders, &predictions).await
}
