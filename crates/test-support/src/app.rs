use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use nunatak_api::{ApiOptions, ApiState, TokenKeys};
use nunatak_authz::Authorizer;
use nunatak_domain::{ManualClock, Timestamp, UserId};
use nunatak_store::{StatementWatch, Store, StoreOptions, identity::NewUser};
use poem::{
    Body, Endpoint, EndpointExt, Request, Response, Server,
    endpoint::BoxEndpoint,
    http::{Method, header},
    listener::{Acceptor, Listener, TcpListener},
};
use serde_json::{Value, json};

use crate::TestDb;

/// 2026-01-01T00:00:00Z, where every test's clock starts.
const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
/// Long enough to pass the rule; the same for all.
const PASSWORD: &str = "correct horse";

/// A whole server over a fresh database, in this process.
pub struct TestApp {
    pub state: ApiState,
    pub clock: Arc<ManualClock>,
    pub db: TestDb,
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    statements: Arc<Mutex<Vec<String>>>,
}

impl std::fmt::Debug for TestApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestApp").field("db", &self.db).finish_non_exhaustive()
    }
}

/// An account with a token for its session.
#[derive(Debug, Clone)]
pub struct TestUser {
    pub id: UserId,
    pub login: String,
    pub token: String,
}

impl TestApp {
    /// # Panics
    /// When the server cannot be put together: no test could go on.
    pub async fn full() -> Self {
        Self::with_options(ApiOptions::default()).await
    }

    /// # Panics
    /// As [`TestApp::full`].
    pub async fn with_options(options: ApiOptions) -> Self {
        Self::tuned(options, |_| {}).await
    }

    /// With other options of the store's, too.
    ///
    /// # Panics
    /// As [`TestApp::full`].
    pub async fn tuned(options: ApiOptions, tune: impl FnOnce(&mut StoreOptions)) -> Self {
        let mut db = TestDb::fresh().await;
        tune(&mut db.options);
        let statements: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = statements.clone();
        db.options.watch = Some(StatementWatch::new(move |text, _, _| {
            seen.lock().expect("no test panics while counting").push(text.to_owned());
        }));
        let clock = Arc::new(ManualClock::starting_at(START));
        let authorizer = Authorizer::load().await.expect("the policy loads");
        let store = Store::open(&db.options, authorizer, clock.clone()).await.expect("the store opens");
        let keys = Arc::new(TokenKeys::new(b"a secret for tests, 32 bytes long"));
        let state = ApiState { store, keys, options };
        let schema = nunatak_api::build_schema(&state);
        let endpoint = Arc::new(nunatak_api::app(state.clone(), schema).boxed());
        Self { state, clock, db, endpoint, statements }
    }

    /// A server and an administrator's account, `ada`.
    ///
    /// # Panics
    /// As [`TestApp::full`].
    pub async fn with_user() -> (Self, TestUser) {
        let app = Self::full().await;
        let ada = app.user("ada", true).await;
        (app, ada)
    }

    /// A further account, signed in for longer than tests turn the clock by default.
    ///
    /// # Panics
    /// When the login is taken or not allowed.
    pub async fn user(&self, login: &str, is_admin: bool) -> TestUser {
        let new =
            NewUser { login: login.to_owned(), password: Some(PASSWORD.to_owned()), is_admin, ..NewUser::default() };
        let user = self.state.store.ensure_local_user(new).await.expect("the account is made");
        let lifetime = Duration::from_secs(24 * 3600);
        let token = self.state.keys.access_token(user.id, self.state.store.now(), lifetime).expect("a token");
        TestUser { id: user.id, login: user.login, token }
    }

    /// The SQL statements since the last call, to count them.
    ///
    /// # Panics
    /// When another test thread panicked while holding the list.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        std::mem::take(&mut *self.statements.lock().expect("no test panics while counting"))
    }

    /// The password of every account that [`TestApp::user`] made.
    #[must_use]
    pub fn password() -> &'static str {
        PASSWORD
    }

    /// The answer to a GraphQL document.
    pub async fn gql(&self, token: Option<&str>, query: &str) -> Value {
        self.gql_with(token, query, json!({})).await
    }

    /// The answer to a GraphQL document with variables.
    ///
    /// # Panics
    /// When the answer is no JSON.
    pub async fn gql_with(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let mut request = Request::builder().method(Method::POST).uri_str("/graphql").content_type("application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = self.send(request.body(body)).await;
        let text = response.into_body().into_string().await.expect("the answer is text");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}"))
    }

    /// The answer's `data`, for requests that must go well.
    ///
    /// # Panics
    /// When the answer has errors, or a payload has `userErrors`.
    pub async fn ok(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let mut answer = self.gql_with(token, query, variables).await;
        assert!(answer.get("errors").is_none(), "{answer:#}");
        let data = answer["data"].take();
        if let Value::Object(fields) = &data {
            for (name, payload) in fields {
                let problems = payload["userErrors"].as_array().map_or(0, Vec::len);
                assert_eq!(problems, 0, "{name}: {payload:#}");
            }
        }
        data
    }

    /// Any HTTP request, answered without a network.
    pub async fn send(&self, request: Request) -> Response {
        self.endpoint.get_response(request).await
    }

    /// A request with a bearer token and a body.
    #[must_use]
    pub fn request(method: Method, path: &str, token: Option<&str>, body: impl Into<Body>) -> Request {
        let mut request = Request::builder().method(method).uri_str(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        request.body(body.into())
    }

    /// Serves on a free port of the loopback interface until the runtime ends; returns the base URL.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn serve(&self) -> String {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.expect("a free port");
        let address = acceptor.local_addr().remove(0);
        let address = address.as_socket_addr().expect("a TCP address").to_owned();
        let endpoint = self.endpoint.clone();
        tokio::spawn(Server::new_with_acceptor(acceptor).run(endpoint));
        format!("http://{address}")
    }
}
