//! Stories of the queue: asking, claiming, failing, ending.

mod clocks;
mod turns;
mod world;

use std::{collections::HashSet, time::Duration};

use nunatak_domain::{JobId, JobStatus, PageRequest, VersionId};
use nunatak_store::{
    Action, IdempotencyKey, StoreError,
    jobs::{ApplyRequest, Failure, JobFilter, JobResult, TrainRequest},
    predictions::{PredictionFilter, ScoreQuery},
    runners::NewRunner,
};
use serde_json::json;
use world::{CSV, World, code, detector, name, safetensors, scored, user};

const LEASE: Duration = Duration::from_secs(31);

fn failure(retryable: bool) -> Failure {
    Failure { code: "NUMERIC".to_owned(), message: "it broke down".to_owned(), retryable }
}

#[tokio::test]
async fn two_runners_claim_distinct_jobs_and_the_urgent_one_first() {
    let world = World::new().await;
    let (one, two) = (world.runner("one").await, world.runner("two").await);
    let dataset = world.dataset(CSV).await;
    let first = world.train(dataset).await;
    let permit = world.may(&world.dev, Action::Train).await;
    let request = TrainRequest { priority: 5, ..TrainRequest::new(name("pump"), "isolation_forest", dataset) };
    let urgent = world.store.train_model(&permit, &request, None).await.unwrap();

    let (a, b) = (world.claim(one).await.unwrap(), world.claim(two).await.unwrap());
    assert_eq!((a.job.id, b.job.id), (urgent.id, first.id));
    assert_eq!((a.job.status, a.job.attempt, a.job.runner), (JobStatus::Running, 1, Some(one)));
    assert_eq!(a.job.hyperparameters, Some(json!({"n_estimators": 100})));
    assert_eq!(a.dataset.feature_columns, ["a", "b"]);
    assert_eq!((a.dataset.row_count, a.dataset.label_column.as_deref()), (4, Some("label")));
    assert!(world.claim(one).await.is_none());
}

#[tokio::test]
async fn a_silent_runner_loses_the_job_and_may_report_no_more() {
    let world = World::new().await;
    let (one, two) = (world.runner("one").await, world.runner("two").await);
    let job = world.train(world.dataset(CSV).await).await;
    let lost = world.claim(one).await.unwrap();
    let old = world.reporter(&lost).await;
    world.store.heartbeat(&old, Duration::ZERO).await.unwrap();
    assert!(world.claim(two).await.is_none());

    world.clock.advance(LEASE);
    let again = world.claim(two).await.unwrap();
    assert_eq!((again.job.id, again.job.attempt, again.job.runner), (job.id, 2, Some(two)));
    let started = world.store.now().minus(LEASE);
    assert_eq!((lost.job.started_at, again.job.started_at), (Some(started), Some(started)));
    let result = world.trained(&again).await;
    assert_eq!(code(world.store.heartbeat(&old, Duration::ZERO).await), "LEASE_LOST");
    assert_eq!(code(world.store.report_progress(&old, 0.5, None, &[]).await), "LEASE_LOST");
    assert_eq!(code(world.store.complete_job(&old, &result).await), "LEASE_LOST");
    assert_eq!(code(world.store.fail_job(&old, &failure(false)).await), "LEASE_LOST");

    let done = world.store.complete_job(&world.reporter(&again).await, &result).await.unwrap();
    assert_eq!(done.status, JobStatus::Succeeded);
    let foreign = world.at_work(job.id, 1);
    assert_eq!(code(world.store.report_permit(&foreign, job.id, 2).await), "(not found)");
    assert_eq!(code(world.store.report_permit(&world.admin, job.id, 2).await), "(not found)");
}

#[tokio::test]
async fn a_result_handed_in_twice_is_registered_once() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    world.train(world.dataset(CSV).await).await;
    let claim = world.claim(runner).await.unwrap();
    let permit = world.reporter(&claim).await;
    let result = world.trained(&claim).await;
    let (first, second) =
        tokio::join!(world.store.complete_job(&permit, &result), world.store.complete_job(&permit, &result));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first, second);
    assert!(first.version.is_some());
    assert_eq!(world.store.complete_job(&permit, &result).await.unwrap(), first);
    assert_eq!(code(world.store.fail_job(&permit, &failure(false)).await), "LEASE_LOST");
}

