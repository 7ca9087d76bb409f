use std::{collections::BTreeMap, sync::Arc};

use futures_util::StreamExt;
use nunatak_api::{ApiOptions, Documents, Trust, build_schema};
use nunatak_test_support::TestApp;
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::live::{Socket, hear, open, say};

/// A text and its SHA-256, as `sha256sum` tells it.
const VIEWER: (&str, &str) =
    ("query Me { viewer { user { login } } }", "ff4145eb0205eedbd67079fe5c95070da1155de194d491790c534db76b289b06");
const PROJECT: (&str, &str) = (
    "query Project($id: ID!, $first: Int!) { node(id: $id) { id } versions(first: $first) { nodes { id } } }",
    "0b10c6dd40317f5ff90d97214ea8822f650d2121cebeb5db750123d96ed36083",
);
const HEARTBEAT: (&str, &str) =
    ("subscription { heartbeat }", "32fe9bf48e3a5561d55e6b97d49e3bb5a9aae9761bb2cd0814cc2bc68b4be783");
const ELSE: &str = "{ viewer { user { id } } }";

fn documents() -> Arc<Documents> {
    let manifest: BTreeMap<_, _> = [VIEWER, PROJECT, HEARTBEAT].into_iter().map(|(text, hash)| (hash, text)).collect();
    Arc::new(Documents::read(&json!(manifest).to_string()).unwrap())
}

async fn app(trust: Trust) -> TestApp {
    let app = TestApp::with_options(ApiOptions { trust, ..ApiOptions::default() }).await;
    app.state.options.trust.check(&build_schema(&app.state), &app.state.options).await.unwrap();
    app
}

fn id((_, hash): (&str, &str)) -> String {
    format!("sha256:{hash}")
}

async fn post(app: &TestApp, path: &str, token: Option<&str>, body: Value) -> poem::Response {
    let mut request = TestApp::request(Method::POST, path, token, body.to_string());
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    app.send(request).await
}

async fn ask(app: &TestApp, token: Option<&str>, body: Value) -> (StatusCode, Value) {
    let answer = post(app, "/graphql", token, body).await;
    let status = answer.status();
    (status, serde_json::from_str(&answer.into_body().into_string().await.unwrap()).unwrap())
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{answer:#}"))
}

#[tokio::test]
async fn a_known_document_is_sent_by_its_id_and_others_by_their_text() {
    let app = app(Trust::Known(documents())).await;
    let eve = app.user("eve", false).await;
    let (status, answer) = ask(&app, Some(&eve.token), json!({ "documentId": id(VIEWER) })).await;
    assert_eq!((status, &answer["data"]["viewer"]["user"]["login"]), (StatusCode::OK, &json!("eve")));
    let variables = json!({ "id": "prj_01h455vb4pex5vsknk084sn02q", "first": 3 });
    let (status, answer) =
        ask(&app, Some(&eve.token), json!({ "documentId": id(PROJECT), "variables": variables })).await;
    assert_eq!((status, &answer["data"]["versions"]["nodes"]), (StatusCode::OK, &json!([])), "{answer:#}");
    let (status, answer) = ask(&app, Some(&eve.token), json!({ "query": ELSE })).await;
    assert_eq!(status, StatusCode::OK, "{answer:#}");
}

#[tokio::test]
async fn an_id_that_names_nothing_is_refused() {
    let unknown = format!("sha256:{}", "0".repeat(64));
    for (trust, id) in [
        (Trust::Off, id(VIEWER)),
        (Trust::Known(documents()), unknown.clone()),
        (Trust::Known(documents()), VIEWER.1.to_owned()),
        (Trust::Only(documents()), unknown),
    ] {
        let app = app(trust).await;
        let (status, answer) = ask(&app, None, json!({ "documentId": id })).await;
        assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "UNKNOWN_DOCUMENT"), "{id}");
    }
    let app = app(Trust::Known(documents())).await;
    for body in [json!({ "documentId": id(VIEWER), "query": ELSE }), json!({ "documentId": 7 })] {
        let (status, answer) = ask(&app, None, body).await;
        assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "INVALID_INPUT"), "{answer:#}");
    }
}

