//! Versions: registering, reading, finding.
//!
//! - `new`, `check`, `register`, `row`, `tables`, `log`, `once`: what a version is made from, and how it gets in.
//! - `record`, `read`, `values`: what comes out, one by one and in batches for the loaders.
//! - `maps`: the same as one text a version, for output.
//! - `matching`: the row numbers that a filter finds. `audience`: for whom a version's rows are.
//! - `find`, `compile`, `conditions`, `order`, `cursor`: the filtered, ordered page. `along`: what it brings along.
//! - `plan`: which index a page is come by.
//! - `edit`: what may still change, and deletion.
//!
//! To filter by one more thing: a variant in `nunatak_domain::filter::VersionFilter`, an arm in `compile`,
//! an arm in the naive evaluator of `src/versions/tests/naive.rs`.

mod along;
pub(crate) mod audience;
mod check;
mod compile;
mod conditions;
mod cursor;
mod edit;
mod find;
mod log;
pub(crate) mod maps;
pub(crate) mod matching;
mod new;
mod once;
mod order;
mod plan;
pub(crate) mod read;
mod record;
pub(crate) mod register;
mod row;
pub(crate) mod sql;
mod tables;
mod threshold;
pub(crate) mod values;

pub use along::{Along, Company};
pub(crate) use conditions::escape;
pub use edit::VersionChange;
pub use find::{COUNT_CAP, Count};
pub use log::{LogVersion, MAX_BATCH, TargetModel};
pub use maps::Maps;
pub(crate) use maps::{Float, Measured};
pub use new::{Artifact, DatasetOrigin, Git, MetricPoint, NewFigure, NewVersion};
pub(crate) use plan::{Counts, Samples};
pub use read::VersionDocuments;
pub use record::VersionRecord;
pub use register::{MAX_FIGURES, MAX_KEYS, MAX_TAGS};
pub(crate) use row::Of;
pub use threshold::NewThreshold;

#[cfg(test)]
mod tests;
