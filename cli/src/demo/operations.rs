//! The demo's own documents, checked against the schema when it is compiled.

use graphql_client::GraphQLQuery;
use nunatak_client::enums::JobStatus;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../schema.graphql",
    query_path = "src/demo/operations.graphql",
    custom_scalars_module = "nunatak_client::scalars",
    extern_enums("JobStatus"),
    response_derives = "Debug"
)]
pub(super) struct JobStates;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../schema.graphql",
    query_path = "src/demo/operations.graphql",
    custom_scalars_module = "nunatak_client::scalars",
    response_derives = "Debug"
)]
pub(super) struct Leaderboard;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../schema.graphql",
    query_path = "src/demo/operations.graphql",
    custom_scalars_module = "nunatak_client::scalars",
    response_derives = "Debug"
)]
pub(super) struct MoveAlias;

/// What the demo prints for the reader to try, and runs itself to show the answer.
pub(super) const EXAMPLE: &str = include_str!("example.graphql");

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../schema.graphql",
    query_path = "src/demo/example.graphql",
    custom_scalars_module = "nunatak_client::scalars",
    response_derives = "Debug, Serialize"
)]
pub(super) struct BestForests;
