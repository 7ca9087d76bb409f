//! Nunatak's GraphQL API for Rust programs: the command line and the runners use nothing else.
//!
//! [`Client`] sends typed operations, repeats what may be repeated, and moves files. The types come from
//! `schema.graphql` and the documents in `operations/`, at compile time: what the server no longer offers does not build.
//!
//! # Adding an operation
//! Write it into `operations/<noun>.graphql` (a mutation selects `userErrors { code message path }`), derive its types in
//! `src/operations/<noun>.rs`, and give [`Client`] a method there when callers would otherwise repeat themselves. A mutation
//! that may be sent twice without harm carries an `idempotencyKey` or joins the list in `src/repeat.rs`.

mod backoff;
mod client;
mod document;
mod download;
mod error;
mod operations;
mod repeat;
mod response;
pub mod scalars;
mod source;
mod upload;

pub use backoff::Backoff;
pub use client::{Client, ClientOptions};
pub use error::{ClientError, UserError};
/// The trait that every operation implements; see [`Client::query`].
pub use graphql_client::GraphQLQuery;
use operations::keyed;
pub use operations::{aliases, auth, datasets, detectors, enums, files, jobs, projects, runner, versions, workspaces};
pub use source::Source;

/// Read here so that a changed schema rebuilds the crate: the derives read it behind cargo's back.
const _SCHEMA: &str = include_str!("../../../schema.graphql");
