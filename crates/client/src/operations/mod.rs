//! The operations, one module a noun. Each derives its types from `operations/<noun>.graphql`.

pub mod aliases;
pub mod auth;
pub mod datasets;
pub mod detectors;
pub mod enums;
pub mod files;
pub mod jobs;
pub mod projects;
pub mod runner;
pub mod versions;
pub mod workspaces;

/// An idempotency key, so that a creation may be sent again when its answer was lost.
pub(crate) fn keyed(given: Option<String>) -> Option<String> {
    Some(given.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()))
}
