//! The Python packages' steps, in a virtual environment under target/.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::{apt, process, test::Args, workspace};

const PACKAGES: [&str; 2] = ["clients/python", "runners/python"];

/// The package whose runner the Rust tests start beside their own.
const RUNNER: &str = "runners/python";

pub(crate) fn test(_: &Args) -> Result<()> {
    let packages = packages();
    if packages.is_empty() {
        println!("There is no Python package yet: none of {} has a pyproject.toml", PACKAGES.join(", "));
        return Ok(());
    }
    let python = install(&packages)?;
    for package in packages {
        process::run(workspace::command(&python, package).args(["-m", "pytest"]))?;
    }
    Ok(())
}

/// A python that has the runner's package, for the protocol tests; `None` where the checkout has no such package.
pub(crate) fn with_runner() -> Result<Option<PathBuf>> {
    let packages = packages();
    if !packages.contains(&RUNNER) {
        println!("There is no {RUNNER}/pyproject.toml: the protocol tests of the Python runner are LEFT OUT");
        return Ok(None);
    }
    install(&packages).map(Some)
}

/// The packages that are there.
fn packages() -> Vec<&'static str> {
    let root = workspace::root();
    PACKAGES.into_iter().filter(|package| root.join(package).join("pyproject.toml").is_file()).collect()
}

/// Installs the packages for editing, with their `test` extra, and gives back the environment's python.
fn install(packages: &[&str]) -> Result<PathBuf> {
    let root = workspace::root();
    let environment = root.join("target/python");
    let python = environment.join("bin/python");
    let stamp = environment.join("installed");
    let declared = packages.iter().map(|package| root.join(package).join("pyproject.toml"));
    // The list of packages is in the stamp, so that a package that is new installs whatever its age.
    let current = fs::read_to_string(&stamp).is_ok_and(|installed| installed == packages.join("\n"));
    if current && workspace::is_newer(&stamp, &declared.collect::<Vec<_>>()) {
        return Ok(python);
    }
    if !process::succeeds(workspace::command(&python, "").arg("--version")) {
        create(&environment)?;
    }
    let mut pip = workspace::command(&python, "");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pytest"]);
    for package in packages {
        pip.arg("-e").arg(format!("./{package}[test]"));
    }
    process::run(&mut pip)?;
    fs::write(&stamp, packages.join("\n"))?;
    Ok(python)
}

fn create(environment: &Path) -> Result<()> {
    ensure!(process::exists("python3"), "python3 is not on the PATH: install Python 3.11 or newer");
    // Debian packs what `venv` needs apart from Python.
    if !process::succeeds(workspace::command("python3", "").args(["-c", "import ensurepip, venv"])) {
        apt::install(&["python3-venv"], "Python has no venv module")?;
    }
    process::run(workspace::command("python3", "").args(["-m", "venv", "--clear"]).arg(environment))
}
