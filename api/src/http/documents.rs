//! Which document a request means, and whether it may run.

use async_graphql::{Request as GraphQlRequest, Value};
use nunatak_authz::Actor;
use poem::{http::StatusCode, web::websocket::Message};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value as Json;

use super::graphql::Refusal;
use crate::Trust;

/// Where a request that came over WebSocket carries its document's id: of the request itself the protocol's
/// implementation keeps only what it knows, and `extensions`.
const CARRIED: &str = "nunatakDocumentId";

/// What a body says of its document besides what the engine reads.
#[derive(Default, Deserialize)]
pub(super) struct Meant {
    #[serde(default, rename = "documentId")]
    id: Option<String>,
    query: Option<IgnoredAny>,
}

impl Meant {
    pub(super) fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        const FIELD: &[u8] = b"\"documentId\"";
        // Nearly all bodies have none and are read once.
        if body.windows(FIELD.len()).any(|part| part == FIELD) {
            serde_json::from_slice(body)
        } else {
            Ok(Self::default())
        }
    }

    /// What [`carry`] put there.
    pub(super) fn carried(request: &mut GraphQlRequest) -> Result<Self, Refusal> {
        let query = (!request.query.is_empty()).then_some(IgnoredAny);
        match request.extensions.remove(CARRIED) {
            None => Ok(Self::default()),
            Some(Value::String(id)) => Ok(Self { id: Some(id), query }),
            Some(_) => Err(Refusal::bad_request("INVALID_INPUT", "documentId is a text".to_owned())),
        }
    }
}

/// Puts the document's id of a WebSocket's message where [`Meant::carried`] finds it.
pub(super) fn carry(message: Message) -> Message {
    let Message::Text(text) = &message else { return message };
    if !text.contains("\"documentId\"") {
        return message;
    }
    // What is no such message is answered by the protocol.
    let Ok(mut json) = serde_json::from_str::<Json>(text) else { return message };
    let Some(payload) = json.get_mut("payload").and_then(Json::as_object_mut) else { return message };
    let Some(id) = payload.remove("documentId").filter(|id| !id.is_null()) else { return message };
    let extensions = payload.entry("extensions").or_insert(Json::Null);
    if extensions.is_null() {
        *extensions = Json::Object(serde_json::Map::new());
    }
    match extensions.as_object_mut() {
        Some(extensions) => extensions.insert(CARRIED.to_owned(), id),
        None => return message,
    };
    Message::Text(json.to_string())
}

/// The request with the document that it means, if this actor may run it.
pub(super) fn resolve(
    request: GraphQlRequest,
    meant: &Meant,
    trust: &Trust,
    actor: &Actor,
) -> Result<GraphQlRequest, Refusal> {
    let Some(id) = &meant.id else { return by_text(request, trust, actor) };
    if meant.query.is_some() {
        return Err(Refusal::bad_request("INVALID_INPUT", "send either `query` or `documentId`".to_owned()));
    }
    let Some(documents) = trust.documents() else {
        let message = "this server keeps no documents: send the text as `query`";
        return Err(Refusal::bad_request("UNKNOWN_DOCUMENT", message.to_owned()));
    };
    let Some(document) = documents.find(id) else {
        let message = "no document has this id, which is `sha256:` and the text's SHA-256 in lower-case hexadecimal";
        return Err(Refusal::bad_request("UNKNOWN_DOCUMENT", message.to_owned()));
    };
    Ok(document.put_into(request))
}

/// A trusted document is as trusted when its text is sent.
fn by_text(request: GraphQlRequest, trust: &Trust, actor: &Actor) -> Result<GraphQlRequest, Refusal> {
    let Trust::Only(documents) = trust else { return Ok(request) };
    if let Some(document) = documents.of_text(&request.query) {
        return Ok(document.put_into(request));
    }
    // A job's token reaches nothing but its job, and its runner sends what it was built with.
    if actor.is_admin() || matches!(actor, Actor::Job { .. }) {
        return Ok(request);
    }
    let message = "this server runs only documents that its operator trusts; send the id of one as `documentId`";
    Err(Refusal::new(StatusCode::FORBIDDEN, "UNTRUSTED_DOCUMENT", message))
}
