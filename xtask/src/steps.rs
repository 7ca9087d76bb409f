//! The suite's steps, in the order they run: what is cheap and fails often stands first.

use anyhow::Result;
use clap::ValueEnum;

use crate::{cargo, codegen, licences, python, test::Args, tidy, web};

pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    pub(crate) run: fn(&Args) -> Result<()>,
}

/// What `--only` selects.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    Lint,
    RustSqlite,
    RustPostgres,
    Web,
    Python,
    Generated,
}

pub(crate) fn all() -> Vec<Step> {
    use Group::{Generated, Lint, Python, RustPostgres, RustSqlite, Web};
    let step = |name, group, run: fn(&Args) -> Result<()>| Step { name, group, run };
    vec![
        step("fmt", Lint, cargo::fmt_check),
        step("tidy", Lint, tidy::check),
        step("licences", Lint, licences::check),
        step("clippy", Lint, cargo::clippy),
        step("rust-sqlite", RustSqlite, cargo::test_on_sqlite),
        step("rust-doc", RustSqlite, cargo::doc_tests),
        step("rust-postgres", RustPostgres, cargo::test_on_postgres),
        step("web", Web, web::test),
        step("python", Python, python::test),
        step("generated", Generated, codegen::check),
    ]
}
