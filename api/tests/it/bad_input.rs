//! What goes wrong for a data scientist, and the coded sentence each gets. Nothing is left half-written.

use serde_json::{Value, json};

use crate::jobs::{Plant, TRAIN};

const CREATE: &str = "mutation ($input: CreateDatasetInput!) {
    createDataset(input: $input) { dataset { id } userErrors { code message path } }
}";
const DATASETS: &str = "{ datasets { nodes { name } } jobs { nodes { id } } models { nodes { name } } }";

/// The first problem's code and path.
fn problem(payload: &Value) -> (String, Value) {
    let problem = &payload["userErrors"][0];
    assert!(problem["message"].as_str().is_some_and(|message| message.len() > 10), "{payload:#}");
    (problem["code"].as_str().unwrap().to_owned(), problem["path"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_no_detector_could_use_are_refused() {
    let plant = Plant::new().await;
    for (csv, code) in [
        ("a,b\n", "NO_ROWS"),
        ("a,b\n1,2\n3\n", "RAGGED_ROW"),
        ("a,b\n1,2\n1,two\n", "NON_NUMERIC"),
        ("a,b\n1,\n2,\n", "ALL_MISSING"),
        ("a,a\n1,2\n", "DUPLICATE_COLUMN"),
        ("a,label\n1,-1\n2,1\n", "BAD_LABEL"),
        ("a,label\n1,0\n2,\n", "BAD_LABEL"),
        ("a,b\n1,inf\n", "NON_NUMERIC"),
    ] {
        let before = plant.ok(DATASETS, json!({})).await;
        let upload = plant.send(csv).await;
        let input = json!({ "project": plant.project, "name": "bad", "upload": upload });
        let answer = plant.app.gql_with(Some(&plant.ada.token), CREATE, json!({ "input": input })).await;
        let (found, _) = problem(&answer["data"]["createDataset"]);
        assert_eq!(found, code, "{csv:?} {answer:#}");
        assert_eq!(plant.ok(DATASETS, json!({})).await, before, "{csv:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_is_refused_before_it_is_sent() {
    let plant = Plant::new().await;
    let query = "mutation ($input: CreateUploadInput!) { createUpload(input: $input) { upload { id } userErrors { code message path } } }";
    let input = json!({ "project": plant.project, "fileName": "empty.csv", "size": 0 });
    let answer = plant.app.gql_with(Some(&plant.ada.token), query, json!({ "input": input })).await;
    let (code, path) = problem(&answer["data"]["createUpload"]);
    assert_eq!((code.as_str(), path), ("EMPTY_FILE", json!(["size"])), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_is_a_dataset_but_no_training() {
    let plant = Plant::new().await;
    let dataset = plant.dataset("one row", "a,b\n1,2\n").await;
    let input = json!({ "project": plant.project, "model": "pump", "detector": "lof", "dataset": dataset });
    let answer = plant.app.gql_with(Some(&plant.ada.token), TRAIN, json!({ "input": input })).await;
    assert_eq!(problem(&answer["data"]["trainModel"]).0, "TOO_FEW_ROWS", "{answer:#}");
    let seen = plant.ok(DATASETS, json!({})).await;
    assert_eq!((&seen["jobs"]["nodes"], &seen["models"]["nodes"]), (&json!([]), &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn constant_columns_and_a_quiet_history_are_fine() {
    let plant = Plant::new().await;
    let dataset = plant.dataset("quiet", "a,b,label\n1,7,0\n2,7,0\n3,7,0\n").await;
    let query = "query ($id: ID!) { datasetVersion(id: $id) { rowCount anomalyCount } }";
    let seen = plant.ok(query, json!({ "id": dataset })).await;
    assert_eq!(seen["datasetVersion"], json!({ "rowCount": 3, "anomalyCount": 0 }));
    let input = json!({ "project": plant.project, "model": "pump", "detector": "lof", "dataset": dataset });
    let job = plant.ok(TRAIN, json!({ "input": input })).await;
    assert_eq!(job["trainModel"]["job"]["status"], "QUEUED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_applied_to_the_columns_it_was_trained_on() {
    let plant = Plant::new().await;
    plant.train().await;
    let version = plant.trained().await;
    let query =
        "mutation ($input: PredictInput!) { predict(input: $input) { job { id } userErrors { code message path } } }";
    for csv in ["a\n1\n2\n", "a,b,c\n1,2,3\n4,5,6\n", "a,x\n1,2\n3,4\n"] {
        let dataset = plant.dataset(csv, csv).await;
        let input = json!({ "version": version, "dataset": dataset });
        let answer = plant.app.gql_with(Some(&plant.ada.token), query, json!({ "input": input })).await;
        let (code, path) = problem(&answer["data"]["predict"]);
        assert_eq!((code.as_str(), path), ("INPUT_SCHEMA", json!(["dataset"])), "{csv:?} {answer:#}");
    }
    let evaluate = query.replace("PredictInput", "EvaluateInput").replace("predict(", "evaluate(");
    let unlabelled = plant.dataset("unlabelled", "a,b\n1,2\n3,4\n").await;
    let input = json!({ "version": version, "dataset": unlabelled });
    let answer = plant.app.gql_with(Some(&plant.ada.token), &evaluate, json!({ "input": input })).await;
    assert_eq!(problem(&answer["data"]["evaluate"]).0, "NO_LABELS", "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_taken_once() {
    let plant = Plant::new().await;
    let upload = plant.send("a,b\n5,6\n7,8\n").await;
    let input = json!({ "project": plant.project, "name": "Stand", "upload": upload });
    let answer = plant.app.gql_with(Some(&plant.ada.token), CREATE, json!({ "input": input })).await;
    let (code, path) = problem(&answer["data"]["createDataset"]);
    assert_eq!((code.as_str(), path), ("TAKEN", json!(["name"])), "{answer:#}");
}
