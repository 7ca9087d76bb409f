mod data;
mod input;
mod loaders;
mod mutation;
mod query;
mod run;
mod task;
mod trigger;
mod types;

pub(crate) use data::ScheduleDataInput;
pub(crate) use input::PromoteInput;
pub use mutation::ScheduleMutation;
pub use query::ScheduleQuery;
pub use run::ScheduleRun;
pub use types::Schedule;
