//! Schedules: work that is asked for by the clock, by new data, or by a metric that gets worse.
//!
//! A schedule fires in the name of its owner, whose rights are asked each time. What it fires is a run: one job, and
//! after a training the comparison with the version that an alias names ([`crate::promotions`]). A schedule has one
//! unfinished run at most.
//!
//! - definition: what a schedule does, and when; check: whether it could be done now;
//! - write: make, change, pause, resume, beginning at (start) the present; read;
//! - step: what is due, for all triggers; watch: what a metric trigger looks at;
//! - fire: one transaction that takes the firing and queues its job; run: what becomes of it.
//!
//! Several servers may step at once. Whoever fires raises `revision` from what it had read; the others then find it
//! raised, and leave it.

mod check;
mod definition;
mod fire;
mod read;
mod rights;
mod run;
mod start;
mod step;
mod watch;
mod write;

pub(crate) use check::dataset_version;

pub use definition::{
    Aggregate, Data, Definition, MetricTrigger, PredictTask, PromoteRule, Task, TrainTask, Trigger, Window,
};
use nunatak_domain::{ProjectId, ScheduleId, ScheduleState, Timestamp, UserId};
pub use rights::Rights;
pub use run::{FiringCause, Reading, RunError, RunRecord};
pub use step::Watched;
pub use write::ScheduleChange;

use crate::{StoreError, entities::schedules};

/// Work that is asked for again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleRecord {
    pub id: ScheduleId,
    pub project: ProjectId,
    pub name: String,
    pub state: ScheduleState,
    /// Why it does not fire any more, and what to do.
    pub suspended_because: Option<String>,
    pub task: Task,
    pub trigger: Trigger,
    pub promote: Option<PromoteRule>,
    /// The next moment of a cron expression, paused or not.
    pub next_fire_at: Option<Timestamp>,
    pub last_fired_at: Option<Timestamp>,
    /// In whose name it works: who made it, or changed or resumed it last.
    pub owner: UserId,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts what changed it, firings included.
    pub(crate) revision: i64,
    /// The dataset's version up to which it has fired.
    pub(crate) seen_number: Option<i64>,
    /// The metric has been good since it last fired, or nothing is known of it yet.
    pub(crate) armed: bool,
    /// The version that the metric was looked up of.
    pub(crate) watched_row: Option<i64>,
}

impl TryFrom<schedules::Model> for ScheduleRecord {
    type Error = StoreError;

    fn try_from(row: schedules::Model) -> Result<Self, StoreError> {
        let id = ScheduleId(row.id);
        let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of {id}"));
        let promote = row.promote.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            id,
            project: row.project_id.into(),
            name: row.name,
            state: ScheduleState::from_number(row.state).ok_or_else(|| corrupt("state"))?,
            suspended_because: row.suspended_because,
            task: serde_json::from_str(&row.task).map_err(|_| corrupt("task"))?,
            trigger: serde_json::from_str(&row.trigger_rule).map_err(|_| corrupt("trigger"))?,
            promote: promote.map_err(|_| corrupt("promotion rule"))?,
            next_fire_at: row.next_fire_at.map(Timestamp::from_micros),
            last_fired_at: row.last_fired_at.map(Timestamp::from_micros),
            owner: row.owner_id.into(),
            created_by: row.created_by.into(),
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
            revision: row.revision,
            seen_number: row.seen_number,
            armed: row.armed,
            watched_row: row.watched_row,
        })
    }
}

/// A value as text for a column.
pub(crate) fn to_text(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}
