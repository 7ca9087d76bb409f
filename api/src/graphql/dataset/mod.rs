mod column;
mod format;
mod loaders;
mod mutation;
mod query;
mod types;
mod version;

pub use column::Column;
pub use mutation::DatasetMutation;
pub use query::DatasetQuery;
pub use types::Dataset;
pub use version::DatasetVersion;
