//! The scripted server.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::{Data, Json, Path};
use poem::{EndpointExt, Request, Response, Route, Server, get, handler, post, put};
use serde_json::{Value, json};
use tokio::sync::watch;

/// How the server answers a sign of life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Beat {
    #[default]
    Fine,
    Cancel,
    Lost,
}

#[derive(Default)]
pub(crate) struct State {
    /// Claims to hand out.
    pub(crate) claims: VecDeque<Value>,
    pub(crate) files: HashMap<String, Vec<u8>>,
    pub(crate) uploads: Vec<Vec<u8>>,
    pub(crate) beat: Beat,
    /// Answers 503 to everything.
    pub(crate) down: bool,
    /// Operations with their token and input, in order; "503" for those that met a server that was down.
    pub(crate) calls: Vec<(String, String, Value)>,
}

#[derive(Clone)]
pub(crate) struct FakeServer {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    changed: watch::Sender<()>,
}

impl FakeServer {
    pub(crate) async fn start() -> Self {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = acceptor.local_addr().remove(0);
        let url = format!("http://{}", address.as_socket_addr().unwrap());
        let server = Self { url, state: Arc::default(), changed: watch::Sender::new(()) };
        let app = Route::new()
            .at("/graphql", post(graphql))
            .at("/files/:name", get(download))
            .at("/uploads/:idx", put(upload))
            .data(server.clone());
        tokio::spawn(Server::new_with_acceptor(acceptor).run(app));
        server
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The input of the first call of `operation`, once it has come.
    pub(crate) async fn called(&self, operation: &str) -> Value {
        self.first(operation).await.2
    }

    pub(crate) async fn token_of(&self, operation: &str) -> String {
        self.first(operation).await.1
    }

    pub(crate) fn count(&self, operation: &str) -> usize {
        self.state().calls.iter().filter(|(name, ..)| name == operation).count()
    }

    /// Waits until the server has changed so that `reached`.
    pub(crate) async fn until(&self, reached: impl Fn(&State) -> bool) {
        let mut changes = self.changed.subscribe();
        let wait = async {
            while !reached(&self.state()) {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the worker never got there");
    }

    async fn first(&self, operation: &str) -> (String, String, Value) {
        self.until(|state| state.calls.iter().any(|(name, ..)| name == operation)).await;
        self.state().calls.iter().find(|(name, ..)| name == operation).unwrap().clone()
    }

    fn note(&self, operation: &str, token: &str, input: &Value) {
        self.state().calls.push((operation.into(), token.into(), input.clone()));
        self.changed.send_replace(());
    }

    fn is_down(&self) -> bool {
        let down = self.state().down;
        if down {
            self.note("503", "", &Value::Null);
        }
        down
    }

    /// The payload of an operation.
    fn answer(&self, operation: &str, input: &Value) -> Value {
        let mut state = self.state();
        let lost = json!([{ "code": "LEASE_LOST", "message": "The job is another runner's.", "path": [] }]);
        let is_lost = state.beat == Beat::Lost;
        match operation {
            "RegisterRunner" => json!({ "runner": { "id": "run_1" }, "leaseSeconds": 5, "heartbeatSeconds": 1 }),
            "ClaimJob" => json!({ "claim": state.claims.pop_front() }),
            "Heartbeat" | "ReportProgress" if is_lost => json!({ "cancelRequested": false, "userErrors": lost }),
            "Heartbeat" | "ReportProgress" => json!({ "cancelRequested": state.beat == Beat::Cancel }),
            "ReportLogs" => json!({ "stored": 0 }),
            "DrainRunner" => json!({ "runner": { "id": "run_1" } }),
            "CreateUpload" => {
                state.uploads.push(Vec::new());
                let id = (state.uploads.len() - 1).to_string();
                let url = format!("/uploads/{id}");
                json!({ "upload": { "id": id, "url": url, "received": 0, "status": "PENDING" } })
            }
            "CompleteUpload" => json!({ "upload": { "id": input["id"] } }),
            "CompleteJob" => json!({ "job": { "id": input["job"], "status": "SUCCEEDED" } }),
            "FailJob" => json!({ "job": { "id": input["job"], "status": "FAILED" } }),
            other => panic!("unexpected operation {other}"),
        }
    }
}

#[handler]
fn graphql(request: &Request, Json(call): Json<Value>, server: Data<&FakeServer>) -> Response {
    if server.is_down() {
        return StatusCode::SERVICE_UNAVAILABLE.into();
    }
    let operation = call["operationName"].as_str().unwrap();
    let input = &call["variables"]["input"];
    let mut payload = server.answer(operation, input);
    if payload["userErrors"].is_null() {
        payload["userErrors"] = json!([]);
    }
    if payload.get("leaseExpiresAt").is_none() {
        payload["leaseExpiresAt"] = json!("2030-01-01T00:00:00Z");
    }
    server.note(operation, request.header("authorization").unwrap_or_default(), input);
    let field = operation[..1].to_lowercase() + &operation[1..];
    Response::builder().content_type("application/json").body(json!({ "data": { field: payload } }).to_string())
}

#[handler]
fn download(Path(name): Path<String>, server: Data<&FakeServer>) -> Response {
    server.note("GET", "", &json!(name));
    match server.state().files.get(&name) {
        Some(bytes) => bytes.clone().into(),
        None => StatusCode::NOT_FOUND.into(),
    }
}

#[handler]
fn upload(Path(idx): Path<usize>, body: Vec<u8>, server: Data<&FakeServer>) -> StatusCode {
    server.state().uploads[idx] = body;
    StatusCode::NO_CONTENT
}