#[tokio::test]
async fn failures_pause_then_end() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let job = world.train(world.dataset(CSV).await).await;
    for (attempt, pause) in [(1, 2), (2, 4)] {
        let claim = world.claim(runner).await.unwrap();
        assert_eq!(claim.job.attempt, attempt);
        let back = world.store.fail_job(&world.reporter(&claim).await, &failure(true)).await.unwrap();
        assert_eq!((back.status, back.finished_at), (JobStatus::Queued, None));
        assert_eq!(back.error.unwrap().code, "NUMERIC");
        world.clock.advance(Duration::from_millis(pause * 1000 - 1));
        assert!(world.claim(runner).await.is_none());
        world.clock.advance(Duration::from_millis(1));
    }
    let last = world.claim(runner).await.unwrap();
    let ended = world.store.fail_job(&world.reporter(&last).await, &failure(true)).await.unwrap();
    assert_eq!((ended.status, ended.attempt), (JobStatus::Failed, 3));
    assert!(world.claim(runner).await.is_none());

    let permit = world.store.retry_permit(&world.dev, job.id).await.unwrap();
    let retried = world.store.retry_job(&permit, job.id).await.unwrap();
    assert_eq!((retried.status, retried.max_attempts, retried.error), (JobStatus::Queued, 6, None));
    assert_eq!(code(world.store.retry_job(&permit, job.id).await), "NOT_RETRYABLE");
    assert_eq!(world.claim(runner).await.unwrap().job.attempt, 4);
}

#[tokio::test]
async fn a_failure_that_would_repeat_is_final() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    world.train(world.dataset(CSV).await).await;
    let claim = world.claim(runner).await.unwrap();
    let ended = world.store.fail_job(&world.reporter(&claim).await, &failure(false)).await.unwrap();
    assert_eq!(ended.status, JobStatus::Failed);
    assert!(ended.finished_at.is_some() && !ended.error.unwrap().retryable);
}

#[tokio::test]
async fn cancelling_stops_what_waits_at_once_and_what_runs_soon() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let dataset = world.dataset(CSV).await;
    let (running, waiting) = (world.train(dataset).await, world.train(dataset).await);
    let claim = world.claim(runner).await.unwrap();
    assert_eq!(claim.job.id, running.id);
    let permit = world.store.cancel_permit(&world.dev, waiting.id).await.unwrap();
    assert_eq!(world.store.cancel_job(&permit, waiting.id).await.unwrap().status, JobStatus::Cancelled);
    assert_eq!(world.store.cancel_job(&permit, waiting.id).await.unwrap().status, JobStatus::Cancelled);

    let asked = world.store.cancel_job(&permit, running.id).await.unwrap();
    assert_eq!((asked.status, asked.cancel_requested), (JobStatus::Running, true));
    let reporter = world.reporter(&claim).await;
    assert!(world.store.heartbeat(&reporter, Duration::ZERO).await.unwrap().cancel_requested);
    let stopped = world.store.fail_job(&reporter, &failure(true)).await.unwrap();
    assert_eq!(stopped.status, JobStatus::Cancelled);
    assert!(world.claim(runner).await.is_none());
}

