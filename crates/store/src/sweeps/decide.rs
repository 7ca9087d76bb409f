//! What a sweep does next, by its plan and how its trials stand. Nothing but arithmetic: the same state gives the same
//! answer to every server.

use nunatak_domain::{Direction, SweepStatus, TrialStatus};

use super::plan::Plan;

/// A trial, as far as it counts for what comes next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    pub(super) number: i32,
    pub(super) configuration: i32,
    pub(super) rung: i32,
    /// Which of the sweep's data sets.
    pub(super) place: i32,
    pub(super) status: TrialStatus,
    /// Nothing for a metric that is missing or NaN.
    pub(super) score: Option<f64>,
    pub(super) finished_at: Option<i64>,
}

/// How a sweep ends, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) status: SweepStatus,
    pub(super) code: Option<&'static str>,
    pub(super) message: Option<String>,
}

/// One thing to do; then the state is looked at anew.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next {
    /// Until a trial ends.
    Wait,
    /// These get a job, in this order.
    Queue(Vec<i32>),
    /// These go on in the next rung.
    Promote(Vec<Survivor>),
    End(Ending),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Survivor {
    /// The trial whose configuration goes on.
    pub(super) of: i32,
    pub(super) rung: i32,
}

/// By what trials are compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) metric: &'a str,
    pub(super) direction: Direction,
}

impl Judge<'_> {
    /// Whether `a` is better than `b`.
    pub(super) fn better(self, a: f64, b: f64) -> bool {
        match self.direction {
            Direction::Maximize => a > b,
            Direction::Minimize => a < b,
        }
    }

    /// The best first; what has no score is left out, and of equals the earlier comes first.
    fn ranked<'t>(self, trials: impl Iterator<Item = &'t Standing>) -> Vec<(&'t Standing, f64)> {
        let mut scored: Vec<_> = trials.filter_map(|trial| Some((trial, trial.score?))).collect();
        scored.sort_by(|(one, a), (other, b)| {
            let order = if self.direction == Direction::Maximize { b.total_cmp(a) } else { a.total_cmp(b) };
            order.then(one.number.cmp(&other.number))
        });
        scored
    }
}

impl Ending {
    pub(super) fn new(status: SweepStatus, code: &'static str, message: String) -> Self {
        Self { status, code: Some(code), message: Some(message) }
    }
}

/// `over_time`: the budget of seconds is used up.
pub(super) fn next(plan: &Plan, judge: Judge<'_>, trials: &[Standing], over_time: bool) -> Next {
    if let Some(ending) = early(plan, judge, trials, over_time) {
        return Next::End(ending);
    }
    let survivors = survivors(plan, judge, trials);
    if !survivors.is_empty() {
        return Next::Promote(survivors);
    }
    let count = |wanted: fn(TrialStatus) -> bool| trials.iter().filter(|trial| wanted(trial.status)).count();
    let planned = count(|status| status == TrialStatus::Planned);
    let begun = trials.len() - planned;
    let at_work = count(is_at_work);
    let room = (plan.concurrency as usize).saturating_sub(at_work);
    let left = plan.budget.max_trials.map_or(usize::MAX, |most| (most as usize).saturating_sub(begun));
    let waiting = trials.iter().filter(|trial| trial.status == TrialStatus::Planned).map(|trial| trial.number);
    let queue: Vec<i32> = waiting.take(room.min(left)).collect();
    match (queue.is_empty(), at_work) {
        (false, _) => Next::Queue(queue),
        (true, 1..) => Next::Wait,
        (true, 0) => Next::End(end(judge, trials, planned)),
    }
}

const fn is_at_work(status: TrialStatus) -> bool {
    matches!(status, TrialStatus::Queued | TrialStatus::Running)
}

/// The rules by which a sweep ends before all of its trials have.
fn early(plan: &Plan, judge: Judge<'_>, trials: &[Standing], over_time: bool) -> Option<Ending> {
    if over_time {
        let seconds = plan.budget.max_seconds.unwrap_or_default();
        let message = format!("the budget of {seconds} s is used up");
        return Some(Ending::new(SweepStatus::Stopped, "BUDGET", message));
    }
    let failed = trials.iter().filter(|trial| trial.status == TrialStatus::Failed).count();
    if failed > 0 && failed as f64 > plan.max_failed_share * f64::from(plan.total) {
        let message = format!(
            "{failed} of {} trials have failed, which is more than the share of {} that was allowed",
            plan.total, plan.max_failed_share
        );
        return Some(Ending::new(SweepStatus::Failed, "FAILURES", message));
    }
    goal(plan, judge, trials).or_else(|| standstill(plan, judge, trials))
}

