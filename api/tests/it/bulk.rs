//! Many versions in one request.

use nunatak_store::{Event, Heard};
use nunatak_test_support::{TestApp, TestUser};
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::versions::{log, minimize, project};

const LOG_ALL: &str = "mutation ($input: LogVersionsInput!) {
    logVersions(input: $input) {
        versions { id number model { name } } userErrors { code message path }
    }
}";
const EVERYTHING: &str = "query ($project: ID!) {
    versions(filter: {project: {eq: $project}}, first: 5) { nodes {
        number description status visibility threshold environment inputSchema createdBy { login } createdAt updatedAt
        model { name description } detector { name version } externalDataset { name description }
        git { branch commit dirty remotes { name url } } tags { name createdBy { login } } parent { number }
        artifact { sha256 size format fileName }
        hyperparameters { key value number string boolean } parameters { key value }
        metrics { key last lastSpecial min max best bestSpecial direction step pointCount points(maxPoints: 50) { step value special } }
        figures { name title spec }
    } }
    project(id: $project) { auditEvents(first: 100) { nodes { action user { login } } } }
}";

/// The payload of a call that the schema lets through.
async fn log_all(app: &TestApp, user: &TestUser, project: &Value, versions: Value, key: Value) -> Value {
    let input = json!({ "project": project, "versions": versions, "idempotencyKey": key });
    let mut answer = app.gql_with(Some(&user.token), LOG_ALL, json!({ "input": input })).await;
    assert!(answer.get("errors").is_none(), "{answer:#}");
    answer["data"]["logVersions"].take()
}

fn numbers(payload: &Value) -> Vec<(&str, i64)> {
    let versions = payload["versions"].as_array().unwrap_or_else(|| panic!("{payload:#}")).iter();
    versions.map(|v| (v["model"]["name"].as_str().unwrap(), v["number"].as_i64().unwrap())).collect()
}

async fn second_project(app: &TestApp, user: &TestUser) -> Value {
    let query = "mutation { createWorkspace(input: {name: \"Other\"}) { workspace { id } userErrors { code } } }";
    let workspace = app.ok(Some(&user.token), query, json!({})).await["createWorkspace"]["workspace"]["id"].take();
    let query = "mutation ($w: ID!) {
        createProject(input: {workspace: $w, name: \"Pumps\"}) { project { id } userErrors { code } }
    }";
    app.ok(Some(&user.token), query, json!({ "w": workspace })).await["createProject"]["project"]["id"].take()
}

/// A completed upload's id.
async fn upload(app: &TestApp, user: &TestUser, project: &Value) -> Value {
    let query = "mutation ($input: CreateUploadInput!) {
        createUpload(input: $input) { upload { id url } userErrors { code } }
    }";
    let input = json!({ "project": project, "fileName": "model.onnx", "size": 5 });
    let upload = app.ok(Some(&user.token), query, json!({ "input": input })).await["createUpload"]["upload"].take();
    let put = TestApp::request(Method::PUT, upload["url"].as_str().unwrap(), Some(&user.token), "bytes");
    assert!(app.send(put).await.status().is_success());
    let query = "mutation ($id: ID!) { completeUpload(input: {id: $id}) { upload { id } userErrors { code } } }";
    app.ok(Some(&user.token), query, json!({ "id": upload["id"] })).await;
    upload["id"].clone()
}

/// Versions of two models, with all that a version can have.
fn various(upload: &Value, parent: &Value, model: &Value) -> Vec<Value> {
    let mut versions = vec![
        json!({
            "model": { "name": "pump-7" }, "description": "quoted \"text\", {braces}, \\ and ü", "tags": ["a", "b", "a"],
            "threshold": 0.5, "detector": { "name": "knn", "version": "1.0" }, "visibility": "PRIVATE",
            "dataset": { "external": { "name": "pumps-2026", "description": "NULL" } },
            "git": { "branch": "main", "commit": "abc123", "dirty": false, "remotes": [{ "name": "o", "url": "u" }] },
            "environment": { "python": "3.13" }, "inputSchema": [{ "name": "x", "type": "NUMBER" }],
            "upload": upload, "format": "onnx", "parent": parent,
            "hyperparameters": [{ "key": "n", "value": 100 }, { "key": "kernel", "value": "rbf" },
                                { "key": "b", "value": true }, { "key": "list", "value": ["a", "b"] },
                                { "key": "none", "value": null }],
            "parameters": [{ "key": "n", "value": 0.1 }, { "key": "tiny", "value": -1e-300 }],
            "metrics": [{ "key": "loss", "value": 2.0 }, { "key": "loss", "special": "NAN", "step": 1 },
                        { "key": "loss", "value": 1.5, "step": -2 }, { "key": "gain", "special": "POS_INF" },
                        { "key": "void", "special": "NAN" }, { "key": "pit", "special": "NEG_INF" }],
            "figures": [{ "name": "roc", "title": "ROC", "spec": { "mark": "line" } },
                        { "name": "pr", "title": "PR", "spec": {} }],
        }),
        json!({ "model": { "name": "valve" } }),
        json!({ "model": { "id": model }, "tags": ["c", "b"], "metrics": [{ "key": "loss", "value": -0.0 }] }),
        json!({ "model": { "name": "valve" }, "hyperparameters": [{ "key": "", "value": 1 }] }),
    ];
    versions[3]["hyperparameters"][0]["key"] = json!("NULL");
    versions
}

