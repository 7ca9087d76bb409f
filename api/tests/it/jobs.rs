//! A runner's whole day over GraphQL and HTTP: register, claim, download, report, upload, complete.

use async_graphql::Request;
use futures_util::StreamExt;
use nunatak_api::{
    ApiOptions,
    graphql::context::RequestContext,
    http::auth::{Credential, authenticate},
};
use nunatak_test_support::{TestApp, TestUser};
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

const CSV: &str = "a,b,label\n1,2,0\n2,3,0\n90,90,1\n";

pub(crate) struct Plant {
    pub(crate) app: TestApp,
    pub(crate) ada: TestUser,
    pub(crate) project: Value,
    pub(crate) runner: Value,
    pub(crate) dataset: Value,
}

const REGISTER: &str = "mutation ($schema: JSON!) { registerRunner(input: {
    name: \"hall 3\", labels: [\"cpu\"], detectors: [{
        name: \"lof\", version: \"1.0.0\", title: \"LOF\", summary: \"Density.\", inputKind: TABULAR,
        hyperparameterSchema: $schema
    }]
}) { runner { id status detectors { name runners { name } } } leaseSeconds heartbeatSeconds userErrors { code path } } }";
pub(crate) const TRAIN: &str = "mutation ($input: TrainModelInput!) { trainModel(input: $input) {
    job { id status kind detector { name } model { name } hyperparameters datasetVersion { id } }
    userErrors { code message path }
} }";
const CLAIM: &str = "mutation ($runner: ID!) { claimJob(input: {runner: $runner}) { userErrors { code } claim {
    attempt token job { id kind detectorName hyperparameters seed }
    dataset { version url rowCount featureColumns labelColumn } artifact { url version sha256 }
} } }";
pub(crate) const COMPLETE: &str = "mutation ($input: CompleteJobInput!) { completeJob(input: $input) {
    job { id status version { id } } userErrors { code message path }
} }";

pub(crate) async fn send_file(app: &TestApp, token: &str, project: &Value, name: &str, bytes: Vec<u8>) -> Value {
    let query = "mutation ($input: CreateUploadInput!) {
        createUpload(input: $input) { upload { id url } userErrors { code } }
    }";
    let input = json!({ "project": project, "fileName": name, "size": bytes.len() });
    let mut made = app.ok(Some(token), query, json!({ "input": input })).await;
    let upload = made["createUpload"]["upload"].take();
    let request = TestApp::request(Method::PUT, upload["url"].as_str().unwrap(), Some(token), bytes);
    assert_eq!(app.send(request).await.status(), StatusCode::OK);
    let query = "mutation ($id: ID!) { completeUpload(input: {id: $id}) { userErrors { code } } }";
    app.ok(Some(token), query, json!({ "id": upload["id"] })).await;
    upload["id"].clone()
}

impl Plant {
    pub(crate) async fn new() -> Self {
        Self::with_options(ApiOptions::default()).await
    }

    pub(crate) async fn with_options(options: ApiOptions) -> Self {
        let app = TestApp::with_options(options).await;
        let ada = app.user("ada", true).await;
        let token = Some(ada.token.as_str());
        let query = "mutation { createWorkspace(input: {name: \"Plant\"}) { workspace { id } } }";
        let workspace = app.ok(token, query, json!({})).await["createWorkspace"]["workspace"]["id"].take();
        let query = "mutation ($w: ID!) { createProject(input: {workspace: $w, name: \"Pumps\"}) { project { id } } }";
        let mut made = app.ok(token, query, json!({ "w": workspace })).await;
        let project = made["createProject"]["project"]["id"].take();
        let schema = json!({ "type": "object", "additionalProperties": false, "properties": {
            "n_neighbors": { "type": "integer", "default": 20, "minimum": 1, "maximum": 1000 },
        } });
        let mut made = app.ok(token, REGISTER, json!({ "schema": schema })).await;
        assert_eq!(made["registerRunner"]["leaseSeconds"], 30.0);
        assert_eq!(made["registerRunner"]["runner"]["detectors"][0]["runners"][0]["name"], "hall 3");
        let runner = made["registerRunner"]["runner"]["id"].take();
        let mut plant = Self { app, ada, project, runner, dataset: Value::Null };
        plant.dataset = plant.dataset("Stand", CSV).await;
        plant
    }

