//! A store of its own for each test, with a project and people in it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::stream;
use nunatak_authz::{Action, Actor, Authorizer, Permit};
use nunatak_domain::{
    DatasetId, DatasetVersionId, JobId, ManualClock, Name, ProjectId, Role, Timestamp, UploadId, UserId,
};
use nunatak_store::{
    Store, StoreError, StoreOptions,
    files::{NewUpload, PartRange, UploadRecord},
    identity::NewUser,
    organisation::NewProject,
};
use nunatak_test_support::TestDb;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, Value};

pub struct Fixture {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    /// Developer in `project`.
    pub dev: Actor,
    pub project: ProjectId,
    pub data_dir: PathBuf,
    admin: Actor,
    connection: DatabaseConnection,
    db: TestDb,
}

impl Fixture {
    pub async fn new() -> Self {
        let db = TestDb::fresh().await;
        let data_dir = db.options.data_dir.clone();
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_micros(1_800_000_000_000_000)));
        let store = open(&db.options, &clock).await;
        let admin = user(&store, "root", true).await;
        let permit = store.permit(&admin, Action::CreateWorkspace).unwrap();
        let workspace = store.create_workspace(&permit, &name("plant"), String::new(), None).await.unwrap().id;
        let permit = store.workspace_permit(&admin, Action::CreateProject, workspace).await.unwrap();
        let new = NewProject { name: name("pumps"), description: String::new(), git_url: None };
        let project = store.create_project(&permit, new, None).await.unwrap().id;
        let dev = user(&store, "dev", false).await;
        let connection = db.connect().await;
        let fixture = Self { store, clock, dev, project, data_dir, admin, connection, db };
        fixture.join("dev", Role::Developer).await;
        fixture
    }

    pub async fn join(&self, login: &str, role: Role) {
        let permit = self.store.project_permit(&self.admin, Action::WriteMembers, self.project).await.unwrap();
        self.store.set_member(&permit, login, role).await.unwrap();
    }

    /// Another user; a member when a role is given.
    pub async fn other(&self, login: &str, role: Option<Role>) -> Actor {
        let actor = user(&self.store, login, false).await;
        if let Some(role) = role {
            self.join(login, role).await;
        }
        actor
    }

    /// The same database and files, as after a restart.
    pub async fn restarted(&self) -> Store {
        open(&self.db.options, &self.clock).await
    }

    pub async fn permit(&self, action: Action) -> Permit {
        self.store.project_permit(&self.dev, action, self.project).await.unwrap()
    }

    pub async fn announce(&self, file_name: &str, bytes: &[u8], sha256: Option<&str>) -> UploadRecord {
        let size = i64::try_from(bytes.len()).unwrap();
        let new = NewUpload::parse(file_name.to_owned(), size, sha256.map(str::to_owned)).unwrap();
        self.store.create_upload(&self.permit(Action::CreateUpload).await, new, None).await.unwrap()
    }

    /// A completed upload.
    pub async fn upload(&self, file_name: &str, bytes: &[u8]) -> UploadId {
        let upload = self.announce(file_name, bytes, None).await.id;
        let body = pieces(bytes, 4000);
        self.store.write_upload(&self.dev, upload, PartRange::Whole, body).await.unwrap();
        self.store.complete_upload(&self.permit(Action::CreateUpload).await, upload).await.unwrap();
        upload
    }

    /// The same through another server, and whatever comes of it.
    pub async fn upload_to(&self, store: &Store, bytes: &[u8]) -> Result<UploadId, StoreError> {
        let permit = self.permit(Action::CreateUpload).await;
        let size = i64::try_from(bytes.len()).unwrap();
        let upload = store.create_upload(&permit, NewUpload::parse("a.csv".to_owned(), size, None)?, None).await?.id;
        let written = store.write_upload(&self.dev, upload, PartRange::Whole, pieces(bytes, 4000)).await;
        assert_eq!(written.unwrap(), size.unsigned_abs());
        store.complete_upload(&permit, upload).await?;
        Ok(upload)
    }

    pub async fn datasets(&self) -> Vec<DatasetId> {
        let rows = self.connection.query_all_raw(self.statement("SELECT id FROM datasets", vec![])).await.unwrap();
        rows.iter().map(|row| DatasetId(row.try_get_by_index(0).unwrap())).collect()
    }

    /// The first column of a query.
    pub async fn texts(&self, text: &str) -> Vec<String> {
        let rows = self.connection.query_all_raw(self.statement(text, vec![])).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    pub fn is_postgres(&self) -> bool {
        self.db.is_postgres()
    }

    fn statement(&self, text: &str, values: Vec<Value>) -> Statement {
        Statement::from_sql_and_values(self.connection.get_database_backend(), text, values)
    }

    pub fn advance_hours(&self, hours: u64) {
        self.clock.advance(Duration::from_secs(hours * 3600));
    }

    pub async fn execute(&self, text: &str, values: Vec<Value>) {
        self.connection.execute_raw(self.statement(text, values)).await.unwrap();
    }

    /// A job at work on a dataset version, and its token's actor.
    pub async fn running_job(&self, dataset: DatasetVersionId) -> Actor {
        let id = JobId::new(self.store.now());
        let user = self.dev.user_id().unwrap();
        let text = "INSERT INTO jobs (id, project_id, kind, status, priority, detector_name, detector_version, \
                    hyperparameters, seed, tags, dataset_version_id, attempt, max_attempts, not_before, \
                    cancel_requested, progress, created_by, created_at) \
                    VALUES ($1, $2, 0, 1, 0, 'iforest', '1', '{}', 0, '[]', $3, 1, 3, 0, FALSE, 0, $4, 0)";
        self.execute(text, vec![id.0.into(), self.project.0.into(), dataset.0.into(), user.0.into()]).await;
        Actor::Job { id, attempt: 1, project: self.project, on_behalf_of: user }
    }
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A body that arrives in pieces.
pub fn pieces(
    bytes: &[u8],
    size: usize,
) -> impl futures_util::Stream<Item = std::io::Result<tokio_util::bytes::Bytes>> + Send + use<> {
    let pieces: Vec<_> = bytes.chunks(size).map(|piece| Ok(tokio_util::bytes::Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces)
}

/// The codes of what is wrong.
pub fn codes<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Vec<&'static str> {
    match result {
        Err(StoreError::Invalid(problems)) => problems.iter().map(|problem| problem.code).collect(),
        other => panic!("expected problems, got {other:?}"),
    }
}

async fn open(options: &StoreOptions, clock: &Arc<ManualClock>) -> Store {
    Store::open(options, Authorizer::load().await.unwrap(), clock.clone()).await.unwrap()
}

async fn user(store: &Store, login: &str, is_admin: bool) -> Actor {
    let new =
        NewUser { login: login.to_owned(), email: None, full_name: None, password: None, is_admin, is_service: true };
    let id: UserId = store.ensure_local_user(new).await.unwrap().id;
    store.actor_of(id).await.unwrap().unwrap()
}