#[tokio::test]
async fn many_at_once_are_what_single_calls_would_have_made() {
    let (app, ada) = TestApp::with_user().await;
    let (one, all) = (project(&app, &ada).await, second_project(&app, &ada).await);
    let mut seen = Vec::new();
    for (project, at_once) in [(&one, false), (&all, true)] {
        minimize(&app, &ada, project, "loss").await;
        let first = log(&app, &ada, project, json!({})).await["version"].take();
        let versions = various(&upload(&app, &ada, project).await, &first["id"], &first["model"]["id"]);
        let mut heard = app.state.store.bus().listen();
        if at_once {
            let made = log_all(&app, &ada, project, json!(versions), Value::Null).await;
            assert_eq!(numbers(&made), [("pump-7", 2), ("valve", 1), ("pump-7", 3), ("valve", 2)], "{made:#}");
        } else {
            for version in versions {
                assert!(log(&app, &ada, project, version).await["version"]["id"].is_string());
            }
        }
        for _ in 0..4 {
            assert!(matches!(heard.hear_waiting(), Some(Heard::Event(Event::VersionRegistered { .. }))));
        }
        let answer = app.ok(Some(&ada.token), EVERYTHING, json!({ "project": project })).await;
        assert_eq!(answer["versions"]["nodes"].as_array().unwrap().len(), 5);
        seen.push(answer);
    }
    assert_eq!(format!("{:#}", seen[0]), format!("{:#}", seen[1]));
    insta::assert_json_snapshot!(seen[1]["versions"]["nodes"][3]);
}

#[tokio::test]
async fn each_version_is_in_the_audit_log() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let versions = json!([{ "model": { "name": "a" } }, { "model": { "name": "b" } }]);
    let made = log_all(&app, &ada, &project, versions, Value::Null).await;
    let query = "query ($p: ID!) { auditEvents(project: $p, first: 2) { nodes { action subject detail } } }";
    let events = app.ok(Some(&ada.token), query, json!({ "p": project })).await;
    let nodes = events["auditEvents"]["nodes"].as_array().unwrap();
    for (event, version) in nodes.iter().rev().zip(made["versions"].as_array().unwrap()) {
        assert_eq!((&event["action"], &event["subject"]), (&json!("version:log"), &version["id"]));
        assert_eq!(event["detail"]["number"], 1);
    }
}

