//! The GraphQL API over HTTP.
//!
//! A request: [`http::auth`] makes an `Actor` of its credentials, a resolver (`graphql/<noun>/`) parses ids,
//! asks permission, calls the store and wraps; children come through per-request [`loaders`](graphql::loaders).
//! Names no sea_orm, casbin or linfa, and decides nothing by role.
//!
//! To add a field: the resolver in `graphql/<noun>/types.rs` with its doc comment (the API user's manual), a test
//! in `tests/it/<noun>.rs`, then `cargo xtask codegen` to rewrite `schema.graphql`.

mod documents;
pub mod files;
pub mod graphql;
pub mod http;
mod metrics;
mod observe;
mod scoring;
mod state;
mod tokens;

pub use documents::{Documents, ManifestError, Trust};
pub use graphql::{ApiSchema, build_schema};
pub use http::{app, metrics_app};
pub use metrics::Metrics;
pub use scoring::ScoringPatience;
pub use state::{ApiOptions, ApiState};
pub use tokens::TokenKeys;
