//! Every package we build on has a licence that deny.toml allows.
//!
//! A small check of our own, because cargo-deny takes minutes to install; it reads cargo-deny's file, so there
//! is one list.

mod policy;

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use self::policy::Policy;
use crate::{cargo, process, test::Args, workspace};

/// What the Docker image is built for. Other platforms' packages are not fetched just to be read.
const PLATFORMS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

struct Package {
    name: String,
    licence: Option<String>,
    /// Its files are part of what we ship, not only of the tools that make it.
    shipped: bool,
}

pub(crate) fn check(_: &Args) -> Result<()> {
    let root = workspace::root();
    let policy = Policy::parse(&fs::read_to_string(root.join("deny.toml")).context("cannot read deny.toml")?)?;
    let mut packages = crates()?;
    packages.extend(npm_packages()?);
    let wrong = packages.iter().filter_map(|package| policy.objection(package)).collect::<Vec<_>>();
    if !wrong.is_empty() {
        bail!("licences that deny.toml does not allow:\n  {}", wrong.join("\n  "));
    }
    println!("{} packages have licences that deny.toml allows", packages.len());
    Ok(())
}

fn crates() -> Result<Vec<Package>> {
    let mut command = cargo::cargo();
    command.args(["metadata", "--format-version", "1", "--locked"]);
    for platform in PLATFORMS {
        command.args(["--filter-platform", platform]);
    }
    let metadata: Value = serde_json::from_str(&process::read(&mut command)?)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let read = packages.iter().map(|package| Package {
        name: text(&package["name"]).unwrap_or_default(),
        licence: text(&package["license"]),
        shipped: true,
    });
    Ok(read.collect())
}

fn npm_packages() -> Result<Vec<Package>> {
    let Ok(lock) = fs::read_to_string(workspace::root().join("web/package-lock.json")) else {
        println!("web/package-lock.json does not exist yet");
        return Ok(Vec::new());
    };
    read_npm_lock(&lock)
}

fn read_npm_lock(lock: &str) -> Result<Vec<Package>> {
    let lock: Value = serde_json::from_str(lock).context("web/package-lock.json is not JSON")?;
    let packages = lock["packages"].as_object().context("web/package-lock.json has no `packages`")?;
    // The empty path is our own package; a link leads to one that is listed by its own path.
    let foreign = packages.iter().filter(|(path, package)| !path.is_empty() && package["link"] != true);
    let read = foreign.map(|(path, package)| Package {
        name: path.rsplit("node_modules/").next().unwrap_or(path).to_owned(),
        licence: text(&package["license"]),
        shipped: package["dev"] != true,
    });
    Ok(read.collect())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_npm_lock_yields_the_foreign_packages() {
        let lock = r#"{"packages": {
            "": {"name": "nunatak-web"},
            "node_modules/a": {"license": "MIT"},
            "node_modules/a/node_modules/@b/c": {"license": "ISC", "dev": true},
            "node_modules/d": {"link": true}
        }}"#;
        let packages = read_npm_lock(lock).unwrap();
        let names = packages.iter().map(|package| (package.name.as_str(), package.shipped));
        assert_eq!(names.collect::<Vec<_>>(), [("a", true), ("@b/c", false)]);
    }
}
