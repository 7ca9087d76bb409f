//! Stories of jobs that a runner does from beginning to end.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::kind::Kind;
use super::world::World;
use crate::processes::eventually;

pub(super) async fn it_registers_its_catalogue(kind: &Kind) {
    let world = World::new().await;
    let _runner = world.runner(kind, "one", &["--label", "gpu", "--label", "hall-3"]);
    let runners =
        "{ runners(first: 5) { nodes { name labels status detectors { name inputKind hyperparameterSchema } } } }";
    let look = async || {
        let nodes = world.ask(runners, json!({})).await["runners"]["nodes"].clone();
        nodes.as_array().unwrap().first().cloned()
    };
    let runner = eventually("the registration", look).await;
    assert_eq!((&runner["name"], &runner["status"]), (&json!("one"), &json!("ONLINE")));
    assert_eq!(runner["labels"], json!(["gpu", "hall-3"]));
    for work in [&kind.quick, &kind.slow, &kind.endless, &kind.needs_labels] {
        let offered = runner["detectors"].as_array().unwrap().iter();
        let detector = offered.clone().find(|it| it["name"] == work.detector).unwrap_or_else(|| panic!("{runner}"));
        let schema = &detector["hyperparameterSchema"];
        assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)));
        assert_eq!(detector["inputKind"], "TABULAR");
        let properties = schema["properties"].as_object().unwrap();
        for name in work.settings.as_object().unwrap().keys().map(String::as_str).chain(["contamination", "threshold"])
        {
            assert!(properties.contains_key(name), "{} has no {name}: {schema}", work.detector);
        }
    }
}

pub(super) async fn a_training_becomes_a_version_with_a_file(kind: &Kind) {
    let world = World::new().await;
    let _runner = world.runner(kind, "one", &[]);
    let dataset = world.example("cardio", true).await;
    let job = world.succeeded(&world.train(&kind.quick, &dataset).await).await;
    let version = &job["version"];
    assert_eq!((&job["attempt"], &job["runner"]["name"]), (&json!(1), &json!("one")));
    assert_eq!(job["hyperparameters"]["contamination"], 0.1, "defaults are filled in");
    assert!(metric(version, "last", "roc_auc") > 0.7, "{version}");
    assert!(version["threshold"].as_f64().unwrap().is_finite());
    assert_eq!(version["inputSchema"].as_array().unwrap().len(), 21);
    assert!(!version["figures"].as_array().unwrap().is_empty());

    let artifact = &version["artifact"];
    let bytes = world.get(artifact["url"].as_str().unwrap()).await;
    assert_eq!(artifact["size"].to_string().trim_matches('"'), bytes.len().to_string());
    assert_eq!(artifact["sha256"].as_str().unwrap(), hex::encode(Sha256::digest(&bytes)));
}

pub(super) async fn a_second_runner_gives_the_same_scores(kind: &Kind) {
    let world = World::new().await;
    let first = world.runner(kind, "first", &[]);
    let dataset = world.example("cardio", true).await;
    let version = world.version(&kind.quick, &dataset).await;
    let predict = async || {
        let job = world.client.predict(&version, &dataset).await.unwrap();
        world.succeeded(&job).await
    };
    let here = predict().await;
    assert_eq!(here["prediction"]["rowCount"].to_string().trim_matches('"'), "1831");
    drop(first);
    let _second = world.runner(kind, "second", &[]);
    let there = predict().await;
    assert_eq!((&here["runner"]["name"], &there["runner"]["name"]), (&json!("first"), &json!("second")));

    let mut scores = Vec::new();
    for job in [&here, &there] {
        let csv = world.get(job["prediction"]["csvUrl"].as_str().unwrap()).await;
        let text = String::from_utf8(csv).unwrap();
        assert_eq!(text.lines().count(), 1831 + 1, "a row each, and the header");
        scores.push(text);
    }
    assert!(scores[0] == scores[1], "the second runner's scores differ");
    assert!(metric(&there["prediction"], "value", "roc_auc") > 0.7);
}

pub(super) async fn an_evaluation_keeps_metrics_and_no_scores(kind: &Kind) {
    let world = World::new().await;
    let _runner = world.runner(kind, "one", &[]);
    let dataset = world.example("thyroid", true).await;
    let version = world.version(&kind.quick, &dataset).await;
    let evaluate = "mutation($input: EvaluateInput!) { evaluate(input: $input) { job { id } userErrors { code } } }";
    let input = json!({ "input": { "version": version, "dataset": dataset } });
    let payload = world.ask(evaluate, input).await["evaluate"].clone();
    let job = world.succeeded(payload["job"]["id"].as_str().unwrap()).await;
    assert!(metric(&job["prediction"], "value", "roc_auc") > 0.7, "{job}");
    assert_eq!(job["prediction"]["rowCount"].to_string().trim_matches('"'), "3772");
    assert_eq!(job["prediction"]["scoresUrl"], Value::Null);
}

pub(super) async fn labels_choose_the_runner(kind: &Kind) {
    let world = World::new().await;
    let _plain = world.runner(kind, "plain", &["--label", "hall-3"]);
    let dataset = world.example("cardio", true).await;
    world.version(&kind.quick, &dataset).await;
    let train = "mutation($input: TrainModelInput!) { trainModel(input: $input) { job { id } userErrors { code } } }";
    let input = json!({ "input": { "project": world.project, "model": "labelled", "detector": kind.quick.detector,
        "hyperparameters": kind.quick.settings, "dataset": dataset, "labels": ["gpu", "hall-3"] } });
    let job = world.ask(train, input).await["trainModel"]["job"]["id"].as_str().unwrap().to_owned();
    // The other runner is given what was asked for later, and not this.
    world.version(&kind.quick, &dataset).await;
    assert_eq!(world.job(&job).await["status"], "QUEUED");
    let _both = world.runner(kind, "both", &["--label", "gpu", "--label", "hall-3"]);
    let ended = world.succeeded(&job).await;
    assert_eq!((&ended["attempt"], &ended["runner"]["name"]), (&json!(1), &json!("both")), "{ended}");
}

pub(super) async fn data_that_cannot_be_used_fails_once_with_a_sentence(kind: &Kind) {
    let world = World::new().await;
    let _runner = world.runner(kind, "one", &[]);
    let unlabelled = b"x,y\n1,2\n2,1\n3,4\n4,3\n5,5\n6,7\n7,6\n8,9\n".to_vec();
    let dataset = world.dataset("unlabelled", unlabelled, None).await;
    let job = world.ended(&world.train(&kind.needs_labels, &dataset).await).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("FAILED"), &json!(1)), "{job}");
    let error = &job["error"];
    assert_eq!(error["retryable"], false, "{error}");
    assert_eq!(error["code"], "DATA", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("label") && message.split(' ').count() > 4, "{message}");
    assert!(!message.contains('/') && !message.contains("Traceback"), "no paths, no code: {message}");
    assert_eq!(world.n_versions().await, 0);
}

/// A metric of a version (`last`) or of a prediction (`value`).
fn metric(of: &Value, field: &str, key: &str) -> f64 {
    let metrics = of["metrics"].as_array().unwrap();
    let found = metrics.iter().find(|metric| metric["key"] == key).unwrap_or_else(|| panic!("no {key}: {of}"));
    found[field].as_f64().unwrap()
}