/// What `look` finds, once that is not 0: for what only time brings about.
async fn eventually(look: impl AsyncFn() -> usize) -> usize {
    let search = async {
        loop {
            match look().await {
                0 => tokio::time::sleep(Duration::from_millis(10)).await,
                found => return found,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), search).await.expect("it does not happen")
}

async fn state(world: &World, id: JobId) -> (JobStatus, Option<String>) {
    let job = world.store.job(&world.dev, id).await.unwrap().unwrap();
    (job.status, job.error.map(|error| error.code))
}

#[tokio::test]
async fn the_reaper_takes_jobs_back() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let dataset = world.dataset(CSV).await;
    let (lost, cancelled) = (world.train(dataset).await, world.train(dataset).await);
    for _ in 0..2 {
        world.claim(runner).await.unwrap();
    }
    let permit = world.store.cancel_permit(&world.dev, cancelled.id).await.unwrap();
    world.store.cancel_job(&permit, cancelled.id).await.unwrap();
    assert_eq!(world.store.reap_jobs().await.unwrap(), 0);
    world.clock.advance(LEASE);
    assert_eq!(world.store.reap_jobs().await.unwrap(), 2);
    assert_eq!(state(&world, cancelled.id).await.0, JobStatus::Cancelled);
    assert_eq!(state(&world, lost.id).await, (JobStatus::Queued, Some("LEASE_EXPIRED".to_owned())));
    for _ in 0..2 {
        assert_eq!(world.claim(runner).await.unwrap().job.id, lost.id);
        world.clock.advance(LEASE);
        assert_eq!(world.store.reap_jobs().await.unwrap(), 1);
    }
    assert_eq!(state(&world, lost.id).await, (JobStatus::Failed, Some("LEASE_EXPIRED".to_owned())));
    assert!(world.claim(runner).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_runners_claim_each_job_exactly_once() {
    let world = World::new().await;
    let dataset = world.dataset(CSV).await;
    let mut runners = Vec::new();
    for place in 0..8 {
        runners.push(world.runner(&format!("runner {place}")).await);
    }
    for _ in 0..50 {
        world.train(dataset).await;
    }
    let tasks = runners.into_iter().map(|runner| {
        let (store, actor) = (world.store.clone(), world.admin.clone());
        tokio::spawn(async move {
            let mut mine = Vec::new();
            while let Some(claim) = store.claim_job(&actor, runner, Duration::ZERO).await.unwrap() {
                mine.push((claim.job.id, claim.job.attempt));
            }
            mine
        })
    });
    let mut claimed = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        claimed.extend(task.await.unwrap());
    }
    assert_eq!(claimed.len(), 50);
    assert!(claimed.iter().all(|(_, attempt)| *attempt == 1));
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), 50);
}

#[tokio::test]
async fn a_waiting_claim_hears_of_a_new_job() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let dataset = world.dataset(CSV).await;
    let waiting = world.store.claim_job(&world.admin, runner, Duration::from_secs(20));
    let (claim, job) = tokio::join!(waiting, world.train(dataset));
    assert_eq!(claim.unwrap().unwrap().job.id, job.id);
}

#[tokio::test]
async fn claims_need_the_runner_the_role_and_the_detector() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    world.train(world.dataset(CSV).await).await;
    let stranger = world.store.claim_job(&world.dev, runner, Duration::ZERO).await;
    assert_eq!(code(stranger), "(not found)");
    // A developer's runner gets nothing: running jobs is for maintainers.
    let permit = world.store.permit(&world.dev, Action::RegisterRunner).unwrap();
    let detectors = vec![detector("isolation_forest", "1.0.0")];
    let new = NewRunner { name: name("own"), labels: Vec::new(), capacity: 4, detectors };
    let own = world.store.register_runner(&permit, &new).await.unwrap().id;
    assert!(world.store.claim_job(&world.dev, own, Duration::ZERO).await.unwrap().is_none());
    // And one with another version of the detector does not get the job either.
    let permit = world.store.permit(&world.admin, Action::RegisterRunner).unwrap();
    let new = NewRunner { name: name("newer"), detectors: vec![detector("isolation_forest", "1.1.0")], ..new };
    let newer = world.store.register_runner(&permit, &new).await.unwrap().id;
    assert!(world.claim(newer).await.is_none());
    assert!(world.claim(runner).await.is_some());
}

