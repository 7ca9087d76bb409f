mod input;
mod loaders;
mod mutation;
mod types;

pub use input::MetricInput;
pub(crate) use loaders::MetricsOf;
pub use mutation::MetricMutation;
pub(crate) use types::parse_points;
pub use types::{Metric, MetricDirection, MetricPointInput};