#[tokio::test]
async fn one_that_is_wrong_keeps_all_out() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let other = second_project(&app, &ada).await;
    let foreign = log(&app, &ada, &other, json!({})).await["version"].take();
    let spec = "x".repeat(2 * 1024 * 1024 + 1);
    let twice = json!([{ "key": "k", "value": 1 }, { "key": "k", "value": 2 }]);
    let steps = json!([{ "key": "k", "value": 1 }, { "key": "k", "value": 2 }]);
    for (wrong, code, path) in [
        (json!({ "tags": ["a/b"] }), "INVALID_NAME", json!(["tags", "0"])),
        (json!({ "tags": vec!["t"; 21] }), "LIMIT_EXCEEDED", json!(["tags"])),
        (json!({ "model": { "name": "" } }), "INVALID_NAME", json!(["model", "name"])),
        (json!({ "model": { "id": foreign["model"]["id"] } }), "NOT_FOUND", json!(["model"])),
        (json!({ "parameters": twice }), "DUPLICATE_KEY", json!(["parameters", "k"])),
        (json!({ "hyperparameters": twice }), "DUPLICATE_KEY", json!(["hyperparameters", "k"])),
        (json!({ "metrics": steps }), "DUPLICATE_KEY", json!(["metrics", "k"])),
        (json!({ "metrics": [{ "key": "k" }] }), "INVALID_INPUT", json!(["metrics", "0", "value"])),
        (json!({ "description": "x".repeat(70_000) }), "TOO_LONG", json!(["description"])),
        (json!({ "upload": "upl_01h455vb4pex5vsknk084sn02q" }), "NOT_FOUND", json!(["upload"])),
        (json!({ "parent": "ver_01h455vb4pex5vsknk084sn02q" }), "NOT_FOUND", json!(["parent"])),
        (json!({ "parent": foreign["id"] }), "NOT_FOUND", json!(["parent"])),
        (json!({ "dataset": { "version": "dsv_01h455vb4pex5vsknk084sn02q" } }), "NOT_FOUND", json!(["dataset"])),
        (
            json!({ "figures": [{ "name": "f", "title": "", "spec": spec }] }),
            "VALUE_TOO_LARGE",
            json!(["figures", "0", "spec"]),
        ),
    ] {
        let mut versions = json!([{ "model": { "name": "new" }, "tags": ["new"] }, { "model": { "name": "new" } }]);
        versions[1].as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let refused = log_all(&app, &ada, &project, versions, json!("the same key")).await;
        assert_eq!((&refused["versions"], &refused["userErrors"][0]["code"]), (&Value::Null, &json!(code)), "{path}");
        let located: Vec<_> =
            [json!("versions"), json!("1")].into_iter().chain(path.as_array().unwrap().clone()).collect();
        assert_eq!(refused["userErrors"][0]["path"], json!(located));
    }
    let query = "query ($p: ID!) {
        versions(filter: {project: {eq: $p}}) { nodes { id } } project(id: $p) { models { nodes { name } } }
        tags(project: $p) { nodes { name } } auditEvents(project: $p) { nodes { action } }
    }";
    let left = app.ok(Some(&ada.token), query, json!({ "p": project })).await;
    let nothing = json!({ "nodes": [] });
    assert_eq!(
        (&left["versions"], &left["project"]["models"], &left["tags"]),
        (&nothing, &nothing, &nothing),
        "{left:#}"
    );
    assert_eq!(left["auditEvents"], nothing);
}

#[tokio::test]
async fn there_is_a_limit_to_many() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let versions = |count: usize| json!(vec![json!({ "model": { "name": "pump-7" } }); count]);
    for (count, code) in [(0, "INVALID_INPUT"), (501, "LIMIT_EXCEEDED")] {
        let refused = log_all(&app, &ada, &project, versions(count), Value::Null).await;
        assert_eq!(refused["userErrors"][0]["code"], code);
        assert_eq!(refused["userErrors"][0]["path"], json!(["versions"]));
    }
    let made = log_all(&app, &ada, &project, versions(500), Value::Null).await;
    assert_eq!(numbers(&made), (1..=500).map(|number| ("pump-7", number)).collect::<Vec<_>>());

    let large = json!([{ "model": { "name": "pump-7" }, "environment": "x".repeat(4 * 1024 * 1024) }]);
    let variables = json!({ "input": { "project": project, "versions": large } });
    let body = json!({ "query": LOG_ALL, "variables": variables }).to_string();
    let mut request = TestApp::request(Method::POST, "/graphql", Some(&ada.token), body);
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    let response = app.send(request).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let answer: Value = serde_json::from_str(&response.into_body().into_string().await.unwrap()).unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED");
}