#[tokio::test]
async fn where_only_trusted_documents_run_all_else_is_refused_but_for_administrators() {
    let app = app(Trust::Only(documents())).await;
    let (eve, ada) = (app.user("eve", false).await, app.user("ada", true).await);
    for token in [None, Some(eve.token.as_str())] {
        let (status, answer) = ask(&app, token, json!({ "query": ELSE })).await;
        assert_eq!((status, code(&answer)), (StatusCode::FORBIDDEN, "UNTRUSTED_DOCUMENT"));
        assert!(answer["errors"][0]["extensions"]["requestId"].is_string());
        let (status, _) = ask(&app, token, json!({ "documentId": id(VIEWER) })).await;
        assert_eq!(status, StatusCode::OK);
        let (status, _) = ask(&app, token, json!({ "query": VIEWER.0 })).await;
        assert_eq!(status, StatusCode::OK, "its text is as trusted as its id");
    }
    let (status, _) = ask(&app, Some(&ada.token), json!({ "query": ELSE })).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn the_same_holds_for_server_sent_events() {
    let app = app(Trust::Only(documents())).await;
    let mut events = post(&app, "/graphql/stream", None, json!({ "documentId": id(HEARTBEAT) }))
        .await
        .into_body()
        .into_bytes_stream();
    let first = events.next().await.unwrap().unwrap();
    let text = String::from_utf8(first.to_vec()).unwrap();
    assert!(text.contains("\"heartbeat\":0"), "{text}");
    let refused = post(&app, "/graphql/stream", None, json!({ "query": "subscription Mine { heartbeat }" })).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let ada = app.user("ada", true).await;
    let query = json!({ "query": "subscription Mine { heartbeat }" });
    assert_eq!(post(&app, "/graphql/stream", Some(&ada.token), query).await.status(), StatusCode::OK);
}

/// The first answer to each of these, sent over one connection.
async fn over_websocket(app: &TestApp, token: Option<&str>, payloads: Vec<Value>) -> Vec<Value> {
    let mut socket: Socket = open(&app.serve().await, None).await.unwrap();
    let authorization = token.map(|token| format!("Bearer {token}"));
    say(&mut socket, json!({ "type": "connection_init", "payload": { "authorization": authorization } })).await;
    assert_eq!(hear(&mut socket).await["type"], "connection_ack");
    let mut answers = Vec::new();
    for (place, payload) in payloads.into_iter().enumerate() {
        let id = place.to_string();
        say(&mut socket, json!({ "id": id, "type": "subscribe", "payload": payload })).await;
        answers.push(loop {
            let message = hear(&mut socket).await;
            if message["id"] == id.as_str() {
                break message["payload"].clone();
            }
        });
    }
    answers
}

#[tokio::test]
async fn the_same_holds_for_websockets() {
    let own = json!({ "query": "subscription Mine { heartbeat }" });
    let app = app(Trust::Only(documents())).await;
    let payloads = vec![
        json!({ "documentId": id(HEARTBEAT) }),
        json!({ "documentId": id(HEARTBEAT), "extensions": { "more": 1 }, "variables": {} }),
        json!({ "query": HEARTBEAT.0 }),
        own.clone(),
        json!({ "documentId": "sha256:0" }),
        json!({ "documentId": id(HEARTBEAT), "query": HEARTBEAT.0 }),
        json!({ "documentId": id(VIEWER) }),
        json!({ "documentId": 7 }),
    ];
    let answers = over_websocket(&app, None, payloads).await;
    for answer in &answers[..3] {
        assert_eq!(answer["data"]["heartbeat"], 0, "{answer}");
    }
    let codes: Vec<_> = answers[3..].iter().map(code).collect();
    let wanted = ["UNTRUSTED_DOCUMENT", "UNKNOWN_DOCUMENT", "INVALID_INPUT", "INVALID_INPUT", "INVALID_INPUT"];
    assert_eq!(codes, wanted, "{answers:#?}");

    let ada = app.user("ada", true).await;
    let answers = over_websocket(&app, Some(&ada.token), vec![own.clone()]).await;
    assert_eq!(answers[0]["data"]["heartbeat"], 0, "{answers:?}");
}

#[tokio::test]
async fn websockets_take_both_where_documents_are_known_and_texts_where_they_are_off() {
    let own = json!({ "query": "subscription Mine { heartbeat }" });
    let by_id = json!({ "documentId": id(HEARTBEAT) });
    let known = app(Trust::Known(documents())).await;
    for answer in over_websocket(&known, None, vec![own.clone(), by_id.clone()]).await {
        assert_eq!(answer["data"]["heartbeat"], 0, "{answer}");
    }
    let off = app(Trust::Off).await;
    let answers = over_websocket(&off, None, vec![own, by_id]).await;
    assert_eq!(answers[0]["data"]["heartbeat"], 0);
    assert_eq!(code(&answers[1]), "UNKNOWN_DOCUMENT");
}

#[tokio::test]
async fn limits_hold_for_trusted_documents_too() {
    let options = ApiOptions { max_subscriptions: 1, trust: Trust::Only(documents()), ..ApiOptions::default() };
    let app = TestApp::with_options(options).await;
    let by_id = json!({ "documentId": id(HEARTBEAT) });
    let answers = over_websocket(&app, None, vec![by_id.clone(), by_id]).await;
    assert_eq!(code(&answers[1]), "LIMIT_EXCEEDED");
}

async fn refused_at_start(text: &str) -> String {
    let hash = sha256(text);
    let documents = match Documents::read(&json!({ (hash.as_str()): text }).to_string()) {
        Ok(documents) => documents,
        Err(error) => return error.to_string().replace(&hash, "HASH"),
    };
    let app = TestApp::with_options(ApiOptions { max_aliases: 1, ..ApiOptions::default() }).await;
    let trust = Trust::Only(Arc::new(documents));
    let error = trust.check(&build_schema(&app.state), &app.state.options).await.unwrap_err();
    error.to_string().replace(&hash, "HASH")
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(text))
}

#[tokio::test]
async fn a_document_that_does_not_fit_is_named_before_anything_is_served() {
    insta::assert_snapshot!(refused_at_start("query Broken { viewer { nothing } }").await, @r#"the document HASH (Broken) does not fit this server: Unknown field "nothing" on type "Viewer"."#);
    insta::assert_snapshot!(refused_at_start("query A { viewer { user { id } } } query B { nothing }").await, @r#"the document HASH (A, B) does not fit this server: Unknown field "nothing" on type "Query"."#);
    insta::assert_snapshot!(refused_at_start("{ a: viewer { user { id } } b: viewer { user { id } } }").await, @"the document HASH does not fit this server: the document has 2 aliases; at most 1 are allowed");
    let syntax = refused_at_start("query {").await;
    assert!(syntax.starts_with("the document HASH does not parse: "), "{syntax}");
    let other = Documents::read(&json!({ ("0".repeat(64)): ELSE }).to_string()).unwrap_err().to_string();
    assert!(other.contains("is another one") && other.contains(&"0".repeat(64)), "{other}");
    let no_object = Documents::read("[]").unwrap_err().to_string();
    assert!(no_object.starts_with("the manifest is not a JSON object"), "{no_object}");
}
