//! Running other programs: shown, waited for, and told when we are interrupted.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::interrupt;

/// Long enough to cost nothing, short enough not to be noticed.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// Runs a command in the foreground; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    interrupt::check()?;
    let shown = show(command);
    println!("$ {shown}");
    let mut child = spawn(command)?;
    let status = wait(&mut child)?;
    interrupt::check()?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Runs a command and gives back what it wrote to its standard output.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command.output().with_context(|| format!("cannot run `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed ({})\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether a command can be run and succeeds; says nothing either way.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether a program of this name is on the PATH.
pub(crate) fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn spawn(command: &mut Command) -> Result<Child> {
    command.spawn().map_err(|error| {
        let program = command.get_program().to_string_lossy();
        let missing = error.kind() == ErrorKind::NotFound;
        let hint = if missing { ": is it installed, and on the PATH?" } else { "" };
        anyhow::Error::new(error).context(format!("cannot start `{program}`{hint}"))
    })
}

fn wait(child: &mut Child) -> Result<ExitStatus> {
    let mut interrupted_at = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if let Some(signal) = interrupt::received() {
            let since = *interrupted_at.get_or_insert_with(Instant::now);
            // Ctrl-C reaches the whole terminal, the child with it; any other signal was sent to us alone.
            if signal != Signal::INT || since.elapsed() > Duration::from_secs(5) {
                terminate(child);
                return Ok(child.wait()?);
            }
        }
        thread::park_timeout(POLL);
    }
}

fn terminate(child: &Child) {
    // A child that has just ended cannot be signalled: nothing is left to do.
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
}

/// The command as a person would type it, without the paths that only this machine has.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
