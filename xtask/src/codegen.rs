//! `cargo xtask codegen`: writes the generated files anew.

use anyhow::{Result, bail};

use crate::{cargo, generated, process, test::Args, web};

/// Packages and those of their tests that compare a generated file, and write it when `NUNATAK_UPDATE` is 1:
/// schema.graphql and docs/detectors.md.
const TESTS: [(&str, &str); 2] = [("nunatak-api", "schema_is_current"), ("nunatak-linfa", "detectors_page_is_current")];

pub(crate) fn run() -> Result<()> {
    for (package, test) in TESTS {
        write(package, test)?;
    }
    web::codegen()
}

/// Fails when a generated file is not what its generator writes now.
///
/// schema.graphql and docs/detectors.md have been compared by tests of their own when this runs, as the last step of the
/// suite.
pub(crate) fn check(_: &Args) -> Result<()> {
    let before = generated::snapshot();
    web::codegen()?;
    let changed = generated::changed(&before, &generated::snapshot());
    for file in &changed {
        println!("{}: was out of date, is now written anew", file.display());
    }
    if !changed.is_empty() {
        bail!("{} generated files were out of date: commit them as they are now", changed.len());
    }
    println!("{} generated files are current", before.len());
    Ok(())
}

/// Builds one package alone: the client, which is typed from the old schema, may not compile with the new one.
fn write(package: &str, test: &str) -> Result<()> {
    let mut command = cargo::cargo();
    if cargo::has_nextest() {
        command.args(["nextest", "run", "-p", package, test]);
    } else {
        command.args(["test", "-p", package, "--tests", test]);
    }
    process::run(command.env("NUNATAK_UPDATE", "1").env_remove(cargo::DATABASE))
}
