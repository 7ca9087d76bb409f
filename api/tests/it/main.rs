//! Stories through the public face: GraphQL and HTTP in, answers out.

mod bad_input;
mod files;
mod following;
mod identity;
mod jobs;
mod limits;
mod live;
mod nested;
mod organisation;
mod replicas;
mod schema;
mod since;
mod versions;
