//! Detectors through the whole system: a server, a runner, GraphQL between them.

use nunatak_client::{
    Client,
    datasets::CreateDatasetInput,
    jobs::{JobState, JobStatus, TrainModelInput},
};
use nunatak_test_support::TestDb;
use serde_json::{Value, json};

use crate::processes::{Process, eventually, runner, server, signed_in};

/// A server with a runner, and an administrator's session in a project.
pub(crate) struct World {
    client: Client,
    token: String,
    pub(crate) project: String,
    _processes: Vec<Process>,
    pub(crate) db: TestDb,
}

impl World {
    async fn new() -> Self {
        let db = TestDb::fresh().await;
        let (server, url) = server(&db);
        let runner = runner(&db, &url, "one");
        Self::at(db, &url, vec![server, runner]).await
    }

    /// On a server that serves at `url`.
    pub(crate) async fn at(db: TestDb, url: &str, processes: Vec<Process>) -> Self {
        let client = signed_in(&db, url).await;
        let session = Client::new(url, None).unwrap().login("ada", crate::processes::PASSWORD).await.unwrap();
        let workspace = client.create_workspace("Plant", "").await.unwrap();
        let project = client.create_project(&workspace, "Presses", "").await.unwrap();
        Self { client, token: session.access_token, project, _processes: processes, db }
    }

    pub(crate) async fn dataset(&self, name: &str, csv: String, label: Option<&str>) -> String {
        let upload = self.client.upload(&self.project, csv.into_bytes(), "rows.csv").await.unwrap();
        let input = CreateDatasetInput {
            project: self.project.clone(),
            name: name.into(),
            description: String::new(),
            upload,
            format: None,
            time_column: None,
            label_column: label.map(Into::into),
            idempotency_key: None,
        };
        self.client.create_dataset(input).await.unwrap().latest_version.unwrap().id
    }

    /// Trains and gives the version's id.
    pub(crate) async fn train(&self, detector: &str, dataset: &str, hyperparameters: Value) -> String {
        let input = TrainModelInput {
            hyperparameters: Some(hyperparameters),
            ..TrainModelInput::new(&self.project, detector, detector, dataset)
        };
        let job = eventually("the registration", async || self.client.train_model(input.clone()).await.ok()).await;
        assert_eq!(self.ended(&job).await.status, JobStatus::Succeeded, "{:?}", self.ended(&job).await);
        let data = self.ask("query($id: ID!) { job(id: $id) { version { id } } }", json!({ "id": job })).await;
        data["job"]["version"]["id"].as_str().unwrap().to_owned()
    }

    /// Predicts and gives the prediction.
    pub(crate) async fn predict(&self, version: &str, dataset: &str) -> Value {
        let job = self.client.predict(version, dataset).await.unwrap();
        assert_eq!(self.ended(&job).await.status, JobStatus::Succeeded, "{:?}", self.ended(&job).await);
        let query = "query($id: ID!) { job(id: $id) { prediction { threshold anomalyCount metrics { key value }
            scores(first: 1000, onlyAnomalies: true) { nodes { rowIndex score reasons { column share } } } } } }";
        self.ask(query, json!({ "id": job })).await["job"]["prediction"].clone()
    }

    async fn ended(&self, job: &str) -> JobState {
        let state = async || self.client.job(job).await.unwrap().filter(|job| job.status.is_final());
        eventually("the end of the job", state).await
    }

    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Value {
        let answer = self.answer(query, variables).await;
        assert!(answer["errors"].is_null(), "{answer}");
        answer["data"].clone()
    }

    pub(crate) async fn answer(&self, query: &str, variables: Value) -> Value {
        let request = reqwest::Client::new().post(format!("{}/graphql", self.client.base_url().trim_end_matches('/')));
        let request = request.bearer_auth(&self.token).json(&json!({ "query": query, "variables": variables }));
        request.send().await.unwrap().json().await.unwrap()
    }
}

