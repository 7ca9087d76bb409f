//! Stories through the public face: GraphQL and HTTP in, answers out.

mod bad_input;
mod facets;
mod files;
mod identity;
mod jobs;
mod limits;
mod live;
mod nested;
mod organisation;
mod schema;
mod summaries;
mod versions;
