//! The only automation: `cargo xtask test | codegen | tidy | postgres | bench`.
//!
//! To add a step to the suite, write a function in the file of its noun and one line in `steps.rs`.

mod apt;
mod bench;
mod cargo;
mod codegen;
mod generated;
mod interrupt;
mod licences;
mod postgres;
mod process;
mod python;
mod steps;
mod test;
mod tidy;
mod web;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Nunatak's automation")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole suite: lint, Rust on SQLite and on a private PostgreSQL, web, Python
    Test(test::Args),
    /// Write the generated files anew: docs/detectors.md, schema.graphql, and what the web app derives from it
    Codegen,
    /// Format the Rust code, then check sizes of files and words that do not belong in them
    Tidy,
    /// Start a private PostgreSQL, run COMMAND with NUNATAK_TEST_DATABASE set (or wait for Ctrl-C), stop it
    Postgres(postgres::Args),
    /// Run a benchmark of bench/, or list them
    Bench(bench::Args),
}

fn main() -> ExitCode {
    // Not returned from here: with RUST_BACKTRACE set, as in many a CI, its own print would bury it.
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    interrupt::watch()?;
    match &cli.command {
        Command::Test(args) => test::run(args),
        Command::Codegen => codegen::run(),
        Command::Tidy => tidy::run(),
        Command::Postgres(args) => postgres::run(args),
        Command::Bench(args) => bench::run(args),
    }
}
