mod mutation;
mod query;
mod session;
mod types;

pub use mutation::ViewerMutation;
pub use query::ViewerQuery;
pub use types::{ApiToken, User};
