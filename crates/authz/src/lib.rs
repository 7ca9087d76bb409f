//! Who may do what: the only crate that decides, and the only one that names casbin.
//!
//! To add a permission: add a variant to [`Action`], a line to `policy.csv`, and accept the changed table
//! (`tests/table.rs`). An action without a line fails that test.

mod action;
mod actor;
mod permit;

pub use action::Action;
pub use actor::Actor;
pub use permit::{Authorizer, Denied, Permit, Reach, Scope};
