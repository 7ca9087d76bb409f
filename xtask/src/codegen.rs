//! `cargo xtask codegen`: writes the generated files anew.

use anyhow::{Result, bail};

use crate::{cargo, generated, process, test::Args, web};

/// The test of `nunatak-api` that compares schema.graphql, and writes it when `NUNATAK_UPDATE` is 1.
const SCHEMA_TEST: &str = "schema_is_current";

pub(crate) fn run() -> Result<()> {
    schema()?;
    web::codegen()
}

/// Fails when a generated file is not what its generator writes now.
///
/// schema.graphql has been compared by its own test when this runs, as the last step of the suite.
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

/// Builds `nunatak-api` alone: the client, which is typed from the old schema, may not compile with the new one.
fn schema() -> Result<()> {
    let mut command = cargo::cargo();
    if cargo::has_nextest() {
        command.args(["nextest", "run", "-p", "nunatak-api", SCHEMA_TEST]);
    } else {
        command.args(["test", "-p", "nunatak-api", "--tests", SCHEMA_TEST]);
    }
    process::run(command.env("NUNATAK_UPDATE", "1").env_remove(cargo::DATABASE))
}
