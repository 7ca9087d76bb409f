//! Sweeps: asking for them (`input`, `mutation`), reading them (`types`, `trial`), following them (`subscription`).

mod input;
mod loaders;
mod mutation;
mod parts;
mod query;
mod subscription;
mod trial;
mod types;

pub use mutation::SweepMutation;
pub use query::SweepQuery;
pub use subscription::SweepSubscription;
pub use types::Sweep;
