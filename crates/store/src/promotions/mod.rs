//! Promotions: an alias moves to a version only if that is better than the one that the alias names.
//!
//! Two versions are compared by one metric, measured on the same rows, never otherwise:
//!
//! - where the rows are named (`evaluateOn`), by evaluations of both on them;
//! - else, where both were trained on one dataset version, by what their trainings reported;
//! - else by evaluations of both on the rows that the candidate was trained on.
//!
//! An evaluation that was made before is used again: a version and a dataset version never change. What cannot be
//! compared (no labels, no such metric, an evaluation that fails) leaves the alias where it is. The alias moves in the
//! transaction that saw, holding the model, that it still names what was compared; else it is compared anew.
//!
//! - compare: one step of one promotion; measure: where the values come from; judge: whether they are better.

mod compare;
mod judge;
mod measure;
mod read;
mod write;

use nunatak_domain::{
    AliasName, DatasetVersionId, Direction, JobId, Key, ModelId, ProjectId, PromotionId, PromotionState, ScheduleId,
    Timestamp, UserId,
};
pub(crate) use write::NewPromotion;

use crate::{StoreError, entities::promotions};

/// A comparison with the version that an alias names, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PromotionRecord {
    pub id: PromotionId,
    pub project: ProjectId,
    pub model: ModelId,
    pub alias: AliasName,
    pub metric: Key,
    pub direction: Direction,
    pub min_improvement: f64,
    /// The rows on which both are measured.
    pub dataset_version: DatasetVersionId,
    /// By evaluations; else by what the trainings reported.
    pub evaluated: bool,
    pub candidate_row: i64,
    /// None where the alias named nothing.
    pub incumbent_row: Option<i64>,
    pub candidate_job: Option<JobId>,
    pub incumbent_job: Option<JobId>,
    /// NaN where it was measured as NaN, or not at all.
    pub candidate_value: f64,
    pub incumbent_value: f64,
    pub state: PromotionState,
    pub reason: String,
    /// How often the alias was moved by somebody else meanwhile.
    pub rounds: i32,
    pub schedule: Option<ScheduleId>,
    /// In whose name the alias moves.
    pub owner: UserId,
    pub created_at: Timestamp,
    pub decided_at: Option<Timestamp>,
}

impl TryFrom<promotions::Model> for PromotionRecord {
    type Error = StoreError;

    fn try_from(row: promotions::Model) -> Result<Self, StoreError> {
        let id = PromotionId(row.id);
        let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of {id}"));
        Ok(Self {
            id,
            project: row.project_id.into(),
            model: row.model_id.into(),
            alias: AliasName::parse(&row.alias).map_err(|_| corrupt("alias"))?,
            metric: Key::parse(&row.metric).map_err(|_| corrupt("metric"))?,
            direction: Direction::from_number(row.direction).ok_or_else(|| corrupt("direction"))?,
            min_improvement: row.min_improvement,
            dataset_version: row.dataset_version_id.into(),
            evaluated: row.evaluated,
            candidate_row: row.candidate_row,
            incumbent_row: row.incumbent_row,
            candidate_job: row.candidate_job.map(Into::into),
            incumbent_job: row.incumbent_job.map(Into::into),
            candidate_value: row.candidate_value.unwrap_or(f64::NAN),
            incumbent_value: row.incumbent_value.unwrap_or(f64::NAN),
            state: PromotionState::from_number(row.state).ok_or_else(|| corrupt("state"))?,
            reason: row.reason,
            rounds: row.rounds,
            schedule: row.schedule_id.map(Into::into),
            owner: row.owner_id.into(),
            created_at: Timestamp::from_micros(row.created_at),
            decided_at: row.decided_at.map(Timestamp::from_micros),
        })
    }
}
