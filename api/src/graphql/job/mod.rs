//! Jobs: asking for them (`mutation`), carrying them out (`report`, `result`), following them (`subscription`).

mod claim;
mod loaders;
mod mutation;
mod query;
mod report;
mod result;
mod subscription;
mod types;

pub use mutation::JobMutation;
pub use query::JobQuery;
pub use report::JobReportMutation;
pub use subscription::JobSubscription;
pub use types::{Job, JobKind, JobStatus};
