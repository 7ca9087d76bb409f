//! Jobs that end well.

use nunatak_detector::Artifact;
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::setup::RunningWorker;

fn metric<'a>(result: &'a Value, key: &str) -> &'a Value {
    let metrics = result["metrics"].as_array().unwrap();
    &metrics.iter().find(|metric| metric["key"] == key).unwrap_or_else(|| panic!("no {key}"))["value"]
}

#[tokio::test]
async fn a_training_becomes_a_version() {
    let worker = RunningWorker::start().await;
    worker.give("TRAIN", "middle", Value::Null);
    let input = worker.server.called("CompleteJob").await;
    let server = worker.end().await;

    let registered = server.called("RegisterRunner").await;
    assert_eq!(registered["detectors"][0]["inputKind"], "TABULAR");
    assert_eq!(registered["detectors"].as_array().unwrap().len(), 4);
    assert_eq!(server.token_of("ClaimJob").await, "Bearer runner-token");
    assert_eq!(server.token_of("CompleteJob").await, "Bearer job-token");
    assert_eq!(server.called("CreateUpload").await["fileName"], "model.safetensors");

    assert_eq!((&input["job"], &input["attempt"]), (&json!("job_1"), &json!(1)));
    let train = &input["result"]["train"];
    assert_eq!(train["artifactUpload"], "0");
    assert_eq!(train["hyperparameters"], json!({ "contamination": 0.1, "preprocessing": null, "threshold": null }));
    assert_eq!(train["inputSchema"], json!([{ "name": "x", "type": "number" }]), "`y` is no feature column");
    assert_eq!(metric(train, "roc_auc"), 1.0);
    assert!(metric(train, "fit_seconds").is_f64() && metric(train, "score_seconds").is_f64());
    assert!(!train["figures"].as_array().unwrap().is_empty());
    let artifact = Artifact::decode(&server.state().uploads[0]).unwrap();
    assert_eq!(artifact.header.threshold, train["threshold"].as_f64().unwrap());
    assert_eq!(server.count("FailJob"), 0);
}

#[tokio::test]
async fn a_prediction_keeps_scores_and_an_evaluation_only_metrics() {
    let worker = RunningWorker::start().await;
    worker.give("TRAIN", "middle", Value::Null);
    worker.server.called("CompleteJob").await;
    let model = worker.server.state().uploads[0].clone();

    worker.give("PREDICT", "middle", worker.artifact(&model));
    worker.server.until(|state| state.calls.iter().filter(|call| call.0 == "CompleteJob").count() == 2).await;
    worker.give("EVALUATE", "middle", worker.artifact(&model));
    worker.server.until(|state| state.calls.iter().filter(|call| call.0 == "CompleteJob").count() == 3).await;
    let server = worker.end().await;

    let completed = |idx| {
        let state = server.state();
        state.calls.iter().filter(|call| call.0 == "CompleteJob").nth(idx).unwrap().2.clone()
    };
    let predict = &completed(1)["result"]["predict"];
    assert_eq!((&predict["rowCount"], &predict["anomalyCount"]), (&json!(11), &json!(1)));
    assert_eq!(predict["scoresUpload"], "1");
    let scores = server.state().uploads[1].clone();
    let scores = SafeTensors::deserialize(&scores).unwrap();
    assert_eq!(scores.tensor("label").unwrap().data(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(scores.tensor("score").unwrap().shape(), [11]);

    assert_eq!(metric(&completed(2)["result"]["evaluate"], "roc_auc"), 1.0);
    assert_eq!(server.state().uploads.len(), 2);
    let downloads: Vec<_> =
        server.state().calls.iter().filter(|call| call.0 == "GET").map(|call| call.2.clone()).collect();
    assert_eq!(downloads, ["rows.csv", "model.safetensors"], "the cache serves the rest");
}
