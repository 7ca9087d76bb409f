//! Who gets which job: labels, room, turns by project; and what a runner says while it works.

use std::time::Duration;

use nunatak_domain::{JobStatus, Key, LogLevel, PageRequest, ProjectId, Role};
use nunatak_store::{
    Action,
    jobs::{Failure, ReportedMetric, TrainRequest},
    organisation::NewProject,
    runners::NewRunner,
};

use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};

use super::world::{CSV, World, code, detector, name};

impl World {
    async fn runner_with(&self, runner_name: &str, labels: &[&str], capacity: i32) -> nunatak_domain::RunnerId {
        let permit = self.store.permit(&self.admin, Action::RegisterRunner).unwrap();
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        let detectors = vec![detector("isolation_forest", "1.0.0")];
        let new = NewRunner { name: name(runner_name), labels, capacity, detectors };
        self.store.register_runner(&permit, &new).await.unwrap().id
    }

    /// Another project of the developer.
    async fn beside(&self, project_name: &str) -> ProjectId {
        let workspace = self.store.workspaces(&self.admin, None, &PageRequest::first(1)).await.unwrap().items[0].1.id;
        let permit = self.store.workspace_permit(&self.admin, Action::CreateProject, workspace).await.unwrap();
        let new = NewProject { name: name(project_name), description: String::new(), git_url: None };
        let id = self.store.create_project(&permit, new, None).await.unwrap().id;
        let permit = self.store.project_permit(&self.admin, Action::WriteMembers, id).await.unwrap();
        self.store.set_member(&permit, "dev", Role::Developer).await.unwrap();
        id
    }
}

#[tokio::test]
async fn only_a_runner_with_all_labels_gets_the_job() {
    let world = World::new().await;
    let plain = world.runner_with("plain", &["gpu"], 4).await;
    let able = world.runner_with("able", &["site-b", "gpu", "big"], 4).await;
    let permit = world.may(&world.dev, Action::Train).await;
    let dataset = world.dataset(CSV).await;
    let wanted = TrainRequest::new(name("pump"), "isolation_forest", dataset);
    let labels = vec!["gpu".to_owned(), "big".to_owned(), "gpu".to_owned()];
    let job = world.store.train_model(&permit, &TrainRequest { labels, ..wanted.clone() }, None).await.unwrap();
    assert_eq!(job.labels, ["big", "gpu"]);
    assert!(world.claim(plain).await.is_none());
    assert_eq!(world.claim(able).await.unwrap().job.id, job.id);
    let many = TrainRequest { labels: vec![String::new()], ..wanted };
    assert_eq!(code(world.store.train_model(&permit, &many, None).await), "INVALID_INPUT");
}

#[tokio::test]
async fn a_runner_gets_no_more_than_it_takes_and_starts_afresh_when_it_registers_again() {
    let world = World::new().await;
    let runner = world.runner_with("one", &[], 2).await;
    let dataset = world.dataset(CSV).await;
    for _ in 0..4 {
        world.train(dataset).await;
    }
    let (first, _second) = (world.claim(runner).await.unwrap(), world.claim(runner).await.unwrap());
    assert!(world.claim(runner).await.is_none(), "its two places are taken");
    let failure = Failure { code: "NUMERIC".into(), message: String::new(), retryable: false };
    world.store.fail_job(&world.reporter(&first).await, &failure).await.unwrap();
    assert!(world.claim(runner).await.is_some());
    assert!(world.claim(runner).await.is_none());
    // It was killed and starts again: what it had will be given to others once the leases have run out.
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.runner_with("one", &[], 2).await, runner);
    assert!(world.claim(runner).await.is_some());

    let permit = world.store.permit(&world.admin, Action::RegisterRunner).unwrap();
    let drained = world.store.drain_runner(&permit, runner).await.unwrap();
    assert!(drained.draining && drained.online);
    world.train(dataset).await;
    assert!(world.claim(runner).await.is_none(), "it has said that it claims no more");
    let foreign = world.store.permit(&world.dev, Action::RegisterRunner).unwrap();
    assert_eq!(code(world.store.drain_runner(&foreign, runner).await), "(not found)");
}