#[tokio::test]
async fn a_detector_means_one_thing() {
    let world = World::new().await;
    world.runner("one").await;
    let mut changed = detector("isolation_forest", "1.0.0");
    changed.hyperparameter_schema = json!({"type": "object"});
    let new = NewRunner { name: name("other"), labels: Vec::new(), capacity: 4, detectors: vec![changed] };
    let other = world.store.permit(&world.dev, Action::RegisterRunner).unwrap();
    assert_eq!(code(world.store.register_runner(&other, &new).await), "CONFLICT");
    let owner = world.store.permit(&world.admin, Action::RegisterRunner).unwrap();
    let runner = world.store.register_runner(&owner, &new).await.unwrap();
    let found = world.store.detector(&world.dev, "isolation_forest", None).await.unwrap().unwrap();
    assert_eq!(found.hyperparameter_schema, json!({"type": "object"}));
    let of = world.store.detectors_of_runners(&world.dev, &[runner.id]).await.unwrap();
    assert_eq!(of[&runner.id], [found.id]);
    world.clock.advance(Duration::from_secs(91));
    assert!(!world.store.runners_by_ids(&world.dev, &[runner.id]).await.unwrap()[&runner.id].online);
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_once() {
    let world = World::new().await;
    world.runner("one").await;
    let permit = world.may(&world.dev, Action::Train).await;
    let dataset = world.dataset(CSV).await;
    let asked = |change: &dyn Fn(&mut TrainRequest)| {
        let mut request = TrainRequest::new(name("pump"), "isolation_forest", dataset);
        change(&mut request);
        request
    };
    let one_row = world.dataset("a,label\n1,0\n").await;
    let gaps = world.dataset("a,b\n1,2\n,3\n4,5\n").await;
    for (request, expected) in [
        (asked(&|request| request.detector = "unknown".to_owned()), "NOT_FOUND"),
        (asked(&|request| request.detector_version = Some("9".to_owned())), "NOT_FOUND"),
        (asked(&|request| request.hyperparameters = json!({"k": 1})), "UNKNOWN_HYPERPARAMETER"),
        (asked(&|request| request.hyperparameters = json!({"n_estimators": 0})), "OUT_OF_RANGE"),
        (asked(&|request| request.hyperparameters = json!({"n_estimators": "1"})), "WRONG_TYPE"),
        (asked(&|request| request.dataset = one_row), "TOO_FEW_ROWS"),
        (asked(&|request| request.dataset = gaps), "MISSING_VALUES"),
        (asked(&|request| request.max_attempts = 11), "OUT_OF_RANGE"),
    ] {
        assert_eq!(code(world.store.train_model(&permit, &request, None).await), expected);
    }
    let key = |text: &str| IdempotencyKey::new("once".to_owned(), &text).unwrap();
    let request = asked(&|_| {});
    let first = world.store.train_model(&permit, &request, Some(&key("a"))).await.unwrap();
    assert_eq!(world.store.train_model(&permit, &request, Some(&key("a"))).await.unwrap().id, first.id);
    assert_eq!(code(world.store.train_model(&permit, &request, Some(&key("b"))).await), "IDEMPOTENCY_MISMATCH");
    let stranger = user(&world.store, "stranger", false).await;
    assert!(world.store.job(&stranger, first.id).await.unwrap().is_none());
    assert!(world.store.job(&world.at_work(first.id, 1), first.id).await.unwrap().is_some());
    let page = world.store.job_page(&stranger, &JobFilter::default(), &PageRequest::first(5)).await.unwrap();
    assert!(page.items.is_empty());
}

async fn trained_version(world: &World) -> VersionId {
    let runner = world.runner("one").await;
    world.train(world.dataset(CSV).await).await;
    let claim = world.claim(runner).await.unwrap();
    let result = world.trained(&claim).await;
    let done = world.store.complete_job(&world.reporter(&claim).await, &result).await.unwrap();
    done.version.unwrap()
}

#[tokio::test]
async fn a_prediction_is_kept_and_read_by_range() {
    let world = World::new().await;
    let version = trained_version(&world).await;
    let runner = world.runner("one").await;
    let permit = world.store.predict_permit(&world.dev, version).await.unwrap();
    let request = ApplyRequest::new(version, world.dataset("b,a\n1,2\n3,4\n5,6\n7,8\n9,10\n").await);
    let job = world.store.predict(&permit, &request, None).await.unwrap();
    let claim = world.claim(runner).await.unwrap();
    assert_eq!((claim.job.id, claim.artifact.as_ref().unwrap().version), (job.id, version));

    let at_work = world.at_work(job.id, 1);
    let permit = world.reporter(&claim).await;
    let short = world.upload(&at_work, "short.safetensors", &safetensors(&[0.1], 0.5)).await;
    let junk = world.upload(&at_work, "junk.safetensors", b"not what was agreed on").await;
    let good = world.upload(&at_work, "s.safetensors", &safetensors(&[0.1, 0.9, 0.2, 0.8, f64::MAX], 0.5)).await;
    for (upload, rows, expected) in [(good, 4, "ROW_COUNT"), (short, 5, "BAD_SCORES"), (junk, 5, "BAD_SCORES")] {
        let result = JobResult::Predict(upload, scored(rows, 3));
        assert_eq!(code(world.store.complete_job(&permit, &result).await), expected);
    }
    let wrong = world.store.complete_job(&permit, &JobResult::Evaluate(scored(5, 3))).await;
    assert_eq!(code(wrong), "WRONG_KIND");
    world.store.complete_job(&permit, &JobResult::Predict(good, scored(5, 3))).await.unwrap();

    let made = world.store.predictions_by_jobs(&world.dev, &[job.id]).await.unwrap().remove(&job.id).unwrap();
    assert_eq!((made.version, made.row_count, made.anomaly_count), (version, 5, 3));
    assert!(made.metrics[1].value.is_nan());
    let query = ScoreQuery { limit: 2, after: None, from: None, to: None, only_anomalies: true };
    let page = world.store.scores(&world.dev, made.id, query).await.unwrap();
    assert_eq!(page.rows.iter().map(|row| row.row_idx).collect::<Vec<_>>(), [1, 3]);
    assert!(page.has_next);
    let rest = world.store.scores(&world.dev, made.id, ScoreQuery { after: page.end, ..query }).await.unwrap();
    assert_eq!((rest.rows.len(), rest.rows[0].score, rest.has_next), (1, f64::MAX, false));
    let part = ScoreQuery { limit: 9, from: Some(1), to: Some(3), only_anomalies: false, ..query };
    let part = world.store.scores(&world.dev, made.id, part).await.unwrap();
    assert_eq!(part.rows.iter().map(|row| row.score).collect::<Vec<_>>(), [0.9, 0.2]);
    assert_eq!(
        code(world.store.scores(&world.dev, made.id, ScoreQuery { limit: 1001, ..query }).await),
        "LIMIT_EXCEEDED"
    );

    let filter = PredictionFilter { version: Some(version), project: None };
    let listed = world.store.prediction_page(&world.dev, &filter, &PageRequest::first(5)).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    let stranger = user(&world.store, "stranger", false).await;
    assert!(matches!(world.store.scores(&stranger, made.id, query).await, Err(StoreError::NotFound(_))));
}

#[tokio::test]
async fn an_evaluation_needs_labels_of_both_kinds_and_matching_columns() {
    let world = World::new().await;
    let version = trained_version(&world).await;
    let permit = world.store.predict_permit(&world.dev, version).await.unwrap();
    for (csv, expected) in [
        ("a,b\n1,2\n2,3\n", "NO_LABELS"),
        ("a,b,label\n1,2,0\n2,3,0\n", "ONE_CLASS"),
        ("a,c,label\n1,2,0\n2,3,1\n", "INPUT_SCHEMA"),
    ] {
        let request = ApplyRequest::new(version, world.dataset(csv).await);
        assert_eq!(code(world.store.evaluate(&permit, &request, None).await), expected);
    }
    let request = ApplyRequest::new(version, world.dataset(CSV).await);
    let job = world.store.evaluate(&permit, &request, None).await.unwrap();
    let claim = world.claim(world.runner("one").await).await.unwrap();
    let result = JobResult::Evaluate(scored(4, 1));
    world.store.complete_job(&world.reporter(&claim).await, &result).await.unwrap();
    let made = world.store.predictions_by_jobs(&world.dev, &[job.id]).await.unwrap().remove(&job.id).unwrap();
    assert!(made.scores.is_none());
}
