//! Stories of sweeps: trials are chosen, run, compared, and the sweep ends by itself, by a rule or by hand.

use std::{collections::HashSet, time::Duration};

use nunatak_domain::{DatasetVersionId, JobStatus, PageRequest, RunnerId, SweepId, SweepStatus, TrialStatus};
use nunatak_store::{
    Action, Store, StoreError,
    jobs::{Claim, Failure, JobFilter, JobResult},
    runners::NewRunner,
    sweeps::{
        Budget, Progress, StopWhen, Strategy, SweepDetector, SweepFilter, SweepRecord, SweepRequest, TrialOrder,
        TrialRecord,
    },
};
use serde_json::{Value, json};

use super::world::{CSV, World, code, detector, metric, name};

/// A forest with 10, 20, … trees.
pub(super) fn forest(trees: &[i64]) -> SweepDetector {
    space("isolation_forest", json!({ "n_estimators": { "values": trees } }))
}

pub(super) fn space(detector: &str, space: Value) -> SweepDetector {
    SweepDetector { name: detector.to_owned(), version: None, hyperparameters: Value::Null, space }
}

pub(super) fn sweep(dataset: DatasetVersionId, detectors: Vec<SweepDetector>) -> SweepRequest {
    SweepRequest::new(name("try"), name("pump"), detectors, vec![dataset])
}

impl World {
    pub(super) async fn start(&self, request: &SweepRequest) -> Result<SweepRecord, StoreError> {
        let permit = self.may(&self.dev, Action::Train).await;
        let promote = match &request.promote {
            Some(_) => Some(self.store.project_permit(&self.dev, Action::PromoteVersions, self.project).await?),
            None => None,
        };
        self.store.start_sweep(&permit, promote.as_ref(), request, None).await
    }

    pub(super) async fn two_detectors(&self, runner_name: &str) -> RunnerId {
        let permit = self.store.permit(&self.admin, Action::RegisterRunner).unwrap();
        let detectors = vec![detector("isolation_forest", "1.0.0"), detector("extra_forest", "2.1.0")];
        let new = NewRunner { name: name(runner_name), labels: Vec::new(), capacity: 100, detectors, scoring: None };
        self.store.register_runner(&permit, &new).await.unwrap().id
    }

    /// Ends a claim with a version of this score.
    pub(super) async fn finish(&self, claim: &Claim, score: f64) {
        let JobResult::Train(mut result) = self.trained(claim).await else { panic!("a training") };
        result.metrics = vec![metric("roc_auc", score)];
        let result = JobResult::Train(result);
        self.store.complete_job(&self.reporter(claim).await, &result).await.unwrap();
    }

    pub(super) async fn fail(&self, claim: &Claim) {
        let failure = Failure { code: "NUMERIC".into(), message: "it broke down".into(), retryable: false };
        self.store.fail_job(&self.reporter(claim).await, &failure).await.unwrap();
    }

    /// Runs all that there is to run; `score` says what comes of a number of trees, nothing for a failure.
    pub(super) async fn run(&self, runner: RunnerId, score: impl Fn(i64) -> Option<f64>) {
        while let Some(claim) = self.claim(runner).await {
            match score(trees(&claim)) {
                Some(score) => self.finish(&claim, score).await,
                None => self.fail(&claim).await,
            }
            self.store.advance_sweeps().await.unwrap();
        }
    }

    pub(super) async fn sweep_of(&self, id: SweepId) -> SweepRecord {
        self.store.sweeps_by_ids(&self.dev, &[id]).await.unwrap().remove(&id).unwrap()
    }

    async fn ended(&self, id: SweepId) -> (SweepStatus, Option<String>) {
        let sweep = self.sweep_of(id).await;
        (sweep.status, sweep.reason.map(|reason| reason.code))
    }

    async fn progress(&self, id: SweepId) -> Progress {
        self.store.sweep_progress(&self.dev, &[id]).await.unwrap()[&id]
    }

    pub(super) async fn board(&self, id: SweepId, order: TrialOrder) -> Vec<TrialRecord> {
        let page = self.store.trials(&self.dev, id, (order, None), &PageRequest::first(100)).await.unwrap();
        page.items.into_iter().map(|(_, trial)| trial).collect()
    }

    pub(super) async fn jobs(&self) -> usize {
        let page = PageRequest::first(100);
        self.store.job_page(&self.dev, &JobFilter::default(), &page).await.unwrap().items.len()
    }
}

fn trees(claim: &Claim) -> i64 {
    claim.job.hyperparameters.as_ref().unwrap()["n_estimators"].as_i64().unwrap()
}

