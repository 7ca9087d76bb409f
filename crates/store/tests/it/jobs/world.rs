//! A project with a developer in it, a runner beside it and a clock to turn.

use std::{sync::Arc, time::Duration};

use futures_util::stream;
use nunatak_authz::Authorizer;
use nunatak_domain::{
    Clock, DatasetVersionId, InputKind, JobId, Key, ManualClock, Name, ProjectId, Role, RunnerId, Timestamp, UploadId,
};
use nunatak_store::{
    Action, Actor, Permit, Store, StoreError,
    datasets::{NewDataset, Wishes},
    detectors::NewDetector,
    files::{NewUpload, PartRange},
    identity::NewUser,
    jobs::{Claim, JobRecord, JobResult, ReportedMetric, ScoredResult, TrainRequest, TrainedResult},
    organisation::NewProject,
    runners::NewRunner,
};
use nunatak_test_support::TestDb;
use serde_json::{Map, json};

pub(super) struct World {
    pub(super) store: Store,
    pub(super) clock: Arc<ManualClock>,
    /// Administrator, and the runners' user.
    pub(super) admin: Actor,
    /// A developer of the project.
    pub(super) dev: Actor,
    pub(super) project: ProjectId,
    pub(super) db: TestDb,
}

pub(super) const CSV: &str = "a,b,label\n1,2,0\n2,3,0\n3,5,0\n90,90,1\n";

/// The code of the first problem.
pub(super) fn code<T: std::fmt::Debug>(result: Result<T, StoreError>) -> &'static str {
    match result.unwrap_err() {
        StoreError::Invalid(problems) => problems[0].code,
        StoreError::NotFound(_) => "(not found)",
        StoreError::Denied(_) => "(denied)",
        other => panic!("{other:?}"),
    }
}

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(super) fn detector(detector_name: &str, version: &str) -> NewDetector {
    NewDetector {
        name: detector_name.to_owned(),
        version: version.to_owned(),
        title: "Isolation forest".to_owned(),
        summary: "Isolates rows by random cuts.".to_owned(),
        description: String::new(),
        input_kind: InputKind::Tabular,
        hyperparameter_schema: json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {"n_estimators": {"type": "integer", "default": 100, "minimum": 1, "maximum": 1000}},
        }),
    }
}

pub(super) async fn user(store: &Store, login: &str, is_admin: bool) -> Actor {
    let new = NewUser { login: login.to_owned(), is_admin, is_service: true, ..NewUser::default() };
    let user = store.ensure_local_user(new).await.unwrap();
    Actor::User { id: user.id, login: user.login, is_admin, token: None }
}

