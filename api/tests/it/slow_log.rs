use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use nunatak_api::ApiOptions;
use nunatak_store::SlowStatements;
use nunatak_test_support::TestApp;
use poem::http::Method;
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;

/// What this thread logs: the tests' runtime has no other.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().json().with_max_level(tracing::Level::WARN);
        let guard = tracing::subscriber::set_default(lines.with_writer(move || writer.clone()).finish());
        (log, guard)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The fields of the lines about slow statements so far.
    fn slow(&self) -> Vec<Value> {
        let lines = self.text().lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
        lines.into_iter().map(|line| line["fields"].clone()).filter(|f| f["message"] == "slow statement").collect()
    }

    /// The first that this holds for: plans are told a little after the answer.
    async fn slow_where(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(found) = self.slow().into_iter().find(|fields| wanted(fields)) {
                return found;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Every statement is slow, and one plan is told.
async fn slow_app(plan_every: Duration) -> TestApp {
    let slow = SlowStatements { threshold: Duration::ZERO, plan_every };
    TestApp::tuned(ApiOptions::default(), |options| options.slow = Some(slow)).await
}

const FOREVER: Duration = Duration::from_secs(1_000_000);

const FIND: &str = "query Leaderboard($filter: VersionFilter) {
    versions(filter: $filter, orderBy: [{field: {field: NUMBER, direction: ASC}}]) { nodes { id } } }";

fn secret_filter() -> Value {
    json!({ "filter": { "or": [
        { "name": { "eq": "s3cret" } },
        { "not": { "detector": { "in": ["s3cret", "s3cret's"] } } },
        { "number": { "gt": 4_711_042 } },
    ] } })
}

#[tokio::test]
async fn a_slow_search_is_logged_with_its_shape_and_plan_and_without_its_values() {
    let app = slow_app(FOREVER).await;
    let (log, _guard) = Log::start();
    let body = json!({ "query": FIND, "variables": secret_filter() }).to_string();
    let mut request = TestApp::request(Method::POST, "/graphql", None, body);
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    let answer = app.send(request).await;
    let request_id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let text = answer.into_body().into_string().await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["data"]["versions"]["nodes"], json!([]));

    let line = log.slow_where(|fields| fields.get("db.plan").is_some()).await;
    assert_eq!(line["request.id"], request_id.as_str());
    assert_eq!(line["graphql.operation"], "Leaderboard");
    assert_eq!(line["search.shape"], "or(name.eq, not(detector.in[2]), number.gt) order by number asc");
    assert!(line["duration_ms"].is_f64(), "{line}");
    assert_eq!((&line["db.failed"], &line["db.abandoned"]), (&json!(false), &json!(false)));
    let statement = line["db.statement"].as_str().unwrap();
    assert!(statement.starts_with("WITH s0 AS MATERIALIZED") && statement.contains("$1"), "{statement}");
    let plan = line["db.plan"].as_str().unwrap();
    let walk = if app.db.is_postgres() { "Scan" } else { "SCAN" };
    assert!(plan.contains(walk) && plan.contains("versions"), "{plan}");
    let log = log.text();
    assert!(!log.contains("s3cret") && !log.contains("4711042"), "{log}");
}

#[tokio::test]
async fn plans_are_asked_for_so_often_and_no_more() {
    let app = slow_app(FOREVER).await;
    let (log, _guard) = Log::start();
    app.ok(None, FIND, secret_filter()).await;
    log.slow_where(|fields| fields.get("db.plan").is_some()).await;
    for _ in 0..5 {
        app.ok(None, FIND, secret_filter()).await;
    }
    let slow = log.slow();
    assert_eq!(slow.len(), 6, "{slow:#?}");
    assert_eq!(slow.iter().filter(|fields| fields.get("db.plan").is_some()).count(), 1);
}

#[tokio::test]
async fn statements_of_loaders_are_logged_under_their_request() {
    let app = slow_app(FOREVER).await;
    let ada = app.user("ada", true).await;
    crate::versions::project(&app, &ada).await;
    let (log, _guard) = Log::start();
    let query = "query Owners { projects { nodes { workspace { name } } } }";
    app.ok(Some(&ada.token), query, json!({})).await;
    let line = log.slow_where(|fields| fields["db.statement"].as_str().unwrap().contains("workspaces")).await;
    assert_eq!(line["graphql.operation"], "Owners", "{line}");
    assert!(line["request.id"].is_string());
    assert!(line.get("search.shape").is_none(), "no search has run: {line}");
}

#[tokio::test]
async fn a_count_is_told_by_its_shape() {
    let app = slow_app(FOREVER).await;
    let (log, _guard) = Log::start();
    let query = "{ versions(filter: {tag: {name: {contains: \"s3cret\"}}}) { totalCount { value } } }";
    let answer = app.gql(None, query).await;
    assert!(answer.get("errors").is_none(), "{answer:#}");
    log.slow_where(|fields| fields["search.shape"] == "count tag.contains").await;
    assert!(!log.text().contains("s3cret"));
}

#[tokio::test]
async fn nothing_is_logged_unless_asked_for() {
    let (log, _guard) = Log::start();
    let app = TestApp::full().await;
    app.ok(None, FIND, secret_filter()).await;
    assert_eq!(log.slow(), Vec::<Value>::new());
}
