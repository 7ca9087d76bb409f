use futures_util::{SinkExt, StreamExt};
use nunatak_test_support::TestApp;
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) async fn open(url: &str, origin: Option<&str>) -> Result<Socket, tokio_tungstenite::tungstenite::Error> {
    let mut request = format!("{}/graphql/ws", url.replace("http://", "ws://")).into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    Ok(connect_async(request).await?.0)
}

pub(crate) async fn say(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

/// The next message that is no ping.
pub(crate) async fn hear(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.expect("the socket is open").unwrap() {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                if message["type"] != "ping" {
                    return message;
                }
            }
            Message::Close(frame) => return json!({ "type": "closed", "code": frame.map(|f| u16::from(f.code)) }),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_subscription_runs_over_websocket() {
    let (app, ada) = TestApp::with_user().await;
    let url = app.serve().await;
    let mut socket = open(&url, Some(&url)).await.unwrap();
    let authorization = format!("Bearer {}", ada.token);
    say(&mut socket, json!({ "type": "connection_init", "payload": { "authorization": authorization } })).await;
    assert_eq!(hear(&mut socket).await["type"], "connection_ack");
    say(&mut socket, json!({ "id": "1", "type": "subscribe", "payload": { "query": "subscription { heartbeat }" } }))
        .await;
    assert_eq!(hear(&mut socket).await["payload"]["data"]["heartbeat"], 0);

    let mutation = "mutation { createWorkspace(input: {name: \"x\"}) { workspace { id } } }";
    say(&mut socket, json!({ "id": "2", "type": "subscribe", "payload": { "query": mutation } })).await;
    let refused = loop {
        let message = hear(&mut socket).await;
        if message["id"] == "2" {
            break message;
        }
    };
    assert_eq!(refused["payload"]["errors"][0]["extensions"]["code"], "INVALID_INPUT", "{refused}");
    let none = app.ok(Some(&ada.token), "{ workspaces { nodes { id } } }", json!({})).await;
    assert_eq!(none["workspaces"]["nodes"], json!([]));
}

#[tokio::test]
async fn registered_versions_and_logged_metrics_are_followed() {
    let (app, ada) = TestApp::with_user().await;
    let stranger = app.user("stranger", false).await;
    let project = crate::versions::project(&app, &ada).await;
    let url = app.serve().await;
    let mut sockets = Vec::new();
    for user in [&ada, &stranger] {
        let mut socket = open(&url, None).await.unwrap();
        let authorization = format!("Bearer {}", user.token);
        say(&mut socket, json!({ "type": "connection_init", "payload": { "authorization": authorization } })).await;
        assert_eq!(hear(&mut socket).await["type"], "connection_ack");
        let query = "subscription { versionRegistered(filter: {metric: {key: \"auc\", value: {gt: 0.5}}}) { number } }";
        say(&mut socket, json!({ "id": "v", "type": "subscribe", "payload": { "query": query } })).await;
        say(
            &mut socket,
            json!({ "id": "h", "type": "subscribe", "payload": { "query": "subscription { heartbeat }" } }),
        )
        .await;
        // The heartbeat's first answer says that both subscriptions are running.
        assert_eq!(hear(&mut socket).await["id"], "h");
        sockets.push(socket);
    }
    for auc in [0.4, 0.9] {
        crate::versions::log(&app, &ada, &project, json!({ "metrics": [{ "key": "auc", "value": auc }] })).await;
    }
    let heard = loop {
        let message = hear(&mut sockets[0]).await;
        if message["id"] == "v" {
            break message;
        }
    };
    assert_eq!(heard["payload"]["data"]["versionRegistered"]["number"], 2, "the first does not pass the filter");
    // Two further heartbeats of the stranger's, and nothing else.
    for _ in 0..2 {
        assert_eq!(hear(&mut sockets[1]).await["id"], "h");
    }
}

#[tokio::test]
async fn a_connection_with_a_bad_token_is_closed() {
    let app = TestApp::full().await;
    let url = app.serve().await;
    let mut socket = open(&url, None).await.unwrap();
    say(&mut socket, json!({ "type": "connection_init", "payload": { "authorization": "Bearer nonsense" } })).await;
    assert_eq!(hear(&mut socket).await["type"], "closed");
}

#[tokio::test]
async fn other_origins_may_not_connect() {
    let app = TestApp::full().await;
    let url = app.serve().await;
    let error = open(&url, Some("https://evil.example")).await.err().map(|error| error.to_string());
    assert!(error.as_deref().is_some_and(|text| text.contains("403")), "{error:?}");
}

#[tokio::test]
async fn a_connection_holds_so_many_subscriptions() {
    let options = nunatak_api::ApiOptions { max_subscriptions: 2, ..nunatak_api::ApiOptions::default() };
    let app = TestApp::with_options(options).await;
    let url = app.serve().await;
    let mut socket = open(&url, None).await.unwrap();
    say(&mut socket, json!({ "type": "connection_init" })).await;
    assert_eq!(hear(&mut socket).await["type"], "connection_ack");
    for id in ["1", "2", "3"] {
        say(
            &mut socket,
            json!({ "id": id, "type": "subscribe", "payload": { "query": "subscription { heartbeat }" } }),
        )
        .await;
    }
    let refused = loop {
        let message = hear(&mut socket).await;
        if message["id"] == "3" {
            break message;
        }
    };
    assert_eq!(refused["payload"]["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED", "{refused}");
}

#[tokio::test]
async fn a_subscription_runs_over_server_sent_events() {
    let (app, ada) = TestApp::with_user().await;
    let body = json!({ "query": "subscription { heartbeat }" }).to_string();
    let mut request = TestApp::request(Method::POST, "/graphql/stream", Some(&ada.token), body);
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    let response = app.send(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut events = response.into_body().into_bytes_stream();
    let first = events.next().await.unwrap().unwrap();
    let text = String::from_utf8(first.to_vec()).unwrap();
    assert!(text.contains("event: next") && text.contains("\"heartbeat\":0"), "{text}");
}

#[tokio::test]
async fn graphiql_is_served_from_the_binary() {
    let app = TestApp::full().await;
    let page = app.send(TestApp::request(Method::GET, "/graphiql", None, ())).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    let home = app.send(TestApp::request(Method::GET, "/", None, ())).await;
    assert_eq!(home.headers()["location"], "/graphiql");
    let health = app.send(TestApp::request(Method::GET, "/health", None, ())).await;
    assert_eq!(health.status(), StatusCode::OK);
    let ready = app.send(TestApp::request(Method::GET, "/ready", None, ())).await;
    assert_eq!(ready.status(), StatusCode::OK);
}