impl World {
    pub(super) async fn new() -> Self {
        let db = TestDb::fresh().await;
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_micros(1_750_000_000_000_000)));
        let shared: Arc<dyn Clock> = clock.clone();
        let store = Store::open(&db.options, Authorizer::load().await.unwrap(), shared).await.unwrap();
        let admin = user(&store, "root", true).await;
        let dev = user(&store, "dev", false).await;
        let permit = store.permit(&admin, Action::CreateWorkspace).unwrap();
        let workspace = store.create_workspace(&permit, &name("plant"), String::new(), None).await.unwrap().id;
        let permit = store.workspace_permit(&admin, Action::CreateProject, workspace).await.unwrap();
        let new = NewProject { name: name("pumps"), description: String::new(), git_url: None };
        let project = store.create_project(&permit, new, None).await.unwrap().id;
        let permit = store.project_permit(&admin, Action::WriteMembers, project).await.unwrap();
        store.set_member(&permit, "dev", Role::Developer).await.unwrap();
        Self { store, clock, admin, dev, project, db }
    }

    /// A further server over the same database and files, or the same one after a crash.
    pub(super) async fn server(&self) -> Store {
        let shared: Arc<dyn Clock> = self.clock.clone();
        Store::open(&self.db.options, Authorizer::load().await.unwrap(), shared).await.unwrap()
    }

    pub(super) async fn join(&self, login: &str, role: Role) {
        let permit = self.may(&self.admin, Action::WriteMembers).await;
        self.store.set_member(&permit, login, role).await.unwrap();
    }

    pub(super) async fn may(&self, actor: &Actor, action: Action) -> Permit {
        self.store.project_permit(actor, action, self.project).await.unwrap()
    }

    pub(super) async fn upload(&self, actor: &Actor, file_name: &str, bytes: &[u8]) -> UploadId {
        let permit = self.may(actor, Action::CreateUpload).await;
        let new = NewUpload::parse(file_name.to_owned(), i64::try_from(bytes.len()).unwrap(), None).unwrap();
        let id = self.store.create_upload(&permit, new, None).await.unwrap().id;
        let body = stream::iter([Ok(bytes.to_vec().into())]);
        self.store.write_upload(actor, id, PartRange::Whole, body).await.unwrap();
        self.store.complete_upload(&permit, id).await.unwrap();
        id
    }

    pub(super) async fn dataset(&self, csv: &str) -> DatasetVersionId {
        let upload = self.upload(&self.dev, "data.csv", csv.as_bytes()).await;
        let permit = self.may(&self.dev, Action::WriteDatasets).await;
        let unique = format!("readings {}", uuid::Uuid::new_v4());
        let new = NewDataset { name: name(&unique), description: String::new(), upload, columns: Wishes::default() };
        let dataset = self.store.create_dataset(&permit, new, None).await.unwrap().id;
        self.store.latest_dataset_versions(&self.dev, &[dataset]).await.unwrap()[&dataset].id
    }

    pub(super) async fn runner(&self, runner_name: &str) -> RunnerId {
        let permit = self.store.permit(&self.admin, Action::RegisterRunner).unwrap();
        let detectors = vec![detector("isolation_forest", "1.0.0")];
        let new = NewRunner {
            name: name(runner_name),
            labels: vec!["cpu".to_owned()],
            capacity: 100,
            detectors,
            scoring: None,
        };
        self.store.register_runner(&permit, &new).await.unwrap().id
    }

    pub(super) async fn train(&self, dataset: DatasetVersionId) -> JobRecord {
        let permit = self.may(&self.dev, Action::Train).await;
        let request = TrainRequest::new(name("pump"), "isolation_forest", dataset);
        // Ids of one millisecond are in no order.
        self.clock.advance(Duration::from_millis(1));
        self.store.train_model(&permit, &request, None).await.unwrap()
    }

    /// Another server over the same database, with a clock of its own and leases of this length.
    pub(super) async fn replica(&self, lease: Duration) -> (Store, Arc<ManualClock>) {
        let mut options = self.db.options.clone();
        options.jobs.lease = lease;
        let clock = Arc::new(ManualClock::starting_at(self.clock.now()));
        let store = Store::open(&options, Authorizer::load().await.unwrap(), clock.clone()).await.unwrap();
        (store, clock)
    }

    pub(super) async fn train_at(&self, store: &Store, dataset: DatasetVersionId) -> JobRecord {
        let permit = self.may(&self.dev, Action::Train).await;
        store.train_model(&permit, &TrainRequest::new(name("pump"), "isolation_forest", dataset), None).await.unwrap()
    }

    pub(super) async fn claim(&self, runner: RunnerId) -> Option<Claim> {
        self.store.claim_job(&self.admin, runner, Duration::ZERO).await.unwrap()
    }

    /// What the token of a claim is: the runner at work on that attempt.
    pub(super) fn at_work(&self, job: JobId, attempt: i32) -> Actor {
        Actor::Job { id: job, attempt, project: self.project, on_behalf_of: self.dev.user_id().unwrap() }
    }

    pub(super) async fn reporter(&self, claim: &Claim) -> Permit {
        let (job, attempt) = (claim.job.id, claim.job.attempt);
        self.store.report_permit(&self.at_work(job, attempt), job, attempt).await.unwrap()
    }

    pub(super) async fn trained(&self, claim: &Claim) -> JobResult {
        let runner = self.at_work(claim.job.id, claim.job.attempt);
        let artifact = self.upload(&runner, "model.safetensors", b"learned").await;
        JobResult::Train(Box::new(TrainedResult {
            artifact,
            artifact_format: "nunatak.artifact/1".to_owned(),
            hyperparameters: Map::new(),
            parameters: Vec::new(),
            metrics: vec![metric("roc_auc", 0.9), metric("precision", f64::NAN)],
            figures: Vec::new(),
            threshold: Some(0.5),
            input_schema: Some(json!([{"name": "a", "type": "number"}, {"name": "b", "type": "number"}])),
            environment: None,
        }))
    }
}

pub(super) fn metric(key: &str, value: f64) -> ReportedMetric {
    ReportedMetric { key: Key::parse(key).unwrap(), value, step: 0 }
}

pub(super) fn scored(row_count: i64, anomaly_count: i64) -> ScoredResult {
    let metrics = vec![metric("roc_auc", 1.0), metric("f1", f64::NAN)];
    ScoredResult { row_count, anomaly_count, threshold: 0.5, metrics, figures: Vec::new() }
}

/// A file of scores as runners write it.
pub(super) fn safetensors(scores: &[f64], threshold: f64) -> Vec<u8> {
    let rows = scores.len();
    let header = json!({
        "score": {"dtype": "F64", "shape": [rows], "data_offsets": [0, rows * 8]},
        "label": {"dtype": "U8", "shape": [rows], "data_offsets": [rows * 8, rows * 9]},
    })
    .to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    file.extend(scores.iter().flat_map(|score| score.to_le_bytes()));
    file.extend(scores.iter().map(|score| u8::from(*score > threshold)));
    file
}