/// 400 rows of two sensors and a kind; every 50th row is hot.
fn presses() -> String {
    let mut csv = String::from("kind,pressure,heat,fault\n");
    for row in 0..400 {
        let kind = ["small", "large"][row % 2];
        let wave = (row as f64 * 0.7).sin();
        let fault = row % 50 == 49;
        let heat = if fault { 9.0 } else { wave + (row as f64 * 1.3).cos() * 0.2 };
        let pressure = if row % 97 == 5 { String::new() } else { format!("{:.4}", wave * 2.0) };
        csv.push_str(&format!("{kind},{pressure},{heat:.4},{}\n", if fault { "overheated" } else { "normal" }));
    }
    csv
}

#[tokio::test(flavor = "multi_thread")]
async fn words_gaps_classes_reasons_and_a_new_threshold() {
    let world = World::new().await;
    let dataset = world.dataset("presses", presses(), Some("fault")).await;
    let columns =
        "query($id: ID!) { node(id: $id) { ... on DatasetVersion { anomalyCount columns { name type role } } } }";
    let data = world.ask(columns, json!({ "id": dataset })).await;
    assert_eq!(data["node"]["anomalyCount"], 8);
    assert_eq!(data["node"]["columns"][0], json!({ "name": "kind", "type": "TEXT", "role": "IGNORED" }));

    let preprocessing = json!({ "impute": "median", "one_hot": ["kind"], "scale": "robust" });
    let threshold = json!({ "method": "false_alarm_rate", "false_alarm_rate": 0.05 });
    let settings = json!({ "preprocessing": preprocessing, "threshold": threshold });
    let version = world.train("mahalanobis", &dataset, settings).await;

    let prediction = world.predict(&version, &dataset).await;
    let nodes = prediction["scores"]["nodes"].as_array().unwrap();
    assert_eq!(prediction["anomalyCount"].as_u64().unwrap() as usize, nodes.len());
    for fault in (49..400).step_by(50) {
        let node = nodes.iter().find(|node| node["rowIndex"] == fault).unwrap_or_else(|| panic!("row {fault}"));
        assert_eq!(node["reasons"][0]["column"], "heat", "{node}");
        assert!(node["reasons"][0]["share"].as_f64().unwrap() > 0.5, "{node}");
    }
    let metric = |name: &str| {
        let found = prediction["metrics"].as_array().unwrap().iter().find(|metric| metric["key"] == name);
        found.unwrap_or_else(|| panic!("{name}: {prediction}"))["value"].clone()
    };
    assert_eq!(metric("imputed_values"), 5.0);
    assert_eq!(metric("recall"), 1.0);

    let set = "mutation($input: SetThresholdInput!) { setThreshold(input: $input) {
        version { id number threshold parent { id } model { name } } userErrors { code path message } } }";
    let strict = json!({ "input": { "version": version, "falseAlarmRate": 0.001 } });
    let changed = world.ask(set, strict).await["setThreshold"].clone();
    assert_eq!(changed["userErrors"], json!([]));
    assert_eq!(changed["version"]["number"], 2);
    assert_eq!(changed["version"]["parent"]["id"], version);
    let strict = world.predict(changed["version"]["id"].as_str().unwrap(), &dataset).await;
    assert_eq!(strict["threshold"], changed["version"]["threshold"]);
    assert!(strict["anomalyCount"].as_i64() < prediction["anomalyCount"].as_i64());
    assert!(strict["threshold"].as_f64() > prediction["threshold"].as_f64());

    for (input, code) in [
        (json!({ "version": version }), "INVALID_INPUT"),
        (json!({ "version": version, "threshold": 1.0, "falseAlarmRate": 0.1 }), "INVALID_INPUT"),
        (json!({ "version": version, "falseAlarmRate": 0.9 }), "OUT_OF_RANGE"),
    ] {
        let refused = world.ask(set, json!({ "input": input })).await["setThreshold"].clone();
        assert_eq!(refused["userErrors"][0]["code"], code, "{refused}");
    }
}
