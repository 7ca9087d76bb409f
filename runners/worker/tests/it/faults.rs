//! Jobs that end otherwise, and servers that come and go.

use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{Beat, FakeServer};
use crate::setup::RunningWorker;

#[tokio::test]
async fn a_heartbeat_that_finds_the_lease_lost_stops_the_fit_and_nothing_is_said() {
    let worker = RunningWorker::start().await;
    worker.give("TRAIN", "stuck", Value::Null);
    worker.server.called("ReportProgress").await;
    worker.server.state().beat = Beat::Lost;
    worker.server.called("Heartbeat").await;

    // The next claim shows that the thread is free again.
    worker.server.state().beat = Beat::Fine;
    worker.give("TRAIN", "middle", Value::Null);
    worker.server.called("CompleteJob").await;
    let server = worker.end().await;
    assert_eq!((server.count("FailJob"), server.count("CompleteJob")), (0, 1));
}

#[tokio::test]
async fn a_progress_report_notices_the_lost_lease_as_well() {
    let worker = RunningWorker::start().await;
    worker.server.state().beat = Beat::Lost;
    worker.give("TRAIN", "stuck", Value::Null);
    worker.server.called("ReportProgress").await;
    worker.server.state().beat = Beat::Fine;
    worker.give("TRAIN", "middle", Value::Null);
    worker.server.called("CompleteJob").await;
    assert_eq!(worker.end().await.count("FailJob"), 0);
}

#[tokio::test]
async fn a_cancelled_job_stops_and_is_given_back_as_cancelled() {
    let worker = RunningWorker::start().await;
    worker.server.state().beat = Beat::Cancel;
    worker.give("TRAIN", "stuck", Value::Null);
    let failed = worker.server.called("FailJob").await;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("CANCELLED"), &json!(false)));
    assert_eq!(worker.end().await.count("CompleteJob"), 0);
}

#[tokio::test]
async fn a_panic_in_a_detector_fails_the_job_and_not_the_worker() {
    let worker = RunningWorker::start().await;
    worker.give("TRAIN", "broken", Value::Null);
    let failed = worker.server.called("FailJob").await;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("PANIC"), &json!(false)));
    assert!(failed["message"].as_str().unwrap().ends_with("index out of bounds"));

    worker.give("TRAIN", "middle", Value::Null);
    worker.server.called("CompleteJob").await;
    worker.end().await;
}

#[tokio::test]
async fn an_unknown_detector_is_a_failure_that_names_those_there_are() {
    let worker = RunningWorker::start().await;
    worker.give("TRAIN", "nonesuch", Value::Null);
    let failed = worker.server.called("FailJob").await;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("UNKNOWN_DETECTOR"), &json!(false)));
    assert_eq!(failed["message"], "no detector `nonesuch` here; this runner has: middle, slow, stuck, broken");
    worker.end().await;
}

#[tokio::test]
async fn data_that_does_not_match_its_checksum_is_worth_another_try() {
    let worker = RunningWorker::start().await;
    worker.give("TRAIN", "middle", Value::Null);
    worker.server.state().claims[0]["dataset"]["sha256"] = json!("0".repeat(64));
    let failed = worker.server.called("FailJob").await;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("CHECKSUM"), &json!(true)));
    worker.end().await;
}

#[tokio::test]
async fn a_worker_waits_for_its_server_and_works_through_an_outage() {
    let server = FakeServer::start().await;
    server.state().down = true;
    let worker = RunningWorker::start_at(server, Duration::from_secs(5));
    worker.server.until(|state| state.calls.len() >= 3).await;
    worker.server.state().down = false;
    worker.server.called("RegisterRunner").await;

    worker.server.state().down = true;
    worker.give("TRAIN", "middle", Value::Null);
    let refused = worker.server.count("503");
    worker.server.until(|state| state.calls.iter().filter(|call| call.0 == "503").count() >= refused + 2).await;
    worker.server.state().down = false;
    worker.server.called("CompleteJob").await;
    assert_eq!(worker.end().await.count("FailJob"), 0);
}

#[tokio::test]
async fn a_finished_training_survives_an_outage_at_its_end() {
    let worker = RunningWorker::start().await;
    worker.give("TRAIN", "middle", Value::Null);
    worker.server.called("CreateUpload").await;
    worker.server.state().down = true;
    worker.server.until(|state| state.calls.iter().any(|call| call.0 == "503")).await;
    worker.server.state().down = false;
    worker.server.called("CompleteJob").await;
    assert_eq!(worker.end().await.count("FailJob"), 0);
}

#[tokio::test]
async fn a_shutdown_gives_back_what_does_not_finish_in_time() {
    let worker = RunningWorker::start_at(FakeServer::start().await, Duration::from_millis(50));
    worker.give("TRAIN", "stuck", Value::Null);
    worker.server.called("ReportProgress").await;
    let server = worker.end().await;
    let failed = server.called("FailJob").await;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("RUNNER_SHUTDOWN"), &json!(true)));
}

#[tokio::test]
async fn a_shutdown_lets_a_running_job_finish() {
    let worker = RunningWorker::start().await;
    worker.give("TRAIN", "slow", Value::Null);
    worker.server.called("ReportProgress").await;
    let server = worker.end().await;
    assert_eq!((server.count("CompleteJob"), server.count("FailJob")), (1, 0));
}