#[tokio::test]
async fn a_grid_runs_to_the_end_and_ranks_what_came_of_it() {
    let world = World::new().await;
    let runner = world.two_detectors("one").await;
    let extra = SweepDetector { hyperparameters: json!({ "n_estimators": 7 }), ..space("extra_forest", Value::Null) };
    let request =
        SweepRequest { concurrency: 2, ..sweep(world.dataset(CSV).await, vec![forest(&[10, 20, 30]), extra]) };
    let id = world.start(&request).await.unwrap().id;
    assert_eq!(world.progress(id).await, Progress { planned: 2, queued: 2, ..Progress::default() });
    assert_eq!(world.jobs().await, 2, "no more than two at once");

    let claim = world.claim(runner).await.unwrap();
    assert_eq!((claim.job.cause.sweep, claim.job.created_by), (Some(id), world.dev.user_id().unwrap()));
    world.clock.advance(Duration::from_secs(3));
    world.finish(&claim, 0.8).await;
    assert_eq!(world.store.advance_sweeps().await.unwrap(), 1);
    assert_eq!(world.store.advance_sweeps().await.unwrap(), 0, "nothing has ended since");
    world.run(runner, |trees| (trees != 20).then_some(0.7 + 0.01 * trees as f64)).await;

    assert_eq!(world.ended(id).await, (SweepStatus::Succeeded, None));
    let board = world.board(id, TrialOrder::Score).await;
    let told: Vec<_> = board.iter().map(|trial| (trial.number, trial.rank, trial.score, trial.detector)).collect();
    assert_eq!(told[0], (3, Some(1), Some(1.0), 0));
    assert_eq!((told[1].0, told[2].0, told[3]), (1, 4, (2, None, None, 0)));
    assert_eq!((board[1].seconds, board[3].error.as_ref().unwrap().code.as_str()), (Some(3.0), "NUMERIC"));
    assert_eq!(board[0].hyperparameters, json!({ "n_estimators": 30 }));
    assert_eq!(world.store.best_trials(&world.dev, &[id]).await.unwrap()[&id], [board[0].clone()]);
    let page = PageRequest { cursor: None, ..PageRequest::first(3) };
    let first = world.store.trials(&world.dev, id, (TrialOrder::Score, None), &page).await.unwrap();
    let page = PageRequest { cursor: Some(first.items[2].0.clone()), ..page };
    let rest = world.store.trials(&world.dev, id, (TrialOrder::Score, None), &page).await.unwrap();
    assert_eq!(rest.items.into_iter().map(|(_, trial)| trial).collect::<Vec<_>>(), board[3..]);
}

#[tokio::test]
async fn successive_halving_gives_the_best_more() {
    let world = World::new().await;
    let runner = world.two_detectors("one").await;
    let strategy =
        Strategy::SuccessiveHalving { trials: 2, eta: 2, resource: "n_estimators".into(), min: 25.0, max: 100.0 };
    let detectors = vec![space("isolation_forest", Value::Null), space("extra_forest", Value::Null)];
    let request = SweepRequest { strategy, ..sweep(world.dataset(CSV).await, detectors) };
    let id = world.start(&request).await.unwrap().id;
    let (a, b) = (world.claim(runner).await.unwrap(), world.claim(runner).await.unwrap());
    assert_eq!((trees(&a), trees(&b)), (50, 50));
    world.finish(&a, 0.7).await;
    world.store.advance_sweeps().await.unwrap();
    assert!(world.claim(runner).await.is_none(), "the rung is not over");
    world.finish(&b, 0.8).await;
    world.store.advance_sweeps().await.unwrap();
    let last = world.claim(runner).await.unwrap();
    assert_eq!((trees(&last), &last.job.detector_name), (100, &b.job.detector_name));
    world.finish(&last, 0.75).await;
    world.store.advance_sweeps().await.unwrap();
    assert_eq!(world.ended(id).await, (SweepStatus::Succeeded, None));
    let board = world.board(id, TrialOrder::Number).await;
    let told: Vec<_> = board.iter().map(|trial| (trial.configuration, trial.rung, trial.rank.unwrap())).collect();
    let survivor = board.iter().find(|trial| trial.job == Some(b.job.id)).unwrap().configuration;
    assert_eq!(told[2], (survivor, 1, 2), "the smaller one was better");
}

