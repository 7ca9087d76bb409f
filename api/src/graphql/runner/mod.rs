mod loaders;
mod mutation;
mod query;
mod types;

pub(crate) use loaders::RunnersOfDetector;
pub use mutation::RunnerMutation;
pub use query::RunnerQuery;
pub use types::Runner;