    /// Uploads a table; the upload's id.
    pub(crate) async fn send(&self, csv: &str) -> Value {
        send_file(&self.app, &self.ada.token, &self.project, "table.csv", csv.into()).await
    }

    /// Makes a dataset of a table; its version's id.
    pub(crate) async fn dataset(&self, name: &str, csv: &str) -> Value {
        let query = "mutation ($input: CreateDatasetInput!) {
            createDataset(input: $input) { dataset { latestVersion { id } } userErrors { code } }
        }";
        let name = name.replace(['\n', ','], "-");
        let input = json!({ "project": self.project, "name": name.trim_matches('-'), "upload": self.send(csv).await });
        self.ok(query, json!({ "input": input })).await["createDataset"]["dataset"]["latestVersion"]["id"].take()
    }

    pub(crate) async fn ok(&self, query: &str, variables: Value) -> Value {
        self.app.ok(Some(&self.ada.token), query, variables).await
    }

    pub(crate) async fn train(&self) -> Value {
        let input = json!({ "project": self.project, "model": "pump", "detector": "lof", "dataset": self.dataset,
            "hyperparameters": { "n_neighbors": 5 } });
        self.ok(TRAIN, json!({ "input": input })).await["trainModel"]["job"].take()
    }

    pub(crate) async fn claim(&self) -> Value {
        self.ok(CLAIM, json!({ "runner": self.runner })).await["claimJob"]["claim"].take()
    }

    /// Trains to the end; the version's id.
    pub(crate) async fn trained(&self) -> Value {
        let claim = self.claim().await;
        let token = claim["token"].as_str().unwrap();
        let artifact = send_file(&self.app, token, &self.project, "m.safetensors", b"learned".to_vec()).await;
        let train = json!({ "artifactUpload": artifact, "threshold": 0.5,
            "metrics": [{ "key": "roc_auc", "value": 0.9 }, { "key": "f1", "special": "NAN" }],
            "inputSchema": [{ "name": "a", "type": "number" }, { "name": "b", "type": "number" }] });
        let input = json!({ "job": claim["job"]["id"], "attempt": 1, "result": { "train": train } });
        let mut done = self.app.ok(Some(token), COMPLETE, json!({ "input": input })).await;
        assert_eq!(done["completeJob"]["job"]["status"], "SUCCEEDED");
        let again = self.app.ok(Some(token), COMPLETE, json!({ "input": input })).await;
        assert_eq!(again["completeJob"]["job"]["id"], claim["job"]["id"]);
        let query = "query ($id: ID!) { job(id: $id) { version { id } } }";
        done = self.ok(query, json!({ "id": claim["job"]["id"] })).await;
        done["job"]["version"]["id"].take()
    }

    /// Scores its dataset to the end; the prediction's id.
    pub(crate) async fn predicted(&self, version: &Value) -> Value {
        let query = "mutation ($v: ID!, $d: ID!) { predict(input: {version: $v, dataset: $d}) { job { id } } }";
        self.ok(query, json!({ "v": version, "d": self.dataset })).await;
        let claim = self.claim().await;
        let token = claim["token"].as_str().unwrap();
        let upload = send_file(&self.app, token, &self.project, "s.safetensors", scores()).await;
        let predict = json!({ "scoresUpload": upload, "rowCount": 3, "anomalyCount": 1, "threshold": 0.5 });
        let input = json!({ "job": claim["job"]["id"], "attempt": 1, "result": { "predict": predict } });
        self.app.ok(Some(token), COMPLETE, json!({ "input": input })).await;
        let query = "query ($id: ID!) { job(id: $id) { prediction { id } } }";
        self.ok(query, json!({ "id": claim["job"]["id"] })).await["job"]["prediction"]["id"].take()
    }
}

