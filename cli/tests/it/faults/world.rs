//! A server with data in it, runners, and what must hold when all is over.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nunatak_client::{
    Client,
    datasets::CreateDatasetInput,
    jobs::{JobState, JobStatus, TrainModelInput},
};
use nunatak_test_support::TestDb;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::json;

use super::Proxy;
use crate::processes::{Process, eventually, nunatak, output, serve, signed_in};

pub(crate) struct World {
    pub(crate) server: Option<Process>,
    pub(crate) db: TestDb,
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) project: String,
    pub(crate) dataset: String,
    pub(crate) raw: DatabaseConnection,
    lease_seconds: &'static str,
    token: String,
}

/// Rows enough for files of some hundred KB, which can be cut in halves.
fn readings() -> Vec<u8> {
    let mut csv = String::from("a,b,c,d\n");
    for row in 0..6000_u32 {
        let wave = f64::from(row % 97).sin() + f64::from(row % 31).cos();
        csv.push_str(&format!("{wave:.9},{:.9},{:.9},{}\n", wave * 2.0, wave - f64::from(row % 7), row % 13));
    }
    csv.into_bytes()
}

impl World {
    /// With leases that run out soon: for what is noticed by silence.
    pub(crate) async fn with_short_leases() -> Self {
        Self::new(TestDb::fresh().await, "3", |_| {}).await
    }

    /// With leases that outlast the fault: it must cost no attempt.
    pub(crate) async fn with_long_leases() -> Self {
        Self::new(TestDb::fresh().await, "30", |_| {}).await
    }

    pub(crate) async fn new(db: TestDb, lease_seconds: &'static str, tune: impl FnOnce(&mut Command)) -> Self {
        let mut command = server_command(&db, "0", lease_seconds);
        tune(&mut command);
        let (server, url) = serve(command);
        let client = signed_in(&db, &url).await;
        let workspace = client.create_workspace("Plant", "").await.unwrap();
        let project = client.create_project(&workspace, "Faults", "").await.unwrap();
        let upload = client.upload(&project, readings(), "readings.csv").await.unwrap();
        let input = CreateDatasetInput {
            project: project.clone(),
            name: "readings".into(),
            description: String::new(),
            upload,
            format: None,
            time_column: None,
            label_column: None,
            idempotency_key: None,
        };
        let dataset = client.create_dataset(input).await.unwrap().latest_version.unwrap().id;
        let token = output(nunatak(&db).args(["token", "create", "--runner", "--name", "runners"]));
        let raw = db.connect().await;
        Self { db, url, client, project, dataset, raw, server: Some(server), lease_seconds, token }
    }

    /// `kill -9`, and a new server at the same address.
    pub(crate) fn restart_server(&mut self) {
        drop(self.server.take());
        let port = self.url.rsplit(':').next().unwrap().to_owned();
        self.server = Some(serve(server_command(&self.db, &port, self.lease_seconds)).0);
    }

    pub(crate) async fn proxy(&self) -> Proxy {
        Proxy::to(&self.url).await
    }

    pub(crate) fn runner(&self, name: &str, url: &str) -> Process {
        self.runner_in(Command::new(env!("CARGO_BIN_EXE_nunatak")), name, url)
    }

    /// A runner whose command is that of a shell with limits.
    pub(crate) fn limited_runner(&self, limits: &str, name: &str, url: &str) -> Process {
        self.runner_in(limited(limits), name, url)
    }

    fn runner_in(&self, mut command: Command, name: &str, url: &str) -> Process {
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("NUNATAK_TOKEN", &self.token);
        command.args(["runner", "--name", name, "--server-url", url, "--cache-dir"]).arg(self.cache_of(name));
        Process(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("the runner starts"))
    }

    fn cache_of(&self, name: &str) -> PathBuf {
        self.db.dir.path().join(format!("cache-{name}"))
    }

