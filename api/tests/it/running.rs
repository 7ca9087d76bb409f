//! What is seen of jobs while they run: attempts, log, live metrics, the queue; and what is seen of their lineage.

use std::time::Duration;

use serde_json::{Value, json};

use crate::jobs::{Plant, TRAIN};

const PROGRESS: &str = "mutation ($input: ReportProgressInput!) {
    reportProgress(input: $input) { cancelRequested userErrors { code path } }
}";
const LOGS: &str = "mutation ($input: ReportLogsInput!) { reportLogs(input: $input) { stored userErrors { code } } }";
const BEAT: &str = "mutation ($job: ID!, $attempt: Int!) {
    heartbeat(input: {job: $job, attempt: $attempt, waitSeconds: 0.01}) { cancelRequested token userErrors { code } }
}";

#[tokio::test(flavor = "multi_thread")]
async fn a_job_shows_its_log_its_metrics_and_its_attempts_while_it_runs() {
    let plant = Plant::new().await;
    let job = plant.train().await["id"].take();
    let claim = plant.claim().await;
    let token = claim["token"].as_str().unwrap();
    let line = |level: &str, message: &str| json!({ "at": "2026-11-21T10:00:00Z", "level": level, "message": message });
    let logs = |offset: i32| {
        let lines = [line("INFO", "reading"), line("WARN", "a constant column")];
        json!({ "input": { "job": job, "attempt": 1, "offset": offset, "lines": lines } })
    };
    for _ in 0..2 {
        let told = plant.app.ok(Some(token), LOGS, logs(0)).await;
        assert_eq!(told["reportLogs"], json!({ "stored": 2, "userErrors": [] }));
    }
    let metrics = json!([{ "key": "loss", "value": 0.5, "step": 1 }, { "key": "loss", "special": "NAN", "step": 2 }]);
    let input = json!({ "job": job, "attempt": 1, "progress": 0.4, "message": "fitting", "metrics": metrics });
    plant.app.ok(Some(token), PROGRESS, json!({ "input": input })).await;
    let bad = json!({ "job": job, "attempt": 1, "progress": 0.4, "metrics": [{ "key": "loss" }] });
    let told = plant.app.gql_with(Some(token), PROGRESS, json!({ "input": bad })).await;
    let error = &told["data"]["reportProgress"]["userErrors"][0];
    assert_eq!((&error["code"], &error["path"]), (&json!("INVALID_INPUT"), &json!(["metrics", "0", "value"])));

    let query = "query ($id: ID!) { job(id: $id) {
        progress progressMessage labels metrics { key step value special }
        attempts { number status logLines endedAt error { code } runner { name } }
        logs(last: 1) { nodes { attempt line level message } pageInfo { hasPreviousPage } }
    } }";
    let shown = plant.ok(query, json!({ "id": job })).await["job"].take();
    let expected = json!({
        "progress": 0.4, "progressMessage": "fitting", "labels": [],
        "metrics": [{ "key": "loss", "step": 1, "value": 0.5, "special": null },
                    { "key": "loss", "step": 2, "value": null, "special": "NAN" }],
        "attempts": [{ "number": 1, "status": "RUNNING", "logLines": 2, "endedAt": null, "error": null,
                       "runner": { "name": "hall 3" } }],
        "logs": { "nodes": [{ "attempt": 1, "line": 1, "level": "WARN", "message": "a constant column" }],
                  "pageInfo": { "hasPreviousPage": true } },
    });
    assert_eq!(shown, expected);
    let eve = plant.app.user("eve", false).await;
    let hidden = plant.app.ok(Some(&eve.token), query, json!({ "id": job })).await;
    assert_eq!(hidden["job"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_brings_a_fresh_token_and_the_news_of_a_cancel() {
    let plant = Plant::new().await;
    let job = plant.train().await["id"].take();
    let claim = plant.claim().await;
    plant.app.clock.advance(Duration::from_secs(2));
    let variables = json!({ "job": job, "attempt": 1 });
    let told = plant.app.ok(claim["token"].as_str(), BEAT, variables.clone()).await["heartbeat"].take();
    assert_eq!(told["cancelRequested"], false);
    let fresh = told["token"].as_str().unwrap().to_owned();
    assert_ne!(Some(fresh.as_str()), claim["token"].as_str());
    let cancel = "mutation ($id: ID!) { cancelJob(input: {id: $id}) { job { cancelRequested } } }";
    plant.ok(cancel, json!({ "id": job })).await;
    let told = plant.app.ok(Some(&fresh), BEAT, variables.clone()).await;
    assert_eq!(told["heartbeat"]["cancelRequested"], true);

    plant.app.clock.advance(Duration::from_secs(31));
    plant.app.state.store.reap_jobs().await.unwrap();
    let told = plant.app.gql_with(Some(&fresh), BEAT, variables).await["data"]["heartbeat"].take();
    assert_eq!((&told["token"], &told["userErrors"][0]["code"]), (&Value::Null, &json!("LEASE_LOST")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_says_what_waits_and_for_whom() {
    let plant = Plant::new().await;
    let input = json!({ "project": plant.project, "model": "pump", "detector": "lof", "dataset": plant.dataset,
        "labels": ["gpu"] });
    let trained = plant.ok(TRAIN, json!({ "input": input })).await;
    assert_eq!(trained["trainModel"]["userErrors"], json!([]));
    plant.train().await;
    let query = "query ($p: ID) { jobQueue(project: $p) {
        queued running withoutRunner detectors { name version queued running runners capacity }
    } runners { nodes { name status capacity activeJobs jobs { status } } } }";
    plant.claim().await;
    assert!(plant.claim().await.is_null(), "the other one asks for a label");
    let mut seen = plant.ok(query, json!({ "p": plant.project })).await;
    let lof = json!({ "name": "lof", "version": "1.0.0", "queued": 1, "running": 1, "runners": 1, "capacity": 1 });
    assert_eq!(seen["jobQueue"].take(), json!({ "queued": 1, "running": 1, "withoutRunner": 0, "detectors": [lof] }));
    let hall = json!({ "name": "hall 3", "status": "ONLINE", "capacity": 1, "activeJobs": 1,
        "jobs": [{ "status": "RUNNING" }] });
    assert_eq!(seen["runners"]["nodes"], json!([hall]));

    let drain = "mutation ($r: ID!) { drainRunner(input: {runner: $r}) { runner { status } userErrors { code } } }";
    let drained = plant.ok(drain, json!({ "r": plant.runner })).await;
    assert_eq!(drained["drainRunner"]["runner"]["status"], "DRAINING");
    let seen = plant.ok(query, json!({})).await;
    assert_eq!(
        (&seen["jobQueue"]["withoutRunner"], &seen["jobQueue"]["detectors"][0]["runners"]),
        (&json!(1), &json!(0))
    );
    let eve = plant.app.user("eve", false).await;
    let hidden = plant.app.ok(Some(&eve.token), query, json!({})).await;
    assert_eq!(hidden["jobQueue"]["queued"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn lineage_goes_from_the_data_to_the_single_score_and_back() {
    let plant = Plant::new().await;
    plant.train().await;
    let version = plant.trained().await;
    let prediction = plant.predicted(&version).await;
    let query =
        "query ($id: ID!, $d: LineageDirection!, $depth: Int!) { lineage(id: $id, direction: $d, depth: $depth) {
        nodes {
            __typename
            ... on Prediction { id scores(from: 2, to: 3) { nodes { rowIndex score label } } }
            ... on Job { kind }
            ... on Version { number }
        }
        edges { kind from to }
        truncated
    } }";
    let ask = async |id: &Value, direction: &str, depth: i32| {
        plant.ok(query, json!({ "id": id, "d": direction, "depth": depth })).await["lineage"].take()
    };
    let names = |found: &Value| -> Vec<String> {
        let nodes = found["nodes"].as_array().unwrap().iter();
        nodes.map(|node| node["__typename"].as_str().unwrap().to_owned()).collect()
    };
    let down = ask(&plant.dataset, "DOWNSTREAM", 10).await;
    assert_eq!(names(&down)[0], "DatasetVersion");
    assert_eq!(names(&down).len(), 5, "{down}");
    let last = down["nodes"].as_array().unwrap().iter().find(|node| node["__typename"] == "Prediction").unwrap();
    assert_eq!(last["scores"]["nodes"], json!([{ "rowIndex": 2, "score": 0.9, "label": 1 }]));
    let kinds: Vec<_> = down["edges"].as_array().unwrap().iter().map(|edge| edge["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["READ_BY", "READ_BY", "MADE", "MADE", "APPLIED_BY"]);

    let up = ask(&prediction, "UPSTREAM", 10).await;
    assert_eq!(names(&up), ["Prediction", "Job", "DatasetVersion", "Version", "Job"]);
    assert_eq!(names(&ask(&prediction, "BOTH", 1).await), ["Prediction", "Job"]);
    let wrong = plant
        .app
        .gql_with(Some(&plant.ada.token), query, json!({ "id": plant.project, "d": "BOTH", "depth": 1 }))
        .await;
    assert_eq!(wrong["errors"][0]["extensions"]["code"], "INVALID_ID", "{wrong}");
    let eve = plant.app.user("eve", false).await;
    let hidden = plant.app.ok(Some(&eve.token), query, json!({ "id": prediction, "d": "BOTH", "depth": 3 })).await;
    assert_eq!(hidden["lineage"], Value::Null);
}