/// `score` and `label` for three rows.
fn scores() -> Vec<u8> {
    let header = r#"{"score":{"dtype":"F64","shape":[3],"data_offsets":[0,24]},"label":{"dtype":"U8","shape":[3],"data_offsets":[24,27]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    file.extend([0.1_f64, 0.2, 0.9].iter().flat_map(|score| score.to_le_bytes()));
    file.extend([0, 0, 1]);
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_trains_and_predicts() {
    let plant = Plant::new().await;
    let job = plant.train().await;
    assert_eq!(job["hyperparameters"], json!({ "n_neighbors": 5 }));
    assert_eq!((&job["detector"]["name"], &job["model"]["name"]), (&json!("lof"), &json!("pump")));
    let version = plant.trained().await;

    let query =
        "mutation ($v: ID!, $d: ID!) { predict(input: {version: $v, dataset: $d}) { job { id } userErrors { code } } }";
    plant.ok(query, json!({ "v": version, "d": plant.dataset })).await;
    let claim = plant.claim().await;
    assert_eq!(claim["artifact"]["version"], version);
    assert_eq!(claim["dataset"]["featureColumns"], json!(["a", "b"]));
    let token = claim["token"].as_str().unwrap();
    let rows = format!("{}?format=csv", claim["dataset"]["url"].as_str().unwrap());
    for (url, expected) in [(rows.as_str(), CSV), (claim["artifact"]["url"].as_str().unwrap(), "learned")] {
        let request = TestApp::request(Method::GET, url, Some(token), "");
        let response = plant.app.send(request).await;
        assert_eq!(response.into_body().into_string().await.unwrap(), expected);
    }
    let query = "mutation ($job: ID!) {
        reportProgress(input: {job: $job, attempt: 1, progress: 0.5, message: \"scoring\"}) {
            cancelRequested leaseExpiresAt userErrors { code }
        }
    }";
    let told = plant.app.ok(Some(token), query, json!({ "job": claim["job"]["id"] })).await;
    assert_eq!(told["reportProgress"]["cancelRequested"], false);

    let upload = send_file(&plant.app, token, &plant.project, "s.safetensors", scores()).await;
    let predict = |rows: i32| {
        json!({ "input": { "job": claim["job"]["id"], "attempt": 1, "result": { "predict": {
            "scoresUpload": upload, "rowCount": rows, "anomalyCount": 1, "threshold": 0.5 } } } })
    };
    let wrong = plant.app.gql_with(Some(token), COMPLETE, predict(4)).await;
    let error = &wrong["data"]["completeJob"]["userErrors"][0];
    assert_eq!((&error["code"], &error["path"]), (&json!("ROW_COUNT"), &json!(["result", "predict", "rowCount"])));
    plant.app.ok(Some(token), COMPLETE, predict(3)).await;

    let query = "query ($id: ID!) { job(id: $id) { status runner { name } prediction {
        rowCount anomalyCount version { id } scoresUrl
        scores(first: 2, onlyAnomalies: true) { nodes { rowIndex score label } pageInfo { hasNextPage } }
    } } }";
    let job = plant.ok(query, json!({ "id": claim["job"]["id"] })).await["job"].take();
    let nodes = json!([{ "rowIndex": 2, "score": 0.9, "label": 1 }]);
    assert_eq!((&job["status"], &job["prediction"]["scores"]["nodes"]), (&json!("SUCCEEDED"), &nodes));
    assert_eq!(job["prediction"]["version"]["id"], version);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_claims_token_reports() {
    let plant = Plant::new().await;
    let job = plant.train().await;
    let claim = plant.claim().await;
    let query = "mutation ($job: ID!, $attempt: Int!) {
        heartbeat(input: {job: $job, attempt: $attempt}) { leaseExpiresAt userErrors { code } }
    }";
    for (token, attempt) in [(plant.ada.token.as_str(), 1), (claim["token"].as_str().unwrap(), 2)] {
        let variables = json!({ "job": job["id"], "attempt": attempt });
        let refused = plant.app.gql_with(Some(token), query, variables).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "NOT_FOUND", "{refused}");
    }
    plant.app.clock.advance(std::time::Duration::from_secs(31));
    plant.app.state.store.reap_jobs().await.unwrap();
    let variables = json!({ "job": job["id"], "attempt": 1 });
    let late = plant.app.gql_with(claim["token"].as_str(), query, variables).await;
    assert_eq!(late["data"]["heartbeat"]["userErrors"][0]["code"], "LEASE_LOST", "{late}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_hyperparameters_are_explained() {
    let plant = Plant::new().await;
    let input = json!({ "project": plant.project, "model": "pump", "detector": "lof", "dataset": plant.dataset,
        "hyperparameters": { "n_neighbors": 0, "k": 1 } });
    let answer = plant.app.gql_with(Some(&plant.ada.token), TRAIN, json!({ "input": input })).await;
    let errors = &answer["data"]["trainModel"]["userErrors"];
    assert_eq!(errors[0]["code"], "UNKNOWN_HYPERPARAMETER");
    assert_eq!(errors[0]["path"], json!(["hyperparameters", "k"]));
    assert_eq!(errors[1]["code"], "OUT_OF_RANGE");
    assert_eq!(errors[1]["message"], "`n_neighbors` must be an integer from 1 to 1000, not 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_see_a_job_can_follow_it() {
    let plant = Plant::new().await;
    let state = &plant.app.state;
    let schema = nunatak_api::build_schema(state);
    let follow = async |token: &str| {
        let credential = Credential::Bearer(token.to_owned());
        let actor = authenticate(state, &credential).await.unwrap();
        let context = RequestContext::for_connection(state, actor, credential);
        schema.execute_stream(Request::new("subscription { jobChanged { id status progress } }").data(context))
    };
    let mut own = Box::pin(follow(&plant.ada.token).await);
    let stranger = plant.app.user("eve", false).await;
    let mut foreign = Box::pin(follow(&stranger.token).await);

    let (first, job) = tokio::join!(own.next(), plant.train());
    let seen = first.unwrap().data.into_json().unwrap();
    assert_eq!(seen["jobChanged"], json!({ "id": job["id"], "status": "QUEUED", "progress": 0.0 }));
    let (second, _) = tokio::join!(own.next(), plant.claim());
    assert_eq!(second.unwrap().data.into_json().unwrap()["jobChanged"]["status"], "RUNNING");
    let silence = tokio::time::timeout(std::time::Duration::from_millis(50), foreign.next());
    let (silence, _) = tokio::join!(silence, plant.train());
    assert!(silence.is_err(), "a stranger hears nothing");
}

/// A small schema must not be able to keep the server busy, and a name is its owner's.
#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_entry_harms_nobody() {
    let plant = Plant::new().await;
    let eve = plant.app.user("eve", false).await;
    let register = "mutation ($d: [DetectorInput!]!) {
        registerRunner(input: { name: \"hers\", detectors: $d }) { runner { id } userErrors { code message path } }
    }";
    let offer = async |name: &str, version: &str, schema: Value| {
        let detector = json!({ "name": name, "version": version, "title": "T", "summary": "S", "inputKind": "TABULAR",
            "hyperparameterSchema": schema });
        let answer = plant.app.gql_with(Some(&eve.token), register, json!({ "d": [detector] })).await;
        answer["data"]["registerRunner"]["userErrors"][0]["code"].clone()
    };
    let circle = json!({ "type": "object", "allOf": [{ "$ref": "#" }, { "$ref": "#" }] });
    assert_eq!(offer("hers", "1.0.0", circle).await, "INVALID_SCHEMA");
    let plain = json!({ "type": "object", "additionalProperties": false });
    assert_eq!(offer("lof", "99.0.0", plain.clone()).await, "CONFLICT");
    assert_eq!(offer("hers", "1.0.0", plain).await, Value::Null);
}
