//! Sweeps: many trainings that differ in detector and hyperparameters, compared by one metric.
//!
//! A sweep is a plan and its trials. A trial is a TRAIN job with `sweep_id`, once it has one. Whenever trials end,
//! [`Store::advance_sweeps`] settles them (the version's metric becomes the trial's score), asks [`decide`] what comes
//! next and does it, in one transaction that holds the sweep's row: however many servers do it at once, each trial is
//! queued once, and a server that ends in between leaves nothing half done.
//!
//! - plan, check, detectors, space: what is asked for, against the detectors' schemas and the data;
//! - draws, configurations, halving: which trials there are;
//! - decide: what comes next;
//! - start, advance, end, promote: doing it;
//! - read, trials: sweeps, and the leaderboard of their trials.
//!
//! To add a strategy: a variant of [`Strategy`] with its check, an arm in `check::configurations`, and its field in the
//! API's `SweepStrategyInput`.

mod advance;
mod check;
mod configurations;
mod decide;
mod detectors;
mod draws;
mod end;
mod halving;
mod plan;
mod promote;
mod read;
mod space;
mod start;
mod trials;

use nunatak_authz::{Action, Actor};
use nunatak_domain::{Direction, ProjectId, SweepId, SweepStatus, Timestamp, UserId};
use sea_orm::Condition;

pub use halving::Rung;
pub use plan::{Budget, MAX_TRIALS, Plan, Promotion, StopWhen, Strategy, SweepDetector, SweepRequest, Target};
pub use promote::PromotionRecord;
pub use read::{Progress, SweepFilter};
pub use trials::{TrialError, TrialOrder, TrialRecord};

use crate::{Event, Store, StoreError, entities::sweeps, scope};

/// A sweep, as it stands.
#[derive(Debug, Clone)]
pub struct SweepRecord {
    pub id: SweepId,
    pub project: ProjectId,
    pub name: String,
    pub status: SweepStatus,
    /// How it will have ended when the last runner has stopped.
    pub ending: Option<SweepStatus>,
    /// Why it ended, or is ending, other than with all trials.
    pub reason: Option<Reason>,
    pub plan: Plan,
    pub metric: String,
    pub direction: Direction,
    pub promotions: Vec<PromotionRecord>,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

/// Why a sweep ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `GOAL`, `BUDGET`, `NO_IMPROVEMENT`, `CANCELLED`, `ALL_FAILED`…
    pub code: String,
    pub message: String,
}

impl TryFrom<sweeps::Model> for SweepRecord {
    type Error = StoreError;

    fn try_from(row: sweeps::Model) -> Result<Self, StoreError> {
        let id = SweepId(row.id);
        let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of sweep {id}"));
        let status = |number| SweepStatus::from_number(number).ok_or_else(|| corrupt("status"));
        let reason = row.end_code.map(|code| Reason { code, message: row.end_message.unwrap_or_default() });
        Ok(Self {
            id,
            project: row.project_id.into(),
            name: row.name,
            status: status(row.status)?,
            ending: row.ending.map(status).transpose()?,
            reason,
            plan: serde_json::from_str(&row.plan).map_err(|_| corrupt("plan"))?,
            metric: row.metric,
            direction: Direction::from_number(row.direction).ok_or_else(|| corrupt("direction"))?,
            promotions: serde_json::from_str(&row.promotions).map_err(|_| corrupt("promotions"))?,
            created_by: row.created_by.into(),
            created_at: Timestamp::from_micros(row.created_at),
            finished_at: row.finished_at.map(Timestamp::from_micros),
        })
    }
}

/// Holds for sweeps that the actor may see: as for their jobs. A job's own token sees none.
fn visible(store: &Store, actor: &Actor) -> Condition {
    scope::project_ids(sweeps::Column::ProjectId, store.authorizer().reach(actor, Action::ReadJobs))
}

impl Store {
    fn sweep_changed(&self, sweep: SweepId, project: ProjectId) {
        self.bus().publish(Event::SweepChanged { sweep, project });
    }
}