#[tokio::test]
async fn rules_end_a_sweep_and_what_runs_is_asked_to_stop() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let all = sweep(world.dataset(CSV).await, vec![forest(&[10, 20, 30, 40, 50, 60])]);
    let budget = SweepRequest { budget: Budget { max_trials: Some(2), max_seconds: None }, ..all.clone() };
    let id = world.start(&budget).await.unwrap().id;
    world.run(runner, |_| Some(0.5)).await;
    assert_eq!(world.ended(id).await, (SweepStatus::Stopped, Some("BUDGET".into())));
    assert_eq!(world.progress(id).await, Progress { succeeded: 2, skipped: 4, ..Progress::default() });

    let goal = StopWhen { better_than: Some(0.9), no_improvement_in: None };
    let id = world.start(&SweepRequest { stop_when: goal, concurrency: 3, ..all.clone() }).await.unwrap().id;
    let (best, other) = (world.claim(runner).await.unwrap(), world.claim(runner).await.unwrap());
    world.finish(&best, 0.95).await;
    world.store.advance_sweeps().await.unwrap();
    let sweep = world.sweep_of(id).await;
    assert_eq!((sweep.status, sweep.ending), (SweepStatus::Running, Some(SweepStatus::Stopped)));
    assert!(
        world.store.heartbeat(&world.reporter(&other).await, std::time::Duration::ZERO).await.unwrap().cancel_requested
    );
    world.fail(&other).await;
    world.store.advance_sweeps().await.unwrap();
    assert_eq!(world.ended(id).await, (SweepStatus::Stopped, Some("GOAL".into())));
    assert_eq!(world.progress(id).await, Progress { succeeded: 1, cancelled: 2, skipped: 3, ..Progress::default() });

    let seconds = Budget { max_trials: None, max_seconds: Some(60) };
    let id = world.start(&SweepRequest { budget: seconds, ..all }).await.unwrap().id;
    world.clock.advance(Duration::from_secs(59));
    assert_eq!(world.store.advance_sweeps().await.unwrap(), 0);
    world.clock.advance(Duration::from_secs(1));
    world.store.advance_sweeps().await.unwrap();
    assert_eq!(world.ended(id).await, (SweepStatus::Stopped, Some("BUDGET".into())));
    assert!(world.claim(runner).await.is_none());
}

#[tokio::test]
async fn a_sweep_of_failures_has_failed() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let request = SweepRequest { max_failed_share: 1.0, ..sweep(world.dataset(CSV).await, vec![forest(&[1, 2, 3])]) };
    let all = world.start(&request).await.unwrap().id;
    world.run(runner, |_| None).await;
    assert_eq!(world.ended(all).await, (SweepStatus::Failed, Some("ALL_FAILED".into())));
    let most =
        world.start(&SweepRequest { max_failed_share: 0.5, concurrency: 1, ..request.clone() }).await.unwrap().id;
    world.run(runner, |_| None).await;
    assert_eq!(world.ended(most).await, (SweepStatus::Failed, Some("FAILURES".into())));
    assert_eq!(world.progress(most).await, Progress { failed: 2, skipped: 1, ..Progress::default() });
    let nan = world.start(&request).await.unwrap().id;
    world.run(runner, |_| Some(f64::NAN)).await;
    assert_eq!(world.ended(nan).await, (SweepStatus::Failed, Some("NO_METRIC".into())));
}

#[tokio::test]
async fn two_servers_that_go_on_at_once_begin_each_trial_once() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let trees: Vec<i64> = (1..=12).collect();
    let request = SweepRequest { concurrency: 3, ..sweep(world.dataset(CSV).await, vec![forest(&trees)]) };
    let id = world.start(&request).await.unwrap().id;
    let other = world.server().await;
    let mut tried = Vec::new();
    while let Some(first) = world.claim(runner).await {
        let claims = [Some(first), world.claim(runner).await, world.claim(runner).await];
        assert!(world.claim(runner).await.is_none(), "never more than three at once");
        for claim in claims.iter().flatten() {
            tried.push(self::trees(claim));
            world.finish(claim, 0.5).await;
        }
        let go_on = async |store: &Store| store.advance_sweeps().await.unwrap();
        tokio::join!(go_on(&world.store), go_on(&other), go_on(&world.store), go_on(&other));
    }
    assert_eq!((tried.len(), tried.iter().collect::<HashSet<_>>().len()), (12, 12));
    assert_eq!((world.jobs().await, world.ended(id).await), (12, (SweepStatus::Succeeded, None)));
}

#[tokio::test]
async fn a_server_that_was_killed_in_between_goes_on_afterwards() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let request = SweepRequest { concurrency: 1, ..sweep(world.dataset(CSV).await, vec![forest(&[1, 2])]) };
    let id = world.start(&request).await.unwrap().id;
    // The first trial ends, and the server with it: nobody heard of it.
    world.finish(&world.claim(runner).await.unwrap(), 0.5).await;
    let after = world.server().await;
    assert!(world.claim(runner).await.is_none());
    assert_eq!(after.advance_sweeps().await.unwrap(), 1);
    // A runner that was killed with a trial gives it to the next one.
    world.claim(runner).await.unwrap();
    world.clock.advance(Duration::from_secs(31));
    assert_eq!((after.reap_jobs().await.unwrap(), after.advance_sweeps().await.unwrap()), (1, 0));
    let again = world.claim(runner).await.unwrap();
    assert_eq!(again.job.attempt, 2);
    world.finish(&again, 0.6).await;
    after.advance_sweeps().await.unwrap();
    assert_eq!(world.ended(id).await, (SweepStatus::Succeeded, None));
}

