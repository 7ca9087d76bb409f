use nunatak_api::ApiOptions;
use nunatak_test_support::TestApp;
use poem::{
    Request,
    http::{Method, StatusCode},
};
use serde_json::{Value, json};

async fn post(app: &TestApp, content_type: &str, body: impl Into<poem::Body>) -> (StatusCode, Value) {
    let request = Request::builder().method(Method::POST).uri_str("/graphql").content_type(content_type).body(body);
    let response = app.send(request).await;
    let status = response.status();
    let text = response.into_body().into_string().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")))
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{answer:#}"))
}

#[tokio::test]
async fn documents_that_are_too_much_are_refused() {
    let app = TestApp::full().await;
    let deep = format!(
        "{{ projects {}{{ nodes {{ name }} }}{} }}",
        "{ nodes { workspace { projects ".repeat(5),
        " } } }".repeat(5)
    );
    let wide = "{ workspaces(first: 100) { nodes { projects(first: 100) { nodes { name description createdAt } } } } }";
    let aliased =
        format!("{{ {} }}", (0..31).map(|n| format!("a{n}: viewer {{ user {{ id }} }} ")).collect::<String>());
    let directives = "{ viewer { user { id @include(if: true) @include(if: true) @include(if: true) @include(if: true) @include(if: true) @include(if: true) } } }";
    for document in [deep.as_str(), wide, &aliased, directives] {
        let answer = app.gql(None, document).await;
        assert_eq!(code(&answer), "LIMIT_EXCEEDED", "{document}\n{answer:#}");
        assert!(answer["errors"][0]["extensions"]["requestId"].is_string());
    }
}

#[tokio::test]
async fn recursive_fragments_are_refused() {
    let app = TestApp::full().await;
    let answer = app.gql(None, "{ viewer { ...a } } fragment a on Viewer { ...b } fragment b on Viewer { ...a }").await;
    assert!(answer["errors"].is_array(), "{answer:#}");
    assert_eq!(answer.get("data").cloned().unwrap_or(Value::Null), Value::Null);
}

/// Each fragment spreads the next twice: 30 levels are a thousand million fields in two kilobytes.
#[tokio::test]
async fn fragments_that_multiply_are_refused_at_once() {
    let app = TestApp::full().await;
    let chain: String = (0..30).map(|n| format!("fragment F{n} on Query {{ ...F{0} ...F{0} }} ", n + 1)).collect();
    let document = format!("{{ ...F0 }} {chain} fragment F30 on Query {{ __typename }}");
    let answer = app.gql(None, &document).await;
    assert_eq!(code(&answer), "LIMIT_EXCEEDED", "{answer:#}");
}

#[tokio::test]
async fn filters_that_are_too_much_are_refused() {
    let (app, ada) = TestApp::with_user().await;
    let find = "query ($filter: VersionFilter) { versions(filter: $filter) { nodes { id } } }";
    let leaf = json!({ "name": { "eq": "x" } });
    let deep = (0..6).fold(leaf.clone(), |filter, _| json!({ "not": filter }));
    let many = json!({ "or": vec![leaf.clone(); 25] });
    let empty = json!({ "and": vec![json!({}); 1000] });
    let long = json!({ "name": { "in": vec!["x"; 201] } });
    for filter in [deep, many, empty, long] {
        let answer = app.gql_with(Some(&ada.token), find, json!({ "filter": filter })).await;
        assert_eq!(code(&answer), "LIMIT_EXCEEDED", "{filter}");
    }
}

#[tokio::test]
async fn bodies_of_other_kinds_are_refused() {
    let options = ApiOptions { max_body: 1000, ..ApiOptions::default() };
    let app = TestApp::with_options(options).await;
    let query = json!({ "query": "{ viewer { user { id } } }" });
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        assert_eq!(post(&app, kind, query.to_string()).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    let (status, answer) = post(&app, "application/json", json!([query, query]).to_string()).await;
    assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "INVALID_INPUT"));
    let (status, answer) = post(&app, "application/json", "{").await;
    assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "INVALID_INPUT"));
    let long = json!({ "query": format!("{{ viewer {{ user {{ id }} }} }} #{}", "x".repeat(1000)) });
    let (status, answer) = post(&app, "application/json", long.to_string()).await;
    assert_eq!((status, code(&answer)), (StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED"));
}

#[tokio::test]
async fn the_character_that_postgresql_cannot_keep_is_refused_everywhere() {
    let app = TestApp::full().await;
    let variables = json!({ "query": "query ($n: String) { workspaces(name: $n) { nodes { id } } }", "variables": { "n": "a\u{0}b" } });
    let literal = json!({ "query": "{ workspaces(name: \"a\\u0000b\") { nodes { id } } }" });
    for body in [variables, literal] {
        let (status, answer) = post(&app, "application/json", body.to_string()).await;
        assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "INVALID_INPUT"), "{body}");
    }
}

#[tokio::test]
async fn nothing_runs_on_get() {
    let app = TestApp::full().await;
    let request = TestApp::request(Method::GET, "/graphql?query=%7Bviewer%7Buser%7Bid%7D%7D%7D", None, ());
    assert_eq!(app.send(request).await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn mistakes_in_a_document_are_the_clients() {
    let app = TestApp::full().await;
    for document in ["{ nonsense }", "{ viewer", "", "{ node(id: 7) { id } nonsense }"] {
        let (status, answer) = post(&app, "application/json", json!({ "query": document }).to_string()).await;
        assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "INVALID_INPUT"), "{document}");
    }
}

#[tokio::test]
async fn the_cost_is_reported() {
    let app = TestApp::full().await;
    let answer = app.gql(None, "{ projects(first: 10) { nodes { name } } }").await;
    insta::assert_json_snapshot!(answer["extensions"]["cost"], @r#"
    {
      "complexity": 21,
      "depth": 3,
      "maxComplexity": 20000,
      "maxDepth": 16
    }
    "#);
}

#[tokio::test]
async fn graphiqls_introspection_fits_the_limits() {
    let app = TestApp::full().await;
    let answer = app.gql(None, include_str!("introspection.graphql")).await;
    assert!(answer.get("errors").is_none(), "{answer:#}");
    assert_eq!(answer["data"]["__schema"]["queryType"]["name"], "Query");
}
