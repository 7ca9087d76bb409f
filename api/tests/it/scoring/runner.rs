//! A runner that scores by a script: a row's score is the sum of its numbers.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use nunatak_test_support::TestApp;
use poem::{
    EndpointExt, Request, Response, Route, Server, handler,
    http::StatusCode,
    listener::{Acceptor, Listener, TcpListener},
    post,
    web::{Data, Json},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What it does with a question.
#[derive(Clone, Debug, Default)]
pub(crate) enum Mood {
    #[default]
    Good,
    Overloaded,
    Silent,
    /// Answers with this, whatever was asked.
    Says(u16, Value),
    /// Sends the server on to another address.
    Redirects(String),
}

pub(crate) struct Scorer {
    pub(crate) url: String,
    pub(crate) secret: String,
    pub(crate) asked: Arc<Mutex<Vec<Value>>>,
    mood: Arc<Mutex<Mood>>,
    end: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

#[derive(Clone)]
struct Script {
    secret: String,
    asked: Arc<Mutex<Vec<Value>>>,
    mood: Arc<Mutex<Mood>>,
}

impl Scorer {
    pub(crate) async fn start() -> Self {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let url = format!("http://{}", acceptor.local_addr().remove(0).as_socket_addr().unwrap());
        let (asked, mood): (Arc<Mutex<Vec<Value>>>, Arc<Mutex<Mood>>) = Default::default();
        let secret = url.bytes().chain([0; 20]).map(|byte| format!("{byte:02x}")).collect::<String>();
        let script = Script { secret: secret.clone(), asked: asked.clone(), mood: mood.clone() };
        let app = Route::new().at("/score", post(answer)).data(script);
        let end = CancellationToken::new();
        // With its connections: the server would go on with those that are open.
        let patience = Some(Duration::from_millis(1));
        let server = Server::new_with_acceptor(acceptor);
        let task = tokio::spawn(server.run_with_graceful_shutdown(app, end.clone().cancelled_owned(), patience));
        Self { url, secret, asked, mood, end, task }
    }

    pub(crate) fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) async fn stop(self) {
        self.end.cancel();
        self.task.await.unwrap().unwrap();
    }

    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// The last question.
    pub(crate) fn last(&self) -> Value {
        self.asked.lock().unwrap().last().cloned().unwrap_or_default()
    }

    /// Registers it with `lof`, the detector of the tests' versions.
    pub(crate) async fn register(&self, app: &TestApp, token: &str, name: &str) -> Value {
        let input = json!({ "name": name, "scoring": { "url": self.url, "secret": self.secret }, "detectors": [{
            "name": "lof", "version": "1.3.0", "title": "LOF", "summary": "Density.", "inputKind": "TABULAR",
            "hyperparameterSchema": { "type": "object" } }] });
        let query = "mutation ($input: RegisterRunnerInput!) { registerRunner(input: $input) {
            runner { id offersScoring } userErrors { code path } } }";
        app.gql_with(Some(token), query, json!({ "input": input })).await
    }
}

#[handler]
async fn answer(request: &Request, Json(question): Json<Value>, script: Data<&Script>) -> Response {
    script.asked.lock().unwrap().push(question.clone());
    if request.header("authorization") != Some(&format!("Bearer {}", script.secret)) {
        return StatusCode::UNAUTHORIZED.into();
    }
    let mood = script.mood.lock().unwrap().clone();
    let (status, body) = match mood {
        Mood::Good => (200, good(&question)),
        Mood::Overloaded => (429, json!({ "code": "OVERLOADED", "message": "later" })),
        Mood::Silent => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            (200, json!({}))
        }
        Mood::Says(status, body) => (status, body),
        Mood::Redirects(to) => {
            return Response::builder().status(StatusCode::TEMPORARY_REDIRECT).header("location", to).finish();
        }
    };
    let status = StatusCode::from_u16(status).unwrap();
    Response::builder().status(status).content_type("application/json").body(body.to_string())
}

fn good(question: &Value) -> Value {
    let sum = |row: &Value| row.as_array().unwrap().iter().filter_map(Value::as_f64).sum::<f64>();
    let scores: Vec<f64> = question["rows"].as_array().unwrap().iter().map(sum).collect();
    let threshold = question["threshold"].as_f64().unwrap();
    let explained = scores.iter().enumerate().filter(|(_, score)| **score > threshold);
    let reasons: Vec<Value> = explained.map(|(row, _)| json!({ "row": row, "because": [["b", 0.75]] })).collect();
    let reasons = if question["reasons"] == 0 { Vec::new() } else { reasons };
    json!({ "scores": scores, "threshold": threshold, "reasons": reasons })
}
