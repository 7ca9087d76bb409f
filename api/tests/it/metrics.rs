use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use nunatak_api::{ApiOptions, Metrics, metrics_app};
use nunatak_store::SlowStatements;
use nunatak_test_support::TestApp;
use poem::{
    Endpoint, Request,
    http::{Method, StatusCode},
};
use serde_json::json;

async fn measured() -> (TestApp, Arc<Metrics>) {
    let metrics = Metrics::new().unwrap();
    let options = ApiOptions { metrics: Some(metrics.clone()), ..ApiOptions::default() };
    (TestApp::with_options(options).await, metrics)
}

async fn read(app: &TestApp, metrics: &Arc<Metrics>) -> String {
    let endpoint = metrics_app(metrics.clone(), app.state.store.clone());
    let request = Request::builder().method(Method::GET).uri_str("/metrics").finish();
    let answer = endpoint.get_response(request).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.content_type(), Some("text/plain; version=0.0.4; charset=utf-8"));
    answer.into_body().into_string().await.unwrap()
}

/// The value of one series.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
    let line = line.unwrap_or_else(|| panic!("no {series} in\n{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn requests_are_counted_by_operation_and_outcome_and_errors_by_code() {
    let (app, metrics) = measured().await;
    let ada = app.user("ada", true).await;
    app.ok(Some(&ada.token), "query Secret { viewer { user { login } } }", json!({})).await;
    app.ok(
        Some(&ada.token),
        "mutation { createWorkspace(input: {name: \"w\"}) { workspace { id } userErrors { code } } }",
        json!({}),
    )
    .await;
    app.gql(None, "{ nothing }").await;
    app.gql(None, "{ nonsense").await;
    app.gql(Some("nnk_unknown"), "{ viewer { user { login } } }").await;
    app.gql(None, "mutation { createUpload(input: {project: \"prj_x\", name: \"f\", size: 1}) { upload { id } } }")
        .await;
    let text = read(&app, &metrics).await;
    for (series, wanted) in [
        ("nunatak_graphql_requests_total{operation=\"query\",outcome=\"ok\"}", 1.0),
        ("nunatak_graphql_requests_total{operation=\"mutation\",outcome=\"ok\"}", 1.0),
        ("nunatak_graphql_requests_total{operation=\"query\",outcome=\"refused\"}", 1.0),
        ("nunatak_graphql_requests_total{operation=\"none\",outcome=\"refused\"}", 2.0),
        ("nunatak_graphql_errors_total{code=\"UNAUTHENTICATED\"}", 1.0),
        ("nunatak_graphql_request_duration_seconds_count{operation=\"mutation\"}", 2.0),
    ] {
        assert_eq!(value(&text, series), wanted, "{series}\n{text}");
    }
    assert!(!text.contains("Secret"), "operations' names are the clients' words");
}

#[tokio::test]
async fn fields_that_return_objects_and_their_batches_are_timed() {
    let (app, metrics) = measured().await;
    let ada = app.user("ada", true).await;
    let project = crate::versions::project(&app, &ada).await;
    for number in 0..3 {
        crate::versions::log(&app, &ada, &project, json!({ "metrics": [{ "key": "auc", "value": number }] })).await;
    }
    let query = "{ versions { nodes { number description model { name } metrics { key last } figures { name } } } }";
    app.ok(Some(&ada.token), query, json!({})).await;
    let text = read(&app, &metrics).await;
    let resolver = |field: &str| format!("nunatak_graphql_resolver_duration_seconds_count{{field=\"{field}\"}}");
    assert_eq!(value(&text, &resolver("Query.versions")), 1.0);
    assert_eq!(value(&text, &resolver("Version.metrics")), 3.0);
    for leaf in ["Version.number", "Version.description", "VersionConnection.nodes"] {
        assert!(!text.contains(leaf), "{leaf} does no work of its own");
    }
    let loader = "{loader=\"FiguresOf\"}";
    assert_eq!(value(&text, &format!("nunatak_loader_batch_keys_sum{loader}")), 3.0);
    assert_eq!(value(&text, &format!("nunatak_loader_batch_keys_count{loader}")), 1.0);
    assert_eq!(value(&text, &format!("nunatak_loader_duration_seconds_count{loader}")), 1.0);
}

#[tokio::test]
async fn the_database_and_the_process_are_told() {
    let metrics = Metrics::new().unwrap();
    let options = ApiOptions { metrics: Some(metrics.clone()), ..ApiOptions::default() };
    let all = SlowStatements { threshold: Duration::ZERO, plan_every: Duration::from_secs(1_000_000) };
    let app = TestApp::tuned(options, |options| options.slow = Some(all)).await;
    let before = read(&app, &metrics).await;
    app.ok(None, "{ versions { nodes { id } } }", json!({})).await;
    let after = read(&app, &metrics).await;
    let grown = |series: &str| value(&after, series) - value(&before, series);
    assert_eq!(grown("nunatak_database_statements_total"), 1.0);
    assert_eq!(grown("nunatak_database_slow_statements_total"), 1.0);
    assert_eq!(grown("nunatak_database_failed_statements_total"), 0.0);
    let pool = if app.db.is_postgres() { "all" } else { "read" };
    assert_eq!(value(&after, &format!("nunatak_database_connections_max{{pool=\"{pool}\"}}")), 5.0);
    for state in ["idle", "used"] {
        value(&after, &format!("nunatak_database_connections{{pool=\"{pool}\",state=\"{state}\"}}"));
    }
    assert!(value(&after, "process_resident_memory_bytes") > 1e6);
    assert!(after.contains("nunatak_build_info{version=\"") && after.contains("nunatak_uptime_seconds "));
}

#[tokio::test]
async fn open_subscriptions_are_counted_while_they_are_open() {
    const OPEN: &str = "nunatak_graphql_subscriptions_open";
    let (app, metrics) = measured().await;
    let body = json!({ "query": "subscription { heartbeat }" }).to_string();
    let mut request = TestApp::request(Method::POST, "/graphql/stream", None, body);
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    let mut events = app.send(request).await.into_body().into_bytes_stream();
    events.next().await.unwrap().unwrap();
    let text = read(&app, &metrics).await;
    assert_eq!(value(&text, OPEN), 1.0);
    assert_eq!(value(&text, "nunatak_graphql_requests_total{operation=\"subscription\",outcome=\"ok\"}"), 1.0);
    assert!(value(&text, "nunatak_graphql_subscription_answers_total") >= 1.0);
    drop(events);
    assert_eq!(value(&read(&app, &metrics).await, OPEN), 0.0);
}

#[tokio::test]
async fn the_api_itself_does_not_tell() {
    let (app, _) = measured().await;
    let answer = app.send(TestApp::request(Method::GET, "/metrics", None, ())).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_its_runners_and_how_attempts_end_are_in_the_metrics() {
    let metrics = Metrics::new().unwrap();
    let options = ApiOptions { metrics: Some(metrics.clone()), ..ApiOptions::default() };
    let plant = crate::jobs::Plant::with_options(options).await;
    plant.train().await;
    plant.trained().await;
    plant.train().await;
    plant.train().await;
    plant.claim().await;
    plant.app.clock.advance(Duration::from_secs(7));
    let text = read(&plant.app, &metrics).await;
    for (series, expected) in [
        ("nunatak_jobs{status=\"queued\"}", 1.0),
        ("nunatak_jobs{status=\"running\"}", 1.0),
        ("nunatak_detector_jobs{detector=\"lof\",status=\"queued\"}", 1.0),
        ("nunatak_jobs_oldest_queued_seconds", 7.0),
        ("nunatak_jobs_without_runner", 0.0),
        ("nunatak_runners{status=\"online\"}", 1.0),
        ("nunatak_runner_capacity", 1.0),
        ("nunatak_job_attempts_ended_total{end=\"succeeded\"}", 1.0),
        ("nunatak_job_attempts_ended_total{end=\"expired\"}", 0.0),
    ] {
        assert_eq!(value(&text, series), expected, "{series}");
    }
}
