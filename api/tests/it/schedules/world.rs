//! A project with a runner, and a runner's work in one call.

use std::{sync::Mutex, time::Duration};

use nunatak_store::schedules::Watched;
use serde_json::{Value, json};

use crate::jobs::{COMPLETE, Plant, TRAIN, send_file};

pub(super) struct World {
    pub(super) plant: Plant,
    /// The dataset of which `plant.dataset` is the first version.
    pub(super) dataset: Value,
    rows: Mutex<String>,
}

pub(super) const CREATE: &str = "mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) {
    schedule { id state nextRunAt } userErrors { code message path }
} }";

/// A moment of the first day, on the hour and minute.
pub(super) fn at(time: &str) -> Value {
    json!(format!("2026-01-01T{time}:00+00:00"))
}

/// The codes of a payload's problems.
pub(super) fn errors(payload: &Value) -> Vec<&str> {
    payload["userErrors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect()
}

impl World {
    pub(super) async fn new() -> Self {
        let plant = Plant::new().await;
        let query = "query ($id: ID!) { node(id: $id) { ... on DatasetVersion { dataset { id } } } }";
        let found = plant.ok(query, json!({ "id": plant.dataset })).await;
        let dataset = found["node"]["dataset"]["id"].clone();
        Self { plant, dataset, rows: Mutex::new("a,b,label\n1,2,0\n2,3,0\n90,90,1\n".to_owned()) }
    }

    /// A training of `pump` at 02:30 each day, but for what `change` says.
    pub(super) fn input(&self, change: Value) -> Value {
        let mut input = json!({ "project": self.plant.project, "name": "weekly",
            "task": { "train": { "model": "pump", "detector": "lof", "dataset": { "newest": self.dataset } } },
            "trigger": { "cron": { "expression": "30 2 * * *" } } });
        let fields = input.as_object_mut().unwrap();
        for (name, value) in change.as_object().unwrap() {
            fields.insert(name.clone(), value.clone());
        }
        input
    }

    pub(super) async fn create(&self, change: Value) -> Value {
        let mut made = self.plant.ok(CREATE, json!({ "input": self.input(change) })).await;
        made["createSchedule"]["schedule"].take()
    }

    /// Code and path of the first problem.
    pub(super) async fn refused(&self, change: Value) -> Value {
        let variables = json!({ "input": self.input(change) });
        let answer = self.plant.app.gql_with(Some(&self.plant.ada.token), CREATE, variables).await;
        let error = &answer["data"]["createSchedule"]["userErrors"][0];
        assert!(error.is_object(), "{answer}");
        json!([error["code"], error["path"]])
    }

    pub(super) async fn step(&self) {
        self.plant.app.state.store.step_schedules(&Watched::All).await.unwrap();
    }

    /// Time passes, then a server looks.
    pub(super) async fn pass(&self, seconds: u64) {
        self.plant.app.clock.advance(Duration::from_secs(seconds));
        self.step().await;
    }

    pub(super) async fn schedule(&self, made: &Value) -> Value {
        let query = "query ($id: ID!) { schedule(id: $id) { state suspendedBecause nextRunAt } }";
        self.plant.ok(query, json!({ "id": made["id"] })).await["schedule"].take()
    }

    /// What it has fired, newest first.
    pub(super) async fn runs(&self, made: &Value) -> Vec<Value> {
        let query = "query ($id: ID!) { schedule(id: $id) { runs { nodes {
            state times error { code message } job { id status schedule { id } version { id number } }
            cause { __typename ... on CronFiring { scheduledAt } ... on DatasetVersionFiring { datasetVersion { id } }
                ... on MetricFiring { value points direction version { id } } }
            promotion { state reason evaluated candidateValue incumbentValue rounds candidate { id } incumbent { id }
                datasetVersion { id } }
        } } } }";
        let mut found = self.plant.ok(query, json!({ "id": made["id"] })).await;
        serde_json::from_value(found["schedule"]["runs"]["nodes"].take()).unwrap()
    }

    /// How many jobs wait.
    pub(super) async fn queued(&self) -> usize {
        let found = self.plant.ok("{ jobs(filter: {status: QUEUED}) { nodes { id } } }", json!({})).await;
        found["jobs"]["nodes"].as_array().unwrap().len()
    }

    /// Takes the training that waits to its end; the version's id.
    pub(super) async fn train(&self, roc_auc: f64) -> Value {
        let claim = self.plant.claim().await;
        self.complete_training(&claim, roc_auc).await
    }

    /// Asks for a training and takes it to its end.
    pub(super) async fn trained(&self, roc_auc: f64) -> Value {
        self.trained_on(&self.plant.dataset, roc_auc).await
    }

    pub(super) async fn trained_on(&self, dataset: &Value, roc_auc: f64) -> Value {
        let input = json!({ "project": self.plant.project, "model": "pump", "detector": "lof", "dataset": dataset });
        self.plant.ok(TRAIN, json!({ "input": input })).await;
        self.train(roc_auc).await
    }

    pub(super) async fn complete_training(&self, claim: &Value, roc_auc: f64) -> Value {
        let token = claim["token"].as_str().unwrap();
        let file = send_file(&self.plant.app, token, &self.plant.project, "m.safetensors", b"learned".to_vec()).await;
        let train = json!({ "artifactUpload": file, "threshold": 0.5,
            "metrics": [{ "key": "roc_auc", "value": roc_auc }],
            "inputSchema": [{ "name": "a", "type": "number" }, { "name": "b", "type": "number" }] });
        self.complete(claim, json!({ "train": train })).await;
        self.step().await;
        let query = "query ($id: ID!) { job(id: $id) { version { id } } }";
        self.plant.ok(query, json!({ "id": claim["job"]["id"] })).await["job"]["version"]["id"].take()
    }

    /// Takes the evaluation that waits to its end; the version that was evaluated.
    pub(super) async fn evaluate(&self, values: impl Fn(&Value) -> f64) -> Value {
        let claim = self.plant.claim().await;
        assert_eq!(claim["job"]["kind"], "EVALUATE");
        let version = claim["artifact"]["version"].clone();
        let evaluate = json!({ "rowCount": claim["dataset"]["rowCount"], "anomalyCount": 1, "threshold": 0.5,
            "metrics": [{ "key": "roc_auc", "value": values(&version) }] });
        self.complete(&claim, json!({ "evaluate": evaluate })).await;
        self.step().await;
        version
    }

    async fn complete(&self, claim: &Value, result: Value) {
        let input = json!({ "job": claim["job"]["id"], "attempt": claim["attempt"], "result": result });
        self.plant.app.ok(claim["token"].as_str(), COMPLETE, json!({ "input": input })).await;
    }

    /// The next version of the dataset: one row more.
    pub(super) async fn add_rows(&self, row: &str) -> Value {
        let csv = {
            let mut rows = self.rows.lock().unwrap();
            rows.push_str(row);
            rows.clone()
        };
        let query = "mutation ($d: ID!, $u: ID!) { addDatasetVersion(input: {dataset: $d, upload: $u}) {
            datasetVersion { id } userErrors { code message } } }";
        let variables = json!({ "d": self.dataset, "u": self.plant.send(&csv).await });
        self.plant.ok(query, variables).await["addDatasetVersion"]["datasetVersion"]["id"].take()
    }

    pub(super) async fn model(&self) -> Value {
        let query = "query ($p: ID!) { node(id: $p) { ... on Project { models { nodes { id } } } } }";
        let found = self.plant.ok(query, json!({ "p": self.plant.project })).await;
        found["node"]["models"]["nodes"][0]["id"].clone()
    }

    pub(super) async fn move_alias(&self, version: &Value, name: &str) {
        let query = "mutation ($v: ID!, $n: String!) { moveAlias(input: {version: $v, name: $n}) {
            userErrors { code } } }";
        self.plant.ok(query, json!({ "v": version, "n": name })).await;
    }

    /// Logs values by step, a minute apart, and lets a server look.
    pub(super) async fn log(&self, version: &Value, key: &str, values: &[(i64, f64)]) {
        let query = "mutation ($input: LogMetricsInput!) { logMetrics(input: $input) { userErrors { code } } }";
        for (step, value) in values {
            self.plant.app.clock.advance(Duration::from_secs(60));
            let metrics = json!([{ "key": key, "step": step, "value": value }]);
            self.plant.ok(query, json!({ "input": { "version": version, "metrics": metrics } })).await;
        }
        self.step().await;
    }

    pub(super) async fn declare(&self, key: &str, direction: &str) {
        let query = "mutation ($input: DeclareMetricInput!) { declareMetric(input: $input) { userErrors { code } } }";
        let input = json!({ "project": self.plant.project, "key": key, "direction": direction });
        self.plant.ok(query, json!({ "input": input })).await;
    }

    pub(super) async fn set_role(&self, login: &str, role: &str) {
        let query =
            "mutation ($s: ID!, $l: String!, $r: Role!) { setMember(input: {subject: $s, login: $l, role: $r}) {
            userErrors { code } } }";
        self.plant.ok(query, json!({ "s": self.plant.project, "l": login, "r": role })).await;
    }
}
