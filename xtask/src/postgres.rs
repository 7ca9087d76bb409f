//! A private PostgreSQL: its own directory, port and user, gone when its value is dropped.

mod account;
mod binaries;
mod directory;
mod server;

use std::ffi::OsString;
use std::thread;

use anyhow::Result;

pub(crate) use self::server::Server;
use crate::{cargo, interrupt, process, workspace};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The command to run; without one the server stays until Ctrl-C
    #[arg(last = true)]
    command: Vec<OsString>,
}

/// `cargo xtask postgres [-- COMMAND…]`
pub(crate) fn run(args: &Args) -> Result<()> {
    let server = Server::start()?;
    println!("{}={}", cargo::DATABASE, server.url());
    if let Some((program, arguments)) = args.command.split_first() {
        let mut command = workspace::command(program, "");
        // The command is the user's, so it runs where the user is.
        command.current_dir(std::env::current_dir()?);
        return process::run(command.args(arguments).env(cargo::DATABASE, server.url()));
    }
    println!("Ctrl-C stops it");
    while interrupt::received().is_none() {
        thread::park_timeout(process::POLL);
    }
    Ok(())
}
