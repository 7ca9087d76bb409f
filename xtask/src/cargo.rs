//! The Rust steps. One target directory and one selection of packages: everything is built once.

use std::process::Command;

use anyhow::Result;

use crate::{process, python, test::Args, workspace};

/// Selects the database of the tests: unset is SQLite, a `postgres://` URL is that PostgreSQL.
pub(crate) const DATABASE: &str = "NUNATAK_TEST_DATABASE";

/// Names the python whose runner the protocol tests start; without it they look into target/python, and say what they left
/// out.
const PYTHON: &str = "NUNATAK_TEST_PYTHON";

/// The packages whose tests touch the database, and so run a second time on PostgreSQL.
const DATABASE_PACKAGES: [&str; 4] = ["nunatak-migrations", "nunatak-store", "nunatak-api", "nunatak"];

pub(crate) fn fmt_check(_: &Args) -> Result<()> {
    process::run(cargo().args(["fmt", "--all", "--check"]))
}

pub(crate) fn clippy(_: &Args) -> Result<()> {
    process::run(cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
}

pub(crate) fn test_on_sqlite(args: &Args) -> Result<()> {
    let mut command = if has_nextest() { nextest(args) } else { cargo_test(args) };
    with_python_runner(&mut command)?;
    process::run(command.arg("--workspace").env_remove(DATABASE))
}

/// The protocol tests are for every runner: here none of them is left out.
fn with_python_runner(command: &mut Command) -> Result<()> {
    if let Some(python) = python::with_runner()? {
        command.env(PYTHON, python);
    }
    Ok(())
}

/// nextest does not run the examples in doc comments.
pub(crate) fn doc_tests(_: &Args) -> Result<()> {
    process::run(cargo().args(["test", "--doc", "--workspace", "--locked"]).env_remove(DATABASE))
}

pub(crate) fn test_on_postgres(args: &Args) -> Result<()> {
    // `cargo xtask postgres -- cargo xtask test` has started one already.
    if let Some(url) = std::env::var(DATABASE).ok().filter(|url| url.starts_with("postgres")) {
        return test_database_packages(args, &url);
    }
    let server = crate::postgres::Server::start()?;
    test_database_packages(args, server.url())
}

fn test_database_packages(args: &Args, url: &str) -> Result<()> {
    let mut command = if has_nextest() {
        // `-p` would select other features of shared dependencies than the first run did, and so build
        // them again: the workspace stays selected, and only tests are filtered.
        let packages = DATABASE_PACKAGES.map(|package| format!("package(={package})"));
        let mut command = nextest(args);
        command.args(["--workspace", "-E", &packages.join(" | ")]);
        command
    } else {
        let mut command = cargo_test(args);
        command.args(DATABASE_PACKAGES.iter().flat_map(|package| ["-p", *package]));
        command
    };
    with_python_runner(&mut command)?;
    process::run(command.env(DATABASE, url))
}

fn nextest(args: &Args) -> Command {
    let mut command = cargo();
    command.args(["nextest", "run", "--locked"]);
    // CI reports everything that is wrong at once; at the desk the first failure is what you work on.
    if args.keep_going || std::env::var_os("CI").is_some() {
        command.arg("--no-fail-fast");
    }
    command
}

fn cargo_test(args: &Args) -> Command {
    println!("cargo-nextest is not installed: falling back to `cargo test`, which is slower and knows no time limits");
    let mut command = cargo();
    // The doc tests have a step of their own.
    command.args(["test", "--locked", "--lib", "--bins", "--tests"]);
    if args.keep_going || std::env::var_os("CI").is_some() {
        command.arg("--no-fail-fast");
    }
    command
}

pub(crate) fn has_nextest() -> bool {
    process::succeeds(cargo().args(["nextest", "--version"]))
}

pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    workspace::command(program, "")
}
