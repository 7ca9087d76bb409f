mod mutation;
mod query;
mod types;

pub use mutation::WorkspaceMutation;
pub use query::WorkspaceQuery;
pub use types::Workspace;
