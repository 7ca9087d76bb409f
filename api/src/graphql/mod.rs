//! The schema: one folder a noun, merged here.

pub mod connection;
pub mod context;
pub mod error;
pub mod live;
pub mod loaders;
pub mod node;
pub(crate) mod observer;
pub mod payload;
pub mod plain;
pub mod scalars;

mod alias;
mod audit;
mod dataset;
mod detector;
mod facet;
mod figure;
mod job;
mod lineage;
mod member;
mod metric;
mod model;
mod prediction;
mod project;
mod runner;
mod tag;
mod upload;
mod version;
mod viewer;
mod workspace;

use async_graphql::{MergedObject, MergedSubscription, Schema};

use crate::ApiState;

/// Everything that can be read.
#[derive(MergedObject, Default, Debug)]
pub struct Query(
    node::NodeQuery,
    viewer::ViewerQuery,
    workspace::WorkspaceQuery,
    project::ProjectQuery,
    audit::AuditQuery,
    upload::UploadQuery,
    dataset::DatasetQuery,
    detector::DetectorQuery,
    runner::RunnerQuery,
    job::JobQuery,
    job::JobQueueQuery,
    lineage::LineageQuery,
    prediction::PredictionQuery,
    model::ModelQuery,
    version::VersionQuery,
    facet::FacetQuery,
    version::CompareQuery,
    tag::TagQuery,
);

/// Everything that can be changed. Expected outcomes are in the payload's `userErrors`; faults are in `errors`.
#[derive(MergedObject, Default, Debug)]
pub struct Mutation(
    viewer::ViewerMutation,
    workspace::WorkspaceMutation,
    project::ProjectMutation,
    member::MemberMutation,
    upload::UploadMutation,
    dataset::DatasetMutation,
    runner::RunnerMutation,
    job::JobMutation,
    job::JobReportMutation,
    job::JobAliveMutation,
    model::ModelMutation,
    version::VersionMutation,
    alias::AliasMutation,
    tag::TagMutation,
    metric::MetricMutation,
);

/// Everything that can be followed live, over WebSocket (graphql-transport-ws) or server-sent events.
#[derive(MergedSubscription, Default, Debug)]
pub struct Subscription(live::LiveSubscription, job::JobSubscription, version::VersionSubscription);

pub type ApiSchema = Schema<Query, Mutation, Subscription>;

/// The schema with its limits and the server's state in it.
#[must_use]
pub fn build_schema(state: &ApiState) -> ApiSchema {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .data(state.clone())
        .limit_depth(state.options.max_depth)
        .limit_complexity(state.options.max_complexity)
        .limit_directives(5)
        .extension(observer::Observer(state.options.metrics.clone()))
        .finish()
}

/// The schema as text, without a server: what `schema.graphql` holds.
#[must_use]
pub fn sdl() -> String {
    Schema::build(Query::default(), Mutation::default(), Subscription::default()).finish().sdl()
}
