//! Moving files against a server that breaks connections. It speaks HTTP by hand, because a real one would not break them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nunatak_client::{Client, ClientError, ClientOptions};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server has of the upload, the heads of all requests, and how it misbehaves.
#[derive(Default)]
struct State {
    received: Vec<u8>,
    heads: Vec<String>,
    /// How many bytes of a body to take or give before breaking the connection, for each file request in turn.
    breaks: Vec<usize>,
    content: Vec<u8>,
}

type Shared = Arc<Mutex<State>>;

async fn start(content: &[u8], breaks: &[usize]) -> (Client, Shared) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let state = State { content: content.into(), breaks: breaks.into(), ..State::default() };
    let shared = Arc::new(Mutex::new(state));
    let state = Arc::clone(&shared);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection, Arc::clone(&state)));
        }
    });
    let options = ClientOptions { retries: 2, backoff_initial: Duration::from_millis(1), ..Default::default() };
    (Client::with_options(&url, Some("secret"), options).unwrap(), shared)
}

/// One request a connection.
async fn serve(mut connection: TcpStream, shared: Shared) {
    let mut request = Vec::new();
    let end = loop {
        if connection.read_buf(&mut request).await.unwrap() == 0 {
            return;
        }
        if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(request[..end].to_vec()).unwrap();
    let mut body = request.split_off(end);
    let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    let is_file = !head.starts_with("POST");
    let limit = if is_file { break_after(&shared) } else { None };
    while body.len() < length.min(limit.unwrap_or(usize::MAX)) {
        connection.read_buf(&mut body).await.unwrap();
    }
    shared.lock().unwrap().heads.push(head.clone());
    let answer = match head.split(' ').next().unwrap() {
        "POST" => graphql(&shared, &serde_json::from_slice(&body).unwrap()),
        "PUT" => put(&shared, &head, &body, limit),
        _ => Some(get(&shared, &head, limit)),
    };
    if let Some(answer) = answer {
        connection.write_all(&answer).await.unwrap();
    }
}

fn break_after(shared: &Shared) -> Option<usize> {
    let breaks = &mut shared.lock().unwrap().breaks;
    (!breaks.is_empty()).then(|| breaks.remove(0))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)))
        .map(|(_, value)| value)
}

fn answer(status: &str, headers: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn graphql(shared: &Shared, call: &Value) -> Option<Vec<u8>> {
    let received = shared.lock().unwrap().received.len();
    let upload = json!({
        "id": "upl_1", "url": "/uploads/upl_1", "received": received, "status": "PENDING",
    });
    let data = match call["operationName"].as_str().unwrap() {
        "CreateUpload" => json!({ "createUpload": { "upload": upload, "userErrors": [] } }),
        "UploadState" => json!({ "upload": upload }),
        _ => json!({ "completeUpload": { "upload": upload, "userErrors": [] } }),
    };
    let body = json!({ "data": data }).to_string();
    Some(answer("200 OK", "", body.len(), body.as_bytes()))
}

fn put(shared: &Shared, head: &str, body: &[u8], limit: Option<usize>) -> Option<Vec<u8>> {
    let state = &mut shared.lock().unwrap();
    let offset = header(head, "content-range")
        .map_or(0, |range| range["bytes ".len()..].split_once('-').unwrap().0.parse().unwrap());
    assert_eq!(offset, state.received.len());
    state.received.extend_from_slice(&body[..body.len().min(limit.unwrap_or(usize::MAX))]);
    limit.is_none().then(|| answer("204 No Content", "", 0, b""))
}

fn get(shared: &Shared, head: &str, limit: Option<usize>) -> Vec<u8> {
    let state = shared.lock().unwrap();
    let offset: usize =
        header(head, "range").map_or(0, |range| range["bytes=".len()..].trim_end_matches('-').parse().unwrap());
    let rest = &state.content[offset..];
    let sent = &rest[..rest.len().min(limit.unwrap_or(usize::MAX))];
    let size = state.content.len();
    let range = format!("content-range: bytes {offset}-{}/{size}\r\n", size - 1);
    if offset > 0 {
        answer("206 Partial Content", &range, rest.len(), sent)
    } else {
        answer("200 OK", "", rest.len(), sent)
    }
}

fn content() -> Vec<u8> {
    (0..300_000_u32).map(|idx| (idx % 251) as u8).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[tokio::test]
async fn an_upload_continues_where_the_connection_broke() {
    let (client, state) = start(&[], &[100_000, 50_000]).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content()).unwrap();

    assert_eq!(client.upload("prj_1", file.path(), "rows.csv").await.unwrap(), "upl_1");
    let state = state.lock().unwrap();
    assert_eq!(sha256(&state.received), sha256(&content()));
    let puts: Vec<_> = state.heads.iter().filter(|head| head.starts_with("PUT")).collect();
    assert_eq!(puts.len(), 3);
    assert_eq!(header(puts[2], "content-range"), Some("bytes 150000-299999/300000"));
    assert_eq!(header(puts[0], "authorization"), Some("Bearer secret"));
}

#[tokio::test]
async fn bytes_in_memory_upload_the_same_way() {
    let (client, state) = start(&[], &[1]).await;
    client.upload("prj_1", content(), "model.safetensors").await.unwrap();
    assert_eq!(state.lock().unwrap().received, content());
}

#[tokio::test]
async fn a_download_continues_and_appears_whole() {
    let (client, state) = start(&content(), &[100_000, 50_000]).await;
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("rows.csv");

    assert_eq!(client.download("/files/a", &target, &sha256(&content())).await.unwrap(), 300_000);
    assert_eq!(std::fs::read(&target).unwrap(), content());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    assert_eq!(header(&state.lock().unwrap().heads[2], "range"), Some("bytes=150000-"));
}

#[tokio::test]
async fn wrong_bytes_are_fetched_once_more_and_leave_nothing() {
    let (client, state) = start(&content(), &[]).await;
    let directory = tempfile::tempdir().unwrap();
    let wrong = client.download("/files/a", &directory.path().join("a"), &sha256(b"other")).await;
    assert!(matches!(wrong, Err(ClientError::Checksum { .. })));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    assert_eq!(state.lock().unwrap().heads.len(), 2);
}

#[tokio::test]
async fn the_token_stays_with_its_server() {
    let (client, _) = start(&[], &[]).await;
    let (elsewhere, other) = start(&content(), &[]).await;
    let directory = tempfile::tempdir().unwrap();
    let url = format!("{}files/a", elsewhere.base_url());
    client.download(&url, &directory.path().join("a"), &sha256(&content())).await.unwrap();
    assert_eq!(header(&other.lock().unwrap().heads[0], "authorization"), None);
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let options = ClientOptions { retries: 1, backoff_initial: Duration::from_millis(1), ..Default::default() };
    let client = Client::with_options(&url, None, options).unwrap();
    let error = client.login("ada", "pass").await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("refused") && !error.to_string().contains("127.0.0.1:0/"), "{error}");
}
