mod loaders;
mod mutation;
mod query;
mod types;

pub use mutation::UploadMutation;
pub use query::UploadQuery;
pub use types::Upload;
