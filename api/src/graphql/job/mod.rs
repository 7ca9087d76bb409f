//! Jobs: asking for them (`mutation`), carrying them out (`report`, `result`, `alive`), following them (`subscription`,
//! `details`).

mod alive;
mod claim;
mod details;
mod health;
mod loaders;
mod mutation;
mod query;
mod report;
mod result;
mod subscription;
mod types;

pub use alive::JobAliveMutation;
pub use health::JobQueueQuery;
pub use mutation::JobMutation;
pub use query::JobQuery;
pub use report::JobReportMutation;
pub use subscription::JobSubscription;
pub use types::{Job, JobKind, JobStatus};