#[tokio::test]
async fn projects_take_turns_and_the_urgent_goes_first_all_the_same() {
    let mut world = World::new().await;
    let runner = world.runner_with("one", &[], 100).await;
    let dataset = world.dataset(CSV).await;
    for _ in 0..6 {
        world.train(dataset).await;
    }
    world.project = world.beside("small").await;
    let permit = world.may(&world.dev, Action::Train).await;
    let request = TrainRequest::new(name("fan"), "isolation_forest", world.dataset(CSV).await);
    for priority in [0, 0, 3] {
        world.clock.advance(Duration::from_millis(1));
        world.store.train_model(&permit, &TrainRequest { priority, ..request.clone() }, None).await.unwrap();
    }
    let mut turns = Vec::new();
    while let Some(claim) = world.claim(runner).await {
        turns.push(if claim.job.project == world.project { 's' } else { 'B' });
    }
    // The urgent one, then by who has the least at work: two for the crowd, then one each in turn.
    assert_eq!(turns.iter().collect::<String>(), "sBBsBsBBB");
}

#[tokio::test]
async fn a_job_that_is_given_up_keeps_the_reason_of_each_attempt() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let job = world.train(world.dataset(CSV).await).await;
    let first = world.claim(runner).await.unwrap();
    let failure = Failure { code: "DISK".into(), message: "The disk is full.".into(), retryable: true };
    world.store.fail_job(&world.reporter(&first).await, &failure).await.unwrap();
    world.clock.advance(Duration::from_secs(2));
    world.claim(runner).await.unwrap();
    world.clock.advance(Duration::from_secs(31));
    world.claim(runner).await.unwrap();
    world.clock.advance(Duration::from_secs(31));
    assert_eq!(world.store.reap_jobs().await.unwrap(), 1);

    let ended = world.store.job(&world.dev, job.id).await.unwrap().unwrap();
    assert_eq!((ended.status, ended.attempt), (JobStatus::Failed, 3));
    let attempts = world.store.attempts_of(&world.dev, &[job.id]).await.unwrap().remove(&job.id).unwrap();
    let told: Vec<_> = attempts.iter().map(|a| (a.number, a.status, a.error.as_ref().unwrap().code.as_str())).collect();
    let failed = JobStatus::Failed;
    assert_eq!(told, [(1, failed, "DISK"), (2, failed, "LEASE_EXPIRED"), (3, failed, "LEASE_EXPIRED")]);
    assert!(attempts.iter().all(|attempt| attempt.runner == Some(runner) && attempt.ended_at.is_some()));
    let stranger = super::user(&world.store, "stranger", false).await;
    assert!(world.store.attempts_of(&stranger, &[job.id]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_log_is_kept_in_order_once_and_to_a_bound() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let job = world.train(world.dataset(CSV).await).await;
    let claim = world.claim(runner).await.unwrap();
    let reporter = world.reporter(&claim).await;
    let now = world.store.now();
    let lines = |from: i64, count: i64| -> Vec<_> {
        (from..from + count).map(|line| (now, LogLevel::Warn, format!("line {line}\0{}", "é".repeat(2000)))).collect()
    };
    assert_eq!(world.store.report_logs(&reporter, 0, &lines(0, 3)).await.unwrap(), 3);
    assert_eq!(world.store.report_logs(&reporter, 1, &lines(1, 3)).await.unwrap(), 4, "two of them were there");
    assert_eq!(world.store.report_logs(&reporter, 9_999, &lines(9_999, 2)).await.unwrap(), 10_001);
    assert_eq!(code(world.store.report_logs(&reporter, -1, &[]).await), "OUT_OF_RANGE");
    assert_eq!(code(world.store.report_logs(&reporter, 0, &lines(0, 501)).await), "LIMIT_EXCEEDED");

    let page = world.store.job_log(&world.dev, job.id, None, &PageRequest::first(2)).await.unwrap();
    let shown: Vec<_> =
        page.items.iter().map(|(_, line)| (line.line, &line.message[..6], line.message.len())).collect();
    assert_eq!((shown, page.has_next), (vec![(0, "line 0", 2000), (1, "line 1", 2000)], true));
    let next = PageRequest { cursor: Some(page.items[1].0.clone()), ..PageRequest::first(5) };
    let page = world.store.job_log(&world.dev, job.id, Some(1), &next).await.unwrap();
    assert_eq!(page.items.iter().map(|(_, line)| line.line).collect::<Vec<_>>(), [2, 3, 9_999]);
    let tail = PageRequest { backwards: true, ..PageRequest::first(1) };
    let page = world.store.job_log(&world.dev, job.id, None, &tail).await.unwrap();
    assert_eq!((page.items[0].1.line, page.has_previous), (9_999, true));
    let foreign = PageRequest { cursor: Some("x".into()), ..PageRequest::first(5) };
    assert_eq!(code(world.store.job_log(&world.dev, job.id, None, &foreign).await), "INVALID_CURSOR");

    world.clock.advance(Duration::from_secs(31));
    world.claim(runner).await.unwrap();
    assert_eq!(code(world.store.report_logs(&reporter, 4, &lines(4, 1)).await), "LEASE_LOST");
}

#[tokio::test]
async fn live_metrics_are_those_of_the_last_attempt_and_replaced_when_sent_again() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let job = world.train(world.dataset(CSV).await).await;
    let metric = |key: &str, step: i64, value: f64| ReportedMetric { key: Key::parse(key).unwrap(), value, step };
    let shown = async |most: i64| -> Vec<(String, i64, String)> {
        let metrics = world.store.live_metrics_of(&world.dev, &[job.id], most).await.unwrap();
        let metrics = metrics.into_values().flatten();
        metrics.map(|metric| (metric.key, metric.step, metric.value.to_string())).collect()
    };
    let first = world.reporter(&world.claim(runner).await.unwrap()).await;
    let some = [metric("loss", 1, 0.5), metric("loss", 2, f64::NAN), metric("loss", 1, 0.25)];
    world.store.report_progress(&first, 0.1, None, &some).await.unwrap();
    world.store.report_progress(&first, 0.2, None, &[metric("rate", 3, f64::INFINITY)]).await.unwrap();
    let said = |key: &str, step: i64, value: &str| (key.to_owned(), step, value.to_owned());
    assert_eq!(shown(10).await, [said("loss", 1, "0.25"), said("loss", 2, "NaN"), said("rate", 3, "inf")]);
    assert_eq!(shown(2).await, [said("loss", 2, "NaN"), said("rate", 3, "inf")]);
    let many: Vec<_> = (0..101).map(|step| metric("loss", step, 1.0)).collect();
    assert_eq!(code(world.store.report_progress(&first, 0.3, None, &many).await), "LIMIT_EXCEEDED");

    world.clock.advance(Duration::from_secs(31));
    let second = world.reporter(&world.claim(runner).await.unwrap()).await;
    assert!(shown(10).await.is_empty());
    world.store.report_progress(&second, 0.1, None, &[metric("loss", 1, 3.0)]).await.unwrap();
    assert_eq!(shown(10).await, [said("loss", 1, "3")]);
}

