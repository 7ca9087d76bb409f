mod loaders;
mod mutation;
mod query;
mod types;

pub use mutation::ModelMutation;
pub(crate) use mutation::model_permit;
pub use query::ModelQuery;
pub use types::Model;
