use async_graphql::{ID, InputObject, MaybeUndefined};
use nunatak_domain::{AliasName, Key, Name, Problem};
use nunatak_store::{
    StoreError,
    schedules::{Definition, PromoteRule, ScheduleChange},
};

use super::{
    super::metric::MetricDirection, data::ScheduleDataInput, task::ScheduleTaskInput, trigger::ScheduleTriggerInput,
};

/// The alias that a new version gets if it is better than the one that the alias names.
#[derive(InputObject, Debug)]
pub struct PromoteInput {
    /// The alias; made where the model has none of that name.
    #[graphql(default = "champion")]
    pub(crate) alias: String,
    /// The metric by which they are compared.
    pub(crate) metric: String,
    /// Which end of it is good; what the project declares of the metric unless given.
    pub(crate) direction: Option<MetricDirection>,
    /// By how much it must be better at least; 0 for any.
    #[graphql(default = 0.0)]
    pub(crate) min_improvement: f64,
    /// The labelled rows on which both are evaluated, best such that neither was trained on. Unless given, what the
    /// trainings reported is compared where both were trained on one dataset version; else both are evaluated on the
    /// rows that the new one was trained on.
    pub(crate) evaluate_on: Option<ScheduleDataInput>,
}

impl PromoteInput {
    pub(crate) fn parse(&self) -> Result<PromoteRule, StoreError> {
        let data = self.evaluate_on.as_ref().map(ScheduleDataInput::parse).transpose();
        Ok(PromoteRule {
            alias: AliasName::parse(&self.alias).map_err(|problem| problem.at("alias"))?,
            metric: Key::parse(&self.metric).map_err(|problem| problem.at("metric"))?,
            direction: self.direction.map(Into::into),
            min_improvement: self.min_improvement,
            evaluate_on: data.map_err(|error| within(error, "evaluateOn"))?,
        })
    }
}

/// What to do, and when.
#[derive(InputObject, Debug)]
pub struct CreateScheduleInput {
    /// The project, `prj_…`.
    pub(super) project: ID,
    /// Unique in the project.
    name: String,
    /// What is done each time.
    task: ScheduleTaskInput,
    /// When it is done.
    trigger: ScheduleTriggerInput,
    /// After each training, the alias that the new version gets if it is better. Maintainers and above.
    pub(super) promote: Option<PromoteInput>,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    pub(super) idempotency_key: Option<String>,
}

impl CreateScheduleInput {
    pub(super) fn definition(&self) -> Result<Definition, StoreError> {
        let promote = self.promote.as_ref().map(PromoteInput::parse).transpose();
        Ok(Definition {
            name: Name::parse(&self.name).map_err(|problem| problem.at("name"))?,
            task: self.task.parse().map_err(|error| within(error, "task"))?,
            trigger: self.trigger.parse().map_err(|error| within(error, "trigger"))?,
            promote: promote.map_err(|error| within(error, "promote"))?,
        })
    }
}

/// What is different from now on; what is left out stays.
#[derive(InputObject, Debug)]
pub struct UpdateScheduleInput {
    /// `sch_…`
    pub(super) schedule: ID,
    /// Another name.
    name: Option<String>,
    /// Other work, all of it.
    task: Option<ScheduleTaskInput>,
    /// Another trigger, all of it. It begins anew: what was there before does not fire.
    trigger: Option<ScheduleTriggerInput>,
    /// Another rule, all of it; null for none any more.
    pub(super) promote: MaybeUndefined<PromoteInput>,
}

impl UpdateScheduleInput {
    pub(super) fn change(&self) -> Result<ScheduleChange, StoreError> {
        let promote = match &self.promote {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(rule) => Some(Some(rule.parse().map_err(|error| within(error, "promote"))?)),
        };
        let (task, trigger) = (self.task.as_ref(), self.trigger.as_ref());
        Ok(ScheduleChange {
            name: self.name.as_deref().map(Name::parse).transpose().map_err(|problem| problem.at("name"))?,
            task: task.map(ScheduleTaskInput::parse).transpose().map_err(|error| within(error, "task"))?,
            trigger: trigger.map(ScheduleTriggerInput::parse).transpose().map_err(|error| within(error, "trigger"))?,
            promote,
        })
    }
}

/// Which schedule.
#[derive(InputObject, Debug)]
pub struct PauseScheduleInput {
    /// `sch_…`
    pub(super) schedule: ID,
}

/// Which schedule.
#[derive(InputObject, Debug)]
pub struct ResumeScheduleInput {
    /// `sch_…`
    pub(super) schedule: ID,
}

/// Which schedule.
#[derive(InputObject, Debug)]
pub struct DeleteScheduleInput {
    /// `sch_…`
    pub(super) schedule: ID,
}

/// Which schedule.
#[derive(InputObject, Debug)]
pub struct RunScheduleNowInput {
    /// `sch_…`
    pub(super) schedule: ID,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    pub(super) idempotency_key: Option<String>,
}

/// The problems of a part, located in the whole.
pub(crate) fn within(error: StoreError, field: &str) -> StoreError {
    match error {
        StoreError::Invalid(problems) => {
            StoreError::Invalid(problems.into_iter().map(|problem: Problem| problem.at(field)).collect())
        }
        other => other,
    }
}
