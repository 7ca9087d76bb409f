//! The web app's steps, through npm.

use std::fs;
use std::io::IsTerminal;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{process, test::Args, workspace};

pub(crate) fn test(_: &Args) -> Result<()> {
    if !has_app() {
        println!("There is no web app yet: web/package.json is missing");
        return Ok(());
    }
    install()?;
    process::run(npm().args(["run", "check"]))?;
    process::run(npm().arg("test"))
}

/// Runs the app's own generators, if it has any.
pub(crate) fn codegen() -> Result<()> {
    if !has_app() || !has_script("codegen")? {
        return Ok(());
    }
    install()?;
    process::run(npm().args(["run", "codegen"]))
}

fn install() -> Result<()> {
    ensure!(process::exists("npm"), "npm is not on the PATH: install Node.js 20 or newer");
    let web = workspace::root().join("web");
    // npm writes this file last, once everything is in place.
    let installed = web.join("node_modules/.package-lock.json");
    if workspace::is_newer(&installed, &[web.join("package-lock.json")]) {
        return Ok(());
    }
    process::run(npm().args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]))
}

fn has_app() -> bool {
    workspace::root().join("web/package.json").is_file()
}

fn has_script(name: &str) -> Result<bool> {
    let text = fs::read_to_string(workspace::root().join("web/package.json"))?;
    let package: serde_json::Value = serde_json::from_str(&text).context("web/package.json is not JSON")?;
    Ok(package["scripts"][name].is_string())
}

/// `CI` keeps test runners from waiting for changes, wherever they run.
fn npm() -> Command {
    let mut command = workspace::command("npm", "web");
    command.env("CI", "true");
    // With `CI` set, some of them colour even what goes into a file.
    if !std::io::stdout().is_terminal() {
        command.env("NO_COLOR", "1");
    }
    command
}
