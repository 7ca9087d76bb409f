//! Parquet, both ways, by the crate's low-level columns: no Arrow in between.

pub(crate) mod column;
pub(crate) mod read;
pub(crate) mod write;
