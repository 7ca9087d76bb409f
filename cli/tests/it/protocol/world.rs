//! A server process, a project in it, and runners that come and go.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use nunatak_client::{
    Client,
    datasets::CreateDatasetInput,
    jobs::{JobStatus, TrainModelInput},
};
use nunatak_test_support::TestDb;
use serde_json::{Value, json};

use super::kind::{Kind, Work};
use crate::processes::{PASSWORD, Process, eventually, nunatak, output, serve, signed_in};

/// What stories look at of a job.
const JOB: &str = "query($id: ID!) { job(id: $id) { status attempt error { code message retryable } runner { name }
    cancelRequested progress hyperparameters
    version { id threshold inputSchema figures { name } metrics { key last } artifact { url sha256 size format } }
    prediction { id rowCount anomalyCount csvUrl scoresUrl metrics { key value } } } }";

pub(super) struct World {
    pub(super) client: Client,
    pub(super) url: String,
    pub(super) project: String,
    token: String,
    lease_seconds: u32,
    n_datasets: AtomicUsize,
    server: Option<Process>,
    db: TestDb,
}

impl World {
    /// Leases of a minute, which no runner on a busy machine loses.
    pub(super) async fn new() -> Self {
        Self::with_leases(60).await
    }

    pub(super) async fn with_leases(lease_seconds: u32) -> Self {
        let db = TestDb::fresh().await;
        let (server, url) = serve(server_command(&db, lease_seconds, "0"));
        let client = signed_in(&db, &url).await;
        let session = Client::new(&url, None).unwrap().login("ada", PASSWORD).await.unwrap();
        let workspace = client.create_workspace("Plant", "").await.unwrap();
        let project = client.create_project(&workspace, "Presses", "").await.unwrap();
        Self {
            client,
            url,
            project,
            token: session.access_token,
            lease_seconds,
            n_datasets: AtomicUsize::new(1),
            server: Some(server),
            db,
        }
    }

    /// Kills the server and starts it again on the same address.
    pub(super) fn restart_server(&mut self) {
        self.server = None;
        let port = self.url.rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
        self.server = Some(serve(server_command(&self.db, self.lease_seconds, &port)).0);
    }

    /// Starts a runner with a token of its own.
    pub(super) fn runner(&self, kind: &Kind, name: &str, arguments: &[&str]) -> Process {
        let token = output(nunatak(&self.db).args(["token", "create", "--runner", "--name", name]));
        self.runner_with(kind, name, &token, arguments, Stdio::inherit())
    }

    /// Starts a runner with this token. Its log goes where the test's output goes, unless told otherwise.
    pub(super) fn runner_with(
        &self,
        kind: &Kind,
        name: &str,
        token: &str,
        arguments: &[&str],
        stderr: Stdio,
    ) -> Process {
        let mut command = kind.command();
        command.args(["--name", name, "--server-url", &self.url, "--cache-dir"]).arg(self.cache(name)).args(arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("NUNATAK_TOKEN", token);
        Process(command.stdin(Stdio::null()).stderr(stderr).spawn().expect("the runner starts"))
    }

    fn cache(&self, name: &str) -> PathBuf {
        self.db.dir.path().join(format!("cache-{name}"))
    }

    /// A new dataset version of an example in `examples/data`, with or without its labels.
    pub(super) async fn example(&self, name: &str, labelled: bool) -> String {
        let path = format!("{}/../examples/data/{name}.csv", env!("CARGO_MANIFEST_DIR"));
        let number = self.n_datasets.fetch_add(1, Ordering::Relaxed);
        let name = format!("{name} {number}");
        self.dataset(&name, std::fs::read(path).unwrap(), labelled.then_some("label")).await
    }

    pub(super) async fn dataset(&self, name: &str, csv: Vec<u8>, label: Option<&str>) -> String {
        let upload = self.client.upload(&self.project, csv, "rows.csv").await.unwrap();
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

    /// Queues a training as soon as a runner has registered the detector.
    pub(super) async fn train(&self, work: &Work, dataset: &str) -> String {
        let input = TrainModelInput {
            hyperparameters: Some(work.settings.clone()),
            ..TrainModelInput::new(&self.project, work.detector, work.detector, dataset)
        };
        let ask = async || match self.client.train_model(input.clone()).await {
            Ok(job) => Some(job),
            Err(error) if error.has_code("NOT_FOUND") => None,
            Err(error) => panic!("{work:?}: {error}"),
        };
        eventually("the registration", ask).await
    }

    /// Trains, which must go well, and gives the version's id.
    pub(super) async fn version(&self, work: &Work, dataset: &str) -> String {
        let job = self.succeeded(&self.train(work, dataset).await).await;
        job["version"]["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a runner is at work on the job.
    pub(super) async fn running(&self, job: &str) {
        self.job_that_is(job, "the start", |status| status == JobStatus::Running).await;
    }

    /// Waits for the job's end and gives it.
    pub(super) async fn ended(&self, job: &str) -> Value {
        self.job_that_is(job, "the end", |status| status.is_final()).await;
        self.job(job).await
    }

    pub(super) async fn succeeded(&self, job: &str) -> Value {
        let ended = self.ended(job).await;
        assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
        ended
    }

    pub(super) async fn job(&self, job: &str) -> Value {
        self.ask(JOB, json!({ "id": job })).await["job"].clone()
    }

    async fn job_that_is(&self, job: &str, what: &str, reached: impl Fn(JobStatus) -> bool) {
        let look = async || self.client.job(job).await.ok().flatten().filter(|job| reached(job.status));
        eventually(what, look).await;
    }

    /// How many versions there are of all models.
    pub(super) async fn n_versions(&self) -> usize {
        let query = "{ versions(first: 100) { nodes { id job { id } } } }";
        let nodes = self.ask(query, json!({})).await["versions"]["nodes"].clone();
        let jobs: std::collections::BTreeSet<_> =
            nodes.as_array().unwrap().iter().map(|node| node["job"]["id"].to_string()).collect();
        assert_eq!(jobs.len(), nodes.as_array().unwrap().len(), "a job registered two versions: {nodes}");
        jobs.len()
    }

    pub(super) async fn ask(&self, query: &str, variables: Value) -> Value {
        let request = reqwest::Client::new().post(format!("{}/graphql", self.url)).bearer_auth(&self.token);
        let request = request.json(&json!({ "query": query, "variables": variables }));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert!(answer["errors"].is_null(), "{answer}");
        answer["data"].clone()
    }

    /// The bytes at a path of the server.
    pub(super) async fn get(&self, path: &str) -> Vec<u8> {
        let path = path.strip_prefix(&self.url).unwrap_or(path);
        let request = reqwest::Client::new().get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        answer.bytes().await.unwrap().to_vec()
    }
}

fn server_command(db: &TestDb, lease_seconds: u32, port: &str) -> std::process::Command {
    let mut command = nunatak(db);
    let lease = lease_seconds.to_string();
    command.args(["server", "--port", port, "--runner-embedded", "false", "--lease-seconds", &lease]);
    command
}
