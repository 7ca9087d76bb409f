//! `nunatak`: the one binary. Each command is a module here; settings come from [`settings`].

mod admin;
mod demo;
mod gc;
mod health;
mod logging;
mod migrate;
mod runner;
mod server;
mod settings;
mod shutdown;

use clap::{Parser, Subcommand};

/// Model registry and training service for anomaly detectors, behind one GraphQL API.
#[derive(Parser, Debug)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serves the GraphQL API, GraphiQL, files and (unless switched off) an embedded runner.
    Server(server::ServerArgs),
    /// Offers the built-in detectors to a server and executes its jobs.
    Runner(runner::RunnerArgs),
    /// Starts a server, trains real detectors on bundled real data, shows the results, keeps serving.
    Demo(demo::DemoArgs),
    /// Brings the database's schema up to date, or back.
    Migrate(migrate::MigrateArgs),
    /// Makes accounts in the server's own database.
    Admin(admin::AdminArgs),
    /// Makes API tokens in the server's own database.
    Token(admin::TokenArgs),
    /// Removes files that nothing refers to, as the server does by itself.
    Gc(gc::GcArgs),
    /// Asks a server whether it can work; the exit code tells.
    Health(health::HealthArgs),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    logging::start(matches!(cli.command, Command::Demo(_)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Server(args) => Box::pin(server::run(args)).await,
            Command::Runner(args) => Box::pin(runner::run(args)).await,
            Command::Demo(args) => Box::pin(demo::run(args)).await,
            Command::Migrate(args) => Box::pin(migrate::run(args)).await,
            Command::Admin(args) => Box::pin(admin::run(args)).await,
            Command::Token(args) => Box::pin(admin::token(args)).await,
            Command::Gc(args) => Box::pin(gc::run(args)).await,
            Command::Health(args) => Box::pin(health::run(args)).await,
        }
    })
}