#[tokio::test]
async fn cancelling_ends_what_waits_and_asks_what_runs() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let request = sweep(world.dataset(CSV).await, vec![forest(&[1, 2, 3, 4, 5, 6])]);
    let id = world.start(&request).await.unwrap().id;
    let running = world.claim(runner).await.unwrap();
    let permit = world.store.cancel_sweep_permit(&world.dev, id).await.unwrap();
    let told = world.store.cancel_sweep(&permit, id).await.unwrap();
    assert_eq!((told.status, told.ending), (SweepStatus::Running, Some(SweepStatus::Cancelled)));
    assert!(world.claim(runner).await.is_none());
    // What is handed in all the same counts, but promotes nothing.
    world.finish(&running, 0.9).await;
    world.store.advance_sweeps().await.unwrap();
    assert_eq!(world.ended(id).await, (SweepStatus::Cancelled, Some("CANCELLED".into())));
    assert_eq!(world.progress(id).await, Progress { succeeded: 1, cancelled: 3, skipped: 2, ..Progress::default() });
    assert_eq!(world.store.cancel_sweep(&permit, id).await.unwrap().status, SweepStatus::Cancelled);

    let id = world.start(&sweep(request.datasets[0], vec![forest(&[1])])).await.unwrap().id;
    world.run(runner, |_| Some(0.5)).await;
    assert_eq!(code(world.store.cancel_sweep(&permit, id).await), "FINISHED");
}

#[tokio::test]
async fn a_sweep_goes_no_further_than_the_rights_of_who_asked() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let request = SweepRequest { concurrency: 1, ..sweep(world.dataset(CSV).await, vec![forest(&[1, 2, 3])]) };
    let id = world.start(&request).await.unwrap().id;
    world.finish(&world.claim(runner).await.unwrap(), 0.5).await;
    world.join("dev", nunatak_domain::Role::Reporter).await;
    world.store.advance_sweeps().await.unwrap();
    assert_eq!(world.ended(id).await, (SweepStatus::Failed, Some("FORBIDDEN".into())));
    assert!(world.claim(runner).await.is_none());
    let page = world.store.sweep_page(&world.dev, &SweepFilter::default(), &PageRequest::first(5)).await.unwrap();
    assert_eq!(page.items.len(), 1);
    let stranger = super::world::user(&world.store, "eve", false).await;
    assert!(world.store.sweeps_by_ids(&stranger, &[id]).await.unwrap().is_empty());
    let all = (TrialOrder::Number, None);
    let trials = world.store.trials(&stranger, id, all, &PageRequest::first(5)).await.unwrap();
    assert!(trials.items.is_empty());
}

#[tokio::test]
async fn a_trial_that_cannot_be_queued_has_failed() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let dataset = world.dataset(CSV).await;
    let request = SweepRequest { concurrency: 1, max_failed_share: 1.0, ..sweep(dataset, vec![forest(&[1, 2, 3])]) };
    let id = world.start(&request).await.unwrap().id;
    let claim = world.claim(runner).await.unwrap();
    world.finish(&claim, 0.5).await;
    let version = world.store.dataset_version(&world.dev, dataset).await.unwrap();
    let permit = world.may(&world.admin, Action::DeleteDatasets).await;
    world.store.delete_dataset(&permit, version.dataset).await.unwrap();
    world.store.advance_sweeps().await.unwrap();
    assert_eq!(world.ended(id).await, (SweepStatus::Succeeded, None));
    let board = world.board(id, TrialOrder::Number).await;
    assert_eq!(board.iter().map(|trial| trial.status).collect::<Vec<_>>(), {
        use TrialStatus::{Failed, Succeeded};
        [Succeeded, Failed, Failed]
    });
    assert_eq!(board[1].error.as_ref().unwrap().code, "NOT_FOUND");
}

#[tokio::test]
async fn a_failed_trial_that_is_retried_in_time_counts() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let request = SweepRequest {
        concurrency: 1,
        max_failed_share: 1.0,
        ..sweep(world.dataset(CSV).await, vec![forest(&[1, 2])])
    };
    let id = world.start(&request).await.unwrap().id;
    let first = world.claim(runner).await.unwrap();
    world.fail(&first).await;
    world.store.advance_sweeps().await.unwrap();
    let permit = world.store.retry_permit(&world.dev, first.job.id).await.unwrap();
    assert_eq!(world.store.retry_job(&permit, first.job.id).await.unwrap().status, JobStatus::Queued);
    world.run(runner, |trees| Some(trees as f64 / 10.0)).await;
    assert_eq!(world.ended(id).await, (SweepStatus::Succeeded, None));
    assert_eq!(world.progress(id).await, Progress { succeeded: 2, ..Progress::default() });
}
