//! The command line of a runner: one `main` for the built-in runner and for everybody's own.
//!
//! A runner binary is a list of detectors and this:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     nunatak_worker::main(Vec::new())
//! }
//! ```

mod args;
mod catalogue;
mod check;
mod logging;
mod shutdown;

use std::process::ExitCode;

use anyhow::Context as _;
pub use args::{RunnerArgs, host_name, random_secret};
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
pub use logging::start as start_logging;
use nunatak_client::Client;
use nunatak_detector::Detector;
pub use shutdown::requested as shutdown_requested;

use crate::{Worker, WorkerOptions};

/// Offers the detectors that were built into it to a Nunatak server and executes its jobs.
#[derive(Parser, Debug)]
struct Cli {
    #[command(flatten)]
    args: RunnerArgs,
}

/// The whole `main` of a runner binary: reads the command line, logs to stderr, works until Ctrl-C or SIGTERM.
///
/// `--version` tells the version of Nunatak that the runner was built with: it decides what the server and it can say to
/// each other. The detectors have versions of their own, which `--list` shows.
pub fn main(detectors: Vec<Box<dyn Detector>>) -> ExitCode {
    let command = Cli::command().version(env!("CARGO_PKG_VERSION")).display_name(program());
    let args = match Cli::from_arg_matches(&command.get_matches()) {
        Ok(cli) => cli.args,
        Err(error) => error.exit(),
    };
    logging::start(false);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.context("cannot start the runner's threads").and_then(|it| it.block_on(run(args, detectors)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What `args` ask for: the catalogue, a check of the detectors, or work for a server until somebody ends the process.
///
/// # Errors
/// When a detector breaks a promise, the server refuses the runner, or the cache directory cannot be used.
pub async fn run(args: RunnerArgs, detectors: Vec<Box<dyn Detector>>) -> anyhow::Result<()> {
    if args.list {
        return catalogue::print(&detectors);
    }
    if let Some(names) = &args.check {
        return check::run(&detectors, names, args.hyperparameters.as_ref());
    }
    work(args, detectors).await
}

async fn work(args: RunnerArgs, detectors: Vec<Box<dyn Detector>>) -> anyhow::Result<()> {
    let token = args.token.as_deref().filter(|token| !token.is_empty());
    let token = token.context("a runner needs a token: set NUNATAK_TOKEN, or give --token")?;
    let client = Client::new(&args.server_url, Some(token)).context("the server's URL is not one")?;
    let server = args.server_url.clone();
    let options = WorkerOptions::from(args);
    tracing::info!(server.url = %server, runner.name = %options.name, "looking for jobs");
    Worker { client, detectors, options }.run(shutdown::requested()).await
}

/// The name that the binary was started by.
fn program() -> String {
    let first = std::env::args().next().unwrap_or_default();
    let file = std::path::Path::new(&first).file_name().map(|name| name.to_string_lossy().into_owned());
    file.unwrap_or_else(|| "runner".to_owned())
}
