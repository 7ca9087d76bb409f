//! The kinds of jobs, one file each: from a claimed job to the input of `completeJob`.

mod data;
mod predict;
mod table;
mod train;

pub(crate) use predict::{evaluate, predict};
pub(crate) use train::train;