    /// Queues a training, once a runner has said what it can do.
    pub(crate) async fn train(&self) -> String {
        let input = TrainModelInput::new(&self.project, "readings", "isolation_forest", &self.dataset);
        eventually("the registration", async || self.client.train_model(input.clone()).await.ok()).await
    }

    pub(crate) async fn poison(&self) -> String {
        let input = TrainModelInput {
            hyperparameters: Some(json!({ "max_samples": 6000 })),
            max_attempts: 2,
            ..TrainModelInput::new(&self.project, "poison", "one_class_svm", &self.dataset)
        };
        eventually("the registration", async || self.client.train_model(input.clone()).await.ok()).await
    }

    pub(crate) async fn job(&self, id: &str) -> JobState {
        eventually("an answer", async || self.client.job(id).await.ok()).await.unwrap()
    }

    pub(crate) async fn ended(&self, id: &str) -> JobState {
        eventually("the end of the job", async || Some(self.job(id).await).filter(|job| job.status.is_final())).await
    }

    pub(crate) async fn succeeded(&self, id: &str) -> JobState {
        let job = self.ended(id).await;
        assert_eq!(job.status, JobStatus::Succeeded, "{job:?}");
        job
    }

    pub(crate) fn data(&self, part: &str) -> PathBuf {
        self.db.dir.path().join("data").join(part)
    }

    /// The first column of a query, as text.
    pub(crate) async fn texts(&self, text: &str) -> Vec<String> {
        let statement = Statement::from_string(self.raw.get_database_backend(), text);
        let rows = self.raw.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// Every job has ended once, with a result of its own or a reason, and the disk holds exactly what is referred to.
    pub(crate) async fn aftermath(&self) {
        let loose = "SELECT error_code FROM jobs WHERE status NOT IN (2, 3) OR finished_at IS NULL \
                     OR (status = 3 AND (error_code IS NULL OR error_message IS NULL))";
        assert_eq!(
            self.texts(&loose.replace("SELECT error_code", "SELECT COALESCE(error_code, '(none)')")).await,
            [""; 0]
        );
        let doubled = "SELECT 'job' FROM jobs j WHERE (CASE WHEN j.status = 2 THEN 1 ELSE 0 END) <> \
                       (SELECT COUNT(*) FROM versions v WHERE v.job_id = j.id) + \
                       (SELECT COUNT(*) FROM predictions p WHERE p.job_id = j.id)";
        assert_eq!(self.texts(doubled).await, [""; 0], "a result a success, and none otherwise");

        output(nunatak(&self.db).args(["gc", "--grace", "0"]));
        let held: BTreeSet<String> = self
            .texts(
                "SELECT sha256 FROM dataset_versions UNION SELECT source_sha256 FROM dataset_versions \
                 WHERE source_sha256 IS NOT NULL UNION SELECT artifact_sha256 FROM versions \
                 WHERE artifact_sha256 IS NOT NULL UNION SELECT sha256 FROM predictions WHERE sha256 IS NOT NULL",
            )
            .await
            .into_iter()
            .collect();
        let noted: BTreeSet<String> = self.texts("SELECT sha256 FROM blobs").await.into_iter().collect();
        assert_eq!((&noted, &names(&self.data("blobs"), 2)), (&held, &held), "no orphan, and nothing lost");
        assert_eq!(names(&self.data("uploads"), 0), BTreeSet::new());
    }
}

fn server_command(db: &TestDb, port: &str, lease_seconds: &str) -> Command {
    let mut command = nunatak(db);
    command.args(["server", "--port", port, "--runner-embedded", "false", "--lease-seconds", lease_seconds]);
    command
}

/// `nunatak` in a shell that sets limits first. A write beyond the largest file is then an error, not a signal.
pub(crate) fn limited(limits: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; {limits}; exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_nunatak")]);
    command
}

/// The names of the files so many directories below.
fn names(directory: &Path, depth: usize) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    if depth == 0 {
        return entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    }
    entries.flat_map(|entry| names(&entry.path(), depth - 1)).collect()
}
