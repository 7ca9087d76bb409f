//! Debian's packages, installed where we may and named where we may not.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::process;

/// Installs Debian packages, or says how to where this user cannot.
pub(crate) fn install(packages: &[&str], reason: &str) -> Result<()> {
    ensure_possible(packages, reason)?;
    let names = packages.join(" ");
    println!("{reason}: installing Debian's {names}");
    process::run(&mut apt_get(&["update", "-q"]))
        .and_then(|()| process::run(apt_get(&["install", "-y", "-q", "--no-install-recommends"]).args(packages)))
        .with_context(|| format!("{reason}, and installing {names} failed"))
}

/// Fails, naming what a person has to install, where we cannot do it ourselves.
pub(crate) fn ensure_possible(packages: &[&str], reason: &str) -> Result<()> {
    let possible = rustix::process::geteuid().is_root() && process::exists("apt-get");
    ensure!(possible, "{reason}. On Debian: sudo apt-get install {}", packages.join(" "));
    Ok(())
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command
}