/// The heartbeat is held back for 20 s, the cancel comes at once: were it not heard of, this test would take that long.
#[tokio::test]
async fn a_waiting_heartbeat_hears_of_a_cancel_and_of_the_end() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let job = world.train(world.dataset(CSV).await).await;
    let claim = world.claim(runner).await.unwrap();
    let reporter = world.reporter(&claim).await;
    let permit = world.store.cancel_permit(&world.dev, job.id).await.unwrap();
    let wait = Duration::from_secs(20);
    let (pulse, _) = tokio::join!(world.store.heartbeat(&reporter, wait), world.store.cancel_job(&permit, job.id));
    assert!(pulse.unwrap().cancel_requested);

    let failure = Failure { code: "CANCELLED".into(), message: String::new(), retryable: false };
    let other = world.train(world.dataset(CSV).await).await;
    let claim = world.claim(runner).await.unwrap();
    assert_eq!(claim.job.id, other.id);
    let reporter = world.reporter(&claim).await;
    let (pulse, _) = tokio::join!(world.store.heartbeat(&reporter, wait), world.store.fail_job(&reporter, &failure));
    assert_eq!(code(pulse), "LEASE_LOST");
}

/// While a runner computes, nothing of the job is locked: another connection may write the row at once.
#[tokio::test]
async fn no_row_is_locked_while_a_job_runs() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    world.train(world.dataset(CSV).await).await;
    world.claim(runner).await.unwrap();
    let other = world.db.connect().await;
    let backend = other.get_database_backend();
    if backend == DbBackend::Postgres {
        let txn = other.begin().await.unwrap();
        let locked = Statement::from_string(backend, "SELECT id FROM jobs FOR UPDATE NOWAIT");
        assert_eq!(txn.query_all_raw(locked).await.unwrap().len(), 1);
        let held = Statement::from_string(
            backend,
            "SELECT count(*) AS held FROM pg_stat_activity WHERE datname = current_database() \
             AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()",
        );
        let row = txn.query_one_raw(held).await.unwrap().unwrap();
        assert_eq!(row.try_get::<i64>("", "held").unwrap(), 0);
    } else {
        other.execute_unprepared("PRAGMA busy_timeout = 0").await.unwrap();
        other.execute_unprepared("BEGIN IMMEDIATE; UPDATE jobs SET priority = priority; COMMIT").await.unwrap();
    }
}
