//! Stories through the public face: GraphQL and HTTP in, answers out.

mod files;
mod identity;
mod jobs;
mod limits;
mod live;
mod organisation;
mod schema;
mod versions;
