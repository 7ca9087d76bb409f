//! Stories through the public face: GraphQL and HTTP in, answers out.

mod files;
mod identity;
mod limits;
mod live;
mod organisation;
mod schema;
