//! The words of Nunatak as types: ids, names, roles, states, filters. No I/O, no framework.
//!
//! To add an identified noun, add one line to `ids!` in [`ids`]; to add a state, an enum in [`states`] with
//! its stored word. Everything that enters through an edge is parsed into one of these types first.

pub mod cron;
pub mod filter;
pub mod ids;
pub mod names;
pub mod page;
pub mod problem;
pub mod role;
pub mod states;
pub mod time;
pub mod value;

pub use cron::Cron;
pub use ids::*;
pub use names::{AliasName, Key, Name};
pub use page::{Page, PageRequest};
pub use problem::Problem;
pub use role::Role;
pub use states::*;
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
pub use value::{Scalar, Special};
