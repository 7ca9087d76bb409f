//! Stories through the public face: GraphQL and HTTP in, answers out.

mod bad_input;
mod facets;
mod files;
mod identity;
mod jobs;
mod limits;
mod live;
mod metrics;
mod nested;
mod organisation;
mod schema;
mod slow_log;
mod summaries;
mod trusted;
mod versions;
