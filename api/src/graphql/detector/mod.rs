mod loaders;
mod query;
mod types;

pub(crate) use loaders::{DetectorNamed, DetectorsOfRunner};
pub use query::DetectorQuery;
pub use types::{Detector, InputKind};