fn goal(plan: &Plan, judge: Judge<'_>, trials: &[Standing]) -> Option<Ending> {
    let goal = plan.stop_when.better_than?;
    let mut message = None;
    for place in 0..plan.targets.len() {
        let (trial, score) = judge.ranked(of(trials, place)).first().copied()?;
        if !judge.better(score, goal) {
            return None;
        }
        let number = trial.number;
        message = Some(format!("trial {number} has {} {score}, which is better than {goal}", judge.metric));
    }
    Some(Ending::new(SweepStatus::Stopped, "GOAL", message?))
}

fn standstill(plan: &Plan, judge: Judge<'_>, trials: &[Standing]) -> Option<Ending> {
    let patience = plan.stop_when.no_improvement_in?;
    let mut ended: Vec<&Standing> = trials.iter().filter(|trial| has_ended(trial.status)).collect();
    ended.sort_by_key(|trial| (trial.finished_at, trial.number));
    let mut best: Vec<Option<f64>> = vec![None; plan.targets.len()];
    let mut in_vain = 0;
    for trial in ended {
        let best = best.get_mut(usize::try_from(trial.place).ok()?)?;
        match (trial.score, *best) {
            (Some(score), held) if held.is_none_or(|held| judge.better(score, held)) => {
                *best = Some(score);
                in_vain = 0;
            }
            _ => in_vain += 1,
        }
    }
    let message = format!("the last {in_vain} trials were not better than those before");
    (in_vain >= patience).then(|| Ending::new(SweepStatus::Stopped, "NO_IMPROVEMENT", message))
}

const fn has_ended(status: TrialStatus) -> bool {
    matches!(status, TrialStatus::Succeeded | TrialStatus::Failed)
}

fn of(trials: &[Standing], place: usize) -> impl Iterator<Item = &Standing> {
    trials.iter().filter(move |trial| usize::try_from(trial.place) == Ok(place))
}

/// Who goes on where the last rung of a data set is over.
fn survivors(plan: &Plan, judge: Judge<'_>, trials: &[Standing]) -> Vec<Survivor> {
    let mut all = Vec::new();
    for place in 0..plan.targets.len() {
        let Some(last) = of(trials, place).map(|trial| trial.rung).max() else { continue };
        let rung = || of(trials, place).filter(|trial| trial.rung == last);
        let is_open = |trial: &Standing| is_at_work(trial.status) || trial.status == TrialStatus::Planned;
        let next = usize::try_from(last + 1).ok().and_then(|next| plan.rungs.get(next));
        let (false, Some(next)) = (rung().any(is_open), next) else { continue };
        let best = judge.ranked(rung()).into_iter().take(next.trials as usize);
        all.extend(best.map(|(trial, _)| Survivor { of: trial.number, rung: last + 1 }));
    }
    all
}

/// When nothing is at work and nothing can be begun.
fn end(judge: Judge<'_>, trials: &[Standing], planned: usize) -> Ending {
    let succeeded = trials.iter().filter(|trial| trial.status == TrialStatus::Succeeded).count();
    if succeeded == 0 {
        let message = "no trial has succeeded; the trials tell why".to_owned();
        return Ending::new(SweepStatus::Failed, "ALL_FAILED", message);
    }
    if trials.iter().all(|trial| trial.score.is_none()) {
        let message = format!(
            "none of the {succeeded} trials that succeeded has the metric `{}`, or it is NaN: compare by one that \
             their versions have",
            judge.metric
        );
        return Ending::new(SweepStatus::Failed, "NO_METRIC", message);
    }
    if planned > 0 {
        let message = format!("the budget of trials is used up; {planned} were not begun");
        return Ending::new(SweepStatus::Stopped, "BUDGET", message);
    }
    Ending { status: SweepStatus::Succeeded, code: None, message: None }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
