//! A worker in front of a scripted server, and jobs for it.

use nunatak_client::{Client, ClientOptions};
use nunatak_worker::{ScoringOptions, Worker, WorkerOptions};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::detectors;
use crate::server::FakeServer;

/// Ten ordinary rows and one that is far away, with labels.
pub(crate) const ROWS: &str =
    "x,y,anomaly\n1,0,0\n2,0,0\n3,0,0\n2,0,0\n1,0,0\n3,0,0\n2,0,0\n1,0,0\n2,0,0\n3,0,0\n99,0,1\n";

pub(crate) struct RunningWorker {
    pub(crate) server: FakeServer,
    shutdown: CancellationToken,
    run: JoinHandle<anyhow::Result<()>>,
    _cache: TempDir,
}

impl RunningWorker {
    pub(crate) async fn start() -> Self {
        Self::start_at(FakeServer::start().await, Duration::from_secs(5))
    }

    pub(crate) fn start_at(server: FakeServer, drain: Duration) -> Self {
        Self::start_with(server, drain, None)
    }

    pub(crate) fn start_with(server: FakeServer, drain: Duration, scoring: Option<ScoringOptions>) -> Self {
        let cache = TempDir::new().unwrap();
        let patience = ClientOptions { retries: 1, backoff_initial: Duration::from_millis(10), ..Default::default() };
        let worker = Worker {
            client: Client::with_options(&server.url, Some("runner-token"), patience).unwrap(),
            detectors: detectors::all(),
            options: WorkerOptions { drain, threads_per_job: 1, scoring, ..WorkerOptions::new("test", cache.path()) },
        };
        let shutdown = CancellationToken::new();
        let run = tokio::spawn(worker.run(shutdown.clone().cancelled_owned()));
        Self { server, shutdown, run, _cache: cache }
    }

    /// Gives the worker a job; its dataset is `ROWS`.
    pub(crate) fn give(&self, kind: &str, detector: &str, artifact: Value) {
        self.serve("rows.csv", ROWS.as_bytes());
        let claim = json!({
            "project": "prj_1",
            "attempt": 1,
            "token": "job-token",
            "leaseExpiresAt": "2030-01-01T00:00:00Z",
            "job": {
                "id": "job_1",
                "kind": kind,
                "hyperparameters": { "contamination": 0.1 },
                "seed": 0,
                "detectorName": detector,
                "detectorVersion": "1.0.0",
            },
            "dataset": {
                "url": "/files/rows.csv", "sha256": sha256(ROWS.as_bytes()), "size": ROWS.len(), "format": "CSV",
                "rowCount": 11, "featureColumns": ["x"], "timeColumn": null, "labelColumn": "anomaly",
            },
            "artifact": artifact,
        });
        self.server.state().claims.push_back(claim);
    }

    /// A version's artefact.
    pub(crate) fn artifact(&self, bytes: &[u8]) -> Value {
        self.serve("model.safetensors", bytes);
        json!({ "url": "/files/model.safetensors", "sha256": sha256(bytes), "size": bytes.len() })
    }

    /// Tells the worker to end and waits until it has.
    pub(crate) async fn end(self) -> FakeServer {
        self.shutdown.cancel();
        self.run.await.unwrap().unwrap();
        self.server
    }

    /// How the worker ends by itself.
    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        self.run.await.unwrap()
    }

    pub(crate) fn serve(&self, name: &str, bytes: &[u8]) {
        self.server.state().files.insert(name.into(), bytes.into());
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
