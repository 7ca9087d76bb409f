//! Starting and stopping the server.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::account::Account;
use super::binaries::Binaries;
use super::directory::Directory;
use crate::{interrupt, process};

const USER: &str = "nunatak";

/// Nothing here outlives the run, so nothing is made safe against a crash.
/// 300 connections: nextest runs a process a test, and each has a pool.
const SETTINGS: [&str; 8] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=300",
    "shared_buffers=128MB",
    "listen_addresses=127.0.0.1",
];

/// Another process may take the free port between our look and the server's.
const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(30);

/// A running PostgreSQL; dropping it stops it and removes its directory, in the order of the fields.
pub(crate) struct Server {
    _process: Process,
    _directory: Directory,
    url: String,
}

impl Server {
    pub(crate) fn start() -> Result<Self> {
        let binaries = Binaries::get()?;
        let account = Account::choose()?;
        let directory = Directory::create()?;
        account.give(directory.path())?;
        initialise(&binaries, account, directory.path())?;
        let (process, port) = serve(&binaries, account, directory.path())?;
        println!("a private PostgreSQL is up in {} on port {port}", directory.path().display());
        let url = format!("postgres://{USER}@127.0.0.1:{port}/postgres");
        Ok(Self { _process: process, _directory: directory, url })
    }

    /// The URL of a superuser's database, over TCP on the loopback address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

fn initialise(binaries: &Binaries, account: Account, directory: &Path) -> Result<()> {
    let mut initdb = account.command(&binaries.initdb);
    initdb.arg("--pgdata").arg(directory.join("data")).args(["--username", USER]);
    initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
    // The folder we are in may be one that the server's user cannot enter.
    process::read(initdb.current_dir(directory))
        .map(drop)
        .with_context(|| format!("cannot set PostgreSQL up in {} (can its user enter that?)", directory.display()))
}

fn serve(binaries: &Binaries, account: Account, directory: &Path) -> Result<(Process, u16)> {
    let mut attempt = 1;
    loop {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut process = Process(spawn(binaries, account, directory, port)?);
        match process.wait_until_ready(directory) {
            Ok(()) => return Ok((process, port)),
            Err(error) if attempt == ATTEMPTS || !log(directory).contains("Address already in use") => {
                return Err(error);
            }
            Err(_) => attempt += 1,
        }
    }
}

fn spawn(binaries: &Binaries, account: Account, directory: &Path, port: u16) -> Result<Child> {
    let log = File::create(directory.join("log"))?;
    let mut command = account.command(&binaries.postgres);
    if process::exists("setpriv") {
        // Should we be killed outright, the kernel stops the server.
        command = account.command(Path::new("setpriv"));
        command.args(["--pdeathsig", "QUIT", "--"]).arg(&binaries.postgres);
    }
    command.arg("-D").arg(directory.join("data")).arg("-k").arg(directory).args(["-p", &port.to_string()]);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command
        .current_dir(directory)
        // Ctrl-C is for the tests: the server goes after them.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start PostgreSQL")
}

fn log(directory: &Path) -> String {
    fs::read_to_string(directory.join("log")).unwrap_or_default()
}

struct Process(Child);

impl Process {
    fn wait_until_ready(&mut self, directory: &Path) -> Result<()> {
        let started = Instant::now();
        loop {
            interrupt::check()?;
            if is_ready(directory) {
                return Ok(());
            }
            let ended = self.0.try_wait()?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                let log = log(directory);
                let lines = log.lines().collect::<Vec<_>>();
                let tail = lines[lines.len().saturating_sub(20)..].join("\n");
                let what = if ended.is_some() { "ended at once" } else { "is not ready" };
                bail!("PostgreSQL {what} after {:.0} s; its log ends:\n{tail}", started.elapsed().as_secs_f64());
            }
            thread::park_timeout(process::POLL);
        }
    }
}

/// The server writes its state into the eighth line of its pid file.
fn is_ready(directory: &Path) -> bool {
    let file = fs::read_to_string(directory.join("data/postmaster.pid")).unwrap_or_default();
    file.lines().nth(7).is_some_and(|state| state.trim() == "ready")
}

impl Drop for Process {
    /// QUIT is the immediate stop: the server ends its backends and itself, and saves nothing.
    fn drop(&mut self) {
        let stopping = Instant::now();
        let _ = kill_process(Pid::from_child(&self.0), Signal::QUIT);
        while matches!(self.0.try_wait(), Ok(None)) {
            if stopping.elapsed() > Duration::from_secs(10) {
                let _ = self.0.kill();
                let _ = self.0.wait();
            }
            thread::park_timeout(process::POLL);
        }
    }
}
