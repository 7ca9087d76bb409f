use nunatak_domain::{DatasetVersionId, Timestamp};
use serde_json::Value;

use super::*;
use crate::sweeps::{
    Rung,
    plan::{Budget, Promotion, StopWhen, Strategy, SweepDetector, Target},
};

const AUC: Judge<'static> = Judge { metric: "roc_auc", direction: Direction::Maximize };

fn plan(total: u32, datasets: usize) -> Plan {
    let target = |n: usize| Target {
        dataset: DatasetVersionId::new(Timestamp::from_micros(1_000_000)),
        model: format!("model {n}"),
    };
    let detector =
        SweepDetector { name: "forest".into(), version: None, hyperparameters: Value::Null, space: Value::Null };
    Plan {
        detectors: vec![detector],
        strategy: Strategy::Grid { shuffle: false },
        targets: (0..datasets).map(target).collect(),
        seed: 0,
        concurrency: 2,
        budget: Budget::default(),
        stop_when: StopWhen::default(),
        promote: None::<Promotion>,
        max_failed_share: 0.5,
        tags: Vec::new(),
        priority: 0,
        max_attempts: 3,
        rungs: vec![Rung { trials: total, resource: 0.0 }],
        total,
    }
}

/// Trials of one data set: `p`lanned, at `w`ork, `f`ailed, or a score in tenths.
fn standing(trials: &str) -> Vec<Standing> {
    let trial = |(place, letter): (usize, char)| {
        let number = i32::try_from(place).unwrap() + 1;
        let status = match letter {
            'p' => TrialStatus::Planned,
            'w' => TrialStatus::Queued,
            'f' => TrialStatus::Failed,
            _ => TrialStatus::Succeeded,
        };
        let score = letter.to_digit(10).map(|tenths| f64::from(tenths) / 10.0);
        let finished_at = has_ended(status).then_some(i64::from(number));
        Standing { number, configuration: number, rung: 0, place: 0, status, score, finished_at }
    };
    trials.chars().enumerate().map(trial).collect()
}

fn ended(plan: &Plan, trials: &str) -> Option<(SweepStatus, Option<&'static str>)> {
    match next(plan, AUC, &standing(trials), false) {
        Next::End(ending) => Some((ending.status, ending.code)),
        _ => None,
    }
}

#[test]
fn no_more_are_at_work_than_was_said() {
    let plan = plan(4, 1);
    assert_eq!(next(&plan, AUC, &standing("pppp"), false), Next::Queue(vec![1, 2]));
    assert_eq!(next(&plan, AUC, &standing("wwpp"), false), Next::Wait);
    assert_eq!(next(&plan, AUC, &standing("9wpp"), false), Next::Queue(vec![3]));
    assert_eq!(ended(&plan, "98f7"), Some((SweepStatus::Succeeded, None)));
}

#[test]
fn a_sweep_stops_by_its_rules() {
    let (stopped, failed) = (SweepStatus::Stopped, SweepStatus::Failed);
    let budget = Plan { budget: Budget { max_trials: Some(3), max_seconds: Some(9) }, ..plan(5, 1) };
    assert_eq!(ended(&budget, "98wpp"), None);
    assert_eq!(ended(&budget, "987pp"), Some((stopped, Some("BUDGET"))));
    assert!(matches!(next(&budget, AUC, &standing("wwppp"), true), Next::End(end) if end.code == Some("BUDGET")));
    let goal = Plan { stop_when: StopWhen { better_than: Some(0.7), no_improvement_in: None }, ..plan(5, 1) };
    assert_eq!(ended(&goal, "7wwpp"), None, "as good is not better");
    assert_eq!(ended(&goal, "78wpp"), Some((stopped, Some("GOAL"))));
    let patience = Plan { stop_when: StopWhen { better_than: None, no_improvement_in: Some(2) }, ..plan(9, 1) };
    assert_eq!(ended(&patience, "58f9wwppp"), None, "the failure was followed by a better one");
    assert_eq!(ended(&patience, "5988wwppp"), Some((stopped, Some("NO_IMPROVEMENT"))));
    assert_eq!(ended(&plan(5, 1), "ff9wp"), None);
    assert_eq!(ended(&plan(5, 1), "ff9fw"), Some((failed, Some("FAILURES"))), "3 of 5 are more than half");
    let all = Plan { max_failed_share: 1.0, ..plan(3, 1) };
    assert_eq!(ended(&all, "fff"), Some((failed, Some("ALL_FAILED"))));
    assert_eq!(ended(&all, "nnf"), Some((failed, Some("NO_METRIC"))));
}

#[test]
fn a_goal_holds_when_every_data_set_has_reached_it() {
    let goal = Plan { stop_when: StopWhen { better_than: Some(0.7), no_improvement_in: None }, ..plan(4, 2) };
    let mut trials = standing("89ww");
    trials[2].place = 1;
    trials[3].place = 1;
    assert_eq!(next(&goal, AUC, &trials, false), Next::Wait);
    trials[3] = Standing { score: Some(0.71), status: TrialStatus::Succeeded, ..trials[3].clone() };
    assert!(matches!(next(&goal, AUC, &trials, false), Next::End(end) if end.code == Some("GOAL")));
}

#[test]
fn the_best_of_a_rung_go_on_when_all_of_it_is_over() {
    let rungs = [(9, 1.0), (3, 3.0), (1, 9.0)].map(|(trials, resource)| Rung { trials, resource });
    let halving = Plan { rungs: rungs.into(), concurrency: 9, max_failed_share: 1.0, ..plan(13, 1) };
    assert_eq!(next(&halving, AUC, &standing("12345678w"), false), Next::Wait);
    let survivor = |of, rung| Survivor { of, rung };
    let first = standing("62345687f");
    // 8 (trial 7), 7 (trial 8), and of the two sixes the earlier.
    assert_eq!(next(&halving, AUC, &first, false), Next::Promote([7, 8, 1].map(|of| survivor(of, 1)).into()));
    let loss = Judge { metric: "loss", direction: Direction::Minimize };
    assert_eq!(next(&halving, loss, &first, false), Next::Promote([2, 3, 4].map(|of| survivor(of, 1)).into()));

    let mut second = standing("62345687f79f");
    second[9..].iter_mut().for_each(|trial| trial.rung = 1);
    assert_eq!(next(&halving, AUC, &second, false), Next::Promote(vec![survivor(11, 2)]));
    // Where none is left to go on, it ends with what there is.
    second[9..].iter_mut().for_each(|trial| trial.score = None);
    assert!(matches!(next(&halving, AUC, &second, false), Next::End(end) if end.status == SweepStatus::Succeeded));
}
