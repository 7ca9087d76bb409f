mod mutation;
mod query;
mod types;

pub use mutation::TagMutation;
pub(crate) use mutation::parse_tags;
pub use query::TagQuery;
pub use types::{Tag, TagsOf};
