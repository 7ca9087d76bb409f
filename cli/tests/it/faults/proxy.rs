//! Stands between a runner and the server, one request a connection, and does what a network may do.

use std::{
    io,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::processes::PATIENCE;

/// What becomes of a request, named by its GraphQL operation or by its method and the head of its path (`PUT /uploads`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It waits before the server sees it.
    Before,
    /// The server gets the head and half of the body; the rest waits.
    HalfSent,
    /// The client gets half of the answer; the rest waits.
    HalfAnswered,
    /// It is done, but the answer waits.
    After,
    /// None: it is told of once the client has its answer.
    Delivered,
}

/// What becomes of those that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Release {
    #[default]
    Wait,
    GoOn,
    Cut,
}

/// How an answer is changed on its way.
pub(crate) type Change = fn(&mut Value);

#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    rules: Mutex<Vec<(&'static str, Fault)>>,
    change: Mutex<Option<Change>>,
    release: watch::Sender<Release>,
    /// What came, in order, and which of it met its fault.
    seen: watch::Sender<Vec<(String, bool)>>,
}

impl Proxy {
    pub(crate) async fn to(server_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            server: server_url.trim_start_matches("http://").to_owned(),
            rules: Mutex::default(),
            change: Mutex::default(),
            release: watch::Sender::default(),
            seen: watch::Sender::default(),
        });
        let accepting = shared.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = accepting.clone();
                // A failure is a connection that breaks, as they do.
                tokio::spawn(async move { shared.carry(client).await });
            }
        });
        Self { url, shared }
    }

    /// From now on these requests meet these faults.
    pub(crate) fn arrange(&self, rules: &[(&'static str, Fault)]) {
        self.shared.release.send_replace(Release::Wait);
        self.shared.seen.send_modify(Vec::clear);
        *self.shared.rules.lock().unwrap() = rules.to_vec();
    }

    pub(crate) fn change_answers(&self, change: Change) {
        *self.shared.change.lock().unwrap() = Some(change);
    }

    /// Waits until a request of this name has met its fault.
    pub(crate) async fn reached(&self, name: &str) {
        self.until(name, |seen| seen.iter().any(|(seen, met)| seen == name && *met)).await;
    }

    /// Waits until so many requests of this name have come since the last arrangement.
    pub(crate) async fn came(&self, name: &str, times: usize) {
        self.until(name, |seen| seen.iter().filter(|(seen, _)| seen == name).count() >= times).await;
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.shared.seen.borrow().iter().filter(|(seen, _)| seen == name).count()
    }

    /// Ends the faults; what waits goes on.
    pub(crate) fn go_on(&self) {
        self.end(Release::GoOn);
    }

    /// Ends the faults; the connections that wait are cut.
    pub(crate) fn cut(&self) {
        self.end(Release::Cut);
    }

    fn end(&self, release: Release) {
        self.shared.rules.lock().unwrap().clear();
        self.shared.release.send_replace(release);
    }

    async fn until(&self, what: &str, reached: impl Fn(&[(String, bool)]) -> bool) {
        let mut changes = self.shared.seen.subscribe();
        let wait = changes.wait_for(|seen| reached(seen));
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what} never came")).unwrap();
    }
}

impl Shared {
    async fn carry(&self, mut client: TcpStream) -> io::Result<()> {
        let Some((head, body)) = message(&mut client).await? else { return Ok(()) };
        let name = name_of(&head, &body);
        let fault = self.rules.lock().unwrap().iter().find(|(rule, _)| *rule == name).map(|(_, fault)| *fault);
        let note = |met: bool| self.seen.send_modify(|seen| seen.push((name.clone(), met)));
        if fault.is_none() {
            note(false);
        }
        if fault == Some(Fault::Before) {
            note(true);
            self.released().await?;
        }
        let mut server = TcpStream::connect(&self.server).await?;
        server.write_all(closing(&head).as_bytes()).await?;
        let (first, rest) = body.split_at(if fault == Some(Fault::HalfSent) { body.len() / 2 } else { body.len() });
        server.write_all(first).await?;
        if fault == Some(Fault::HalfSent) {
            note(true);
            self.released().await?;
            server.write_all(rest).await?;
        }
        let answer = tokio::select! {
            answer = message(&mut server) => answer?,
            // Who asked is gone: so is the question.
            _ = client.read_u8() => return Ok(()),
        };
        let (head, body) = self.changed(answer.ok_or(io::ErrorKind::UnexpectedEof)?);
        let answer = [closing(&head).into_bytes(), body].concat();
        let (first, rest) = answer.split_at(match fault {
            Some(Fault::After) => 0,
            Some(Fault::HalfAnswered) => answer.len() / 2,
            _ => answer.len(),
        });
        client.write_all(first).await?;
        if matches!(fault, Some(Fault::After | Fault::HalfAnswered)) {
            note(true);
            self.released().await?;
        }
        client.write_all(rest).await?;
        if fault == Some(Fault::Delivered) {
            note(true);
        }
        Ok(())
    }

    /// Waits; an error where the connection is to be cut.
    async fn released(&self) -> io::Result<()> {
        let mut release = self.release.subscribe();
        match release.wait_for(|release| *release != Release::Wait).await.map(|release| *release) {
            Ok(Release::GoOn) => Ok(()),
            _ => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    fn changed(&self, (head, body): (String, Vec<u8>)) -> (String, Vec<u8>) {
        let change = *self.change.lock().unwrap();
        let (Some(change), Ok(mut json)) = (change, serde_json::from_slice::<Value>(&body)) else {
            return (head, body);
        };
        change(&mut json);
        let body = json.to_string().into_bytes();
        let length = |line: &str| line.to_ascii_lowercase().starts_with("content-length:");
        let kept: String = head.split_inclusive("\r\n").filter(|line| !length(line) && *line != "\r\n").collect();
        (format!("{kept}content-length: {}\r\n\r\n", body.len()), body)
    }
}

/// One request or answer: its head, with the empty line, and its body. Nothing where the connection was closed unused.
async fn message(stream: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break String::from_utf8_lossy(&bytes[..end + 4]).into_owned();
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return if bytes.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    };
    let mut body = bytes.split_off(head.len());
    let field = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
    };
    match field("content-length").map(|length| length.parse::<usize>().expect("a number")) {
        Some(length) => {
            while body.len() < length {
                if stream.read_buf(&mut body).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        // An answer that ends with its connection, or in chunks: all that comes. A request without a length has no body.
        None if head.starts_with("HTTP/") => drop(stream.read_to_end(&mut body).await?),
        None => assert!(field("transfer-encoding").is_none(), "requests have a length"),
    }
    Ok(Some((head, body)))
}

/// The same head, for a connection with one request.
fn closing(head: &str) -> String {
    let connection = |line: &str| line.to_ascii_lowercase().starts_with("connection:");
    let kept: String = head.split_inclusive("\r\n").filter(|line| !connection(line) && *line != "\r\n").collect();
    format!("{kept}connection: close\r\n\r\n")
}

fn name_of(head: &str, body: &[u8]) -> String {
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if path != "/graphql" {
        return format!("{method} /{}", path.split('/').nth(1).unwrap_or_default());
    }
    let call: Value = serde_json::from_slice(body).unwrap_or_default();
    call["operationName"].as_str().unwrap_or("unnamed").to_owned()
}