#[tokio::test]
async fn many_are_logged_by_developers_only() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let (guest, stranger) = (app.user("guest", false).await, app.user("stranger", false).await);
    let member = "mutation ($p: ID!) {
        setMember(input: {subject: $p, login: \"guest\", role: GUEST}) { userErrors { code } }
    }";
    app.ok(Some(&ada.token), member, json!({ "p": project })).await;
    // Permission comes first: what else is wrong is not said.
    let input = json!({ "project": project, "versions": [{ "model": { "name": "" } }] });
    for (token, code) in
        [(Some(&guest.token), "FORBIDDEN"), (Some(&stranger.token), "NOT_FOUND"), (None, "UNAUTHENTICATED")]
    {
        let answer = app.gql_with(token.map(String::as_str), LOG_ALL, json!({ "input": input })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_replays_the_whole_batch() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let versions = json!([{ "model": { "name": "b" }, "tags": ["t"] }, { "model": { "name": "a" } },
                          { "model": { "name": "b" } }]);
    let send = || log_all(&app, &ada, &project, versions.clone(), json!("once"));
    let (one, two) = tokio::join!(send(), send());
    assert_eq!(one, two, "of two at once, one is carried out");
    assert_eq!(numbers(&one), [("b", 1), ("a", 1), ("b", 2)]);
    let mut heard = app.state.store.bus().listen();
    assert_eq!(send().await, one);
    assert!(heard.hear_waiting().is_none(), "nothing happened");

    for other in [json!([versions[0]]), json!([versions[0], versions[0], versions[0], versions[0]])] {
        let refused = log_all(&app, &ada, &project, other, json!("once")).await;
        assert_eq!(refused["userErrors"][0]["code"], "IDEMPOTENCY_MISMATCH");
        assert_eq!(refused["userErrors"][0]["path"], json!(["idempotencyKey"]));
    }
    let single = log(&app, &ada, &project, json!({ "idempotencyKey": "once" })).await;
    assert_eq!(single["version"]["number"], 1, "another mutation's keys are others");
    let query = "query ($p: ID!) { versions(filter: {project: {eq: $p}}) { totalCount { value } } }";
    let count = app.ok(Some(&ada.token), query, json!({ "p": project })).await;
    assert_eq!(count["versions"]["totalCount"]["value"], 4);
}

/// Models and tags in opposite orders, by name and by id: nobody waits for each other for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_share_models_and_tags() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let known = log(&app, &ada, &project, json!({})).await["version"]["model"]["id"].take();
    let batch = |writer: usize| {
        let mut versions: Vec<_> = (0..20)
            .map(|place| {
                let name = format!("model-{}", place % 5);
                json!({ "model": { "name": name }, "tags": [format!("tag-{}", place % 7), format!("own-{writer}")],
                        "hyperparameters": [{ "key": format!("key-{place}"), "value": writer }] })
            })
            .collect();
        versions.push(json!({ "model": { "id": known } }));
        if writer % 2 == 1 {
            versions.reverse();
        }
        log_all(&app, &ada, &project, json!(versions), Value::Null)
    };
    let all = futures_util::future::join_all((0..8).map(batch)).await;
    let mut made: Vec<_> = all.iter().flat_map(numbers).collect();
    made.sort_unstable();
    let expected = (0..5).map(|model| (format!("model-{model}"), 1..=32)).chain([("pump-7".to_owned(), 2..=9)]);
    let expected: Vec<_> =
        expected.flat_map(|(name, numbers)| numbers.map(move |number| (name.clone(), number))).collect();
    assert_eq!(made, expected.iter().map(|(name, number)| (name.as_str(), *number)).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_number_of_statements_does_not_grow_with_the_batch() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let version = |number: usize| {
        json!({ "model": { "name": format!("m{}", number % 3) }, "tags": ["a", "b"],
                "hyperparameters": [{ "key": "depth", "value": number }], "parameters": [{ "key": "p", "value": "x" }],
                "metrics": [{ "key": "auc", "value": 0.5 }, { "key": "auc", "value": 0.6, "step": 1 }] })
    };
    let count = async |key: &str, versions: usize| {
        let versions: Vec<_> = (0..versions).map(version).collect();
        let _ = app.statements();
        let made = log_all(&app, &ada, &project, json!(versions), json!(key)).await;
        assert_eq!(made["versions"].as_array().unwrap().len(), versions.len());
        app.statements()
    };
    let first = count("first", 3).await;
    let (few, many) = (count("few", 3).await, count("many", 60).await);
    assert!(few.len() < first.len(), "keys and tags are known by now: {few:#?}");
    assert_eq!(few.len(), many.len(), "few: {few:#?}\nmany: {many:#?}");
    let most = if app.db.is_postgres() { 7 } else { 16 };
    assert!(many.len() <= most, "{} statements: {many:#?}", many.len());
}

#[tokio::test]
async fn one_version_takes_few_statements() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let more =
        json!({ "hyperparameters": [{ "key": "depth", "value": 3 }], "metrics": [{ "key": "auc", "value": 0.5 }] });
    let query =
        "mutation ($input: LogVersionInput!) { logVersion(input: $input) { version { id } userErrors { code } } }";
    let mut input = json!({ "project": project, "model": { "name": "pump-7" } });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app.ok(Some(&ada.token), query, json!({ "input": input })).await;
    let _ = app.statements();
    app.ok(Some(&ada.token), query, json!({ "input": input })).await;
    let statements = app.statements();
    // Who it is, what they may, the version.
    let most = if app.db.is_postgres() { 3 } else { 10 };
    assert!(statements.len() <= most, "{} statements: {statements:#?}", statements.len());
}
