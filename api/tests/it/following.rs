//! Clients that follow what happens: over WebSocket and over server-sent events.

use futures_util::{SinkExt, StreamExt, stream::BoxStream};
use nunatak_test_support::TestApp;
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) async fn open(url: &str, origin: Option<&str>) -> Result<Socket, Error> {
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

/// The next message that is no ping; those are answered, or the server would hang up after a while.
pub(crate) async fn hear(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.expect("the socket is open").unwrap() {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                if message["type"] != "ping" {
                    return message;
                }
                say(socket, json!({ "type": "pong" })).await;
            }
            Message::Close(frame) => return json!({ "type": "closed", "code": frame.map(|f| u16::from(f.code)) }),
            _ => {}
        }
    }
}

/// One subscription over WebSocket beside the server's heartbeat.
pub(crate) struct Follower(Socket);

impl Follower {
    /// Returns once the subscription listens.
    pub(crate) async fn start(app: &TestApp, token: &str, query: &str, variables: Value) -> Self {
        let mut socket = open(&app.serve().await, None).await.unwrap();
        let authorization = format!("Bearer {token}");
        say(&mut socket, json!({ "type": "connection_init", "payload": { "authorization": authorization } })).await;
        assert_eq!(hear(&mut socket).await["type"], "connection_ack");
        let payload = json!({ "query": query, "variables": variables });
        say(&mut socket, json!({ "id": "s", "type": "subscribe", "payload": payload })).await;
        let payload = json!({ "query": "subscription { heartbeat }" });
        say(&mut socket, json!({ "id": "h", "type": "subscribe", "payload": payload })).await;
        let mut follower = Self(socket);
        follower.two_heartbeats(&mut Vec::new()).await;
        follower
    }

    /// What comes until two heartbeats have come: the server looks at all of a connection's subscriptions between
    /// one and the next.
    async fn two_heartbeats(&mut self, heard: &mut Vec<Value>) {
        let mut left = 2;
        while left > 0 {
            let message = hear(&mut self.0).await;
            if message["id"] == "h" {
                left -= 1;
            } else {
                heard.push(message);
            }
        }
    }

    /// The subscription's next message.
    pub(crate) async fn message(&mut self) -> Value {
        loop {
            let message = hear(&mut self.0).await;
            if message["id"] != "h" {
                return message;
            }
        }
    }

    /// The only field of the subscription's next answer.
    pub(crate) async fn next(&mut self) -> Value {
        field(self.message().await["payload"].take())
    }

    /// What comes within two heartbeats: nothing, where the test says that nothing comes.
    pub(crate) async fn meanwhile(&mut self) -> Vec<Value> {
        let mut heard = Vec::new();
        self.two_heartbeats(&mut heard).await;
        heard
    }
}

/// One subscription over server-sent events. The server works on it only while the test waits for an answer.
pub(crate) struct Events {
    bytes: BoxStream<'static, Vec<u8>>,
    text: String,
}

impl Events {
    pub(crate) async fn start(app: &TestApp, token: &str, query: &str, variables: Value) -> Self {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let mut request = TestApp::request(Method::POST, "/graphql/stream", Some(token), body);
        request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        let response = app.send(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        let bytes = response.into_body().into_bytes_stream().map(|bytes| bytes.unwrap().to_vec()).boxed();
        Self { bytes, text: String::new() }
    }

    /// The next answer; `None` where the server says that there will be none.
    pub(crate) async fn answer(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let (kind, data) = (line("event:"), line("data:").map(str::to_owned));
                let kind = kind.map(str::to_owned);
                self.text = rest.to_owned();
                match kind.as_deref() {
                    Some("next") => return Some(serde_json::from_str(&data.unwrap()).unwrap()),
                    Some("complete") => return None,
                    _ => continue,
                }
            }
            let more = self.bytes.next().await.expect("the answer goes on");
            self.text.push_str(std::str::from_utf8(&more).unwrap());
        }
    }

    /// The only field of the next answer.
    pub(crate) async fn next(&mut self) -> Value {
        field(self.answer().await.expect("the subscription goes on"))
    }
}

fn field(mut answer: Value) -> Value {
    assert!(answer.get("errors").is_none(), "{answer:#}");
    let fields = answer["data"].as_object_mut().unwrap_or_else(|| panic!("data was expected"));
    fields.values_mut().next().unwrap().take()
}
