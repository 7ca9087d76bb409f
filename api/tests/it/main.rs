//! Stories through the public face: GraphQL and HTTP in, answers out.

mod bad_input;
mod bulk;
mod compare;
mod facets;
mod files;
mod following;
mod identity;
mod jobs;
mod limits;
mod live;
mod metrics;
mod nested;
mod once;
mod organisation;
mod plain;
mod replicas;
mod running;
mod schema;
mod series;
mod since;
mod slow_log;
mod summaries;
mod tables;
mod trusted;
mod versions;
