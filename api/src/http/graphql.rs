//! `POST /graphql`: one operation in, one answer out, within limits.

use async_graphql::{
    Name, Request as GraphQlRequest, Response as GraphQlResponse, ServerError, Value,
    parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet},
};
use poem::{
    Body, Request, Response, handler,
    http::{StatusCode, header},
    web::Data,
};
use serde_json::json;

use super::{
    RequestId,
    auth::{Credential, authenticate},
};
use crate::{
    ApiSchema, ApiState,
    graphql::{context::RequestContext, error::ApiError},
};

#[handler]
pub(super) async fn execute(
    request: &Request,
    body: Body,
    Data(state): Data<&ApiState>,
    Data(schema): Data<&ApiSchema>,
) -> Response {
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let mut answer = match prepare(request, body, state).await {
        Ok(query) => run(schema, state, query).await,
        Err(refusal) => return refusal.response(&request_id),
    };
    finish(&mut answer, state, &request_id);
    // A document that could not be run at all is the client's mistake (GraphQL over HTTP, 6.4).
    let status = if answer.data == Value::Null && answer.is_err() && is_request_error(&answer) {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    };
    let text = serde_json::to_vec(&answer).unwrap_or_default();
    Response::builder().status(status).content_type("application/graphql-response+json; charset=utf-8").body(text)
}

async fn run(schema: &ApiSchema, state: &ApiState, query: GraphQlRequest) -> GraphQlResponse {
    match tokio::time::timeout(state.options.timeout, schema.execute(query)).await {
        Ok(answer) => answer,
        Err(_) => {
            let seconds = state.options.timeout.as_secs();
            let mut error = ServerError::new(format!("not done within {seconds} s; ask for less at once"), None);
            error.extensions.get_or_insert_default().set("code", "TIMEOUT");
            GraphQlResponse::from_errors(vec![error])
        }
    }
}

/// Why a request does not even get to the schema.
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn response(&self, request_id: &str) -> Response {
        let extensions = json!({ "code": self.code, "requestId": request_id });
        let body = json!({ "errors": [{ "message": self.message, "extensions": extensions }] });
        Response::builder()
            .status(self.status)
            .content_type("application/graphql-response+json; charset=utf-8")
            .body(body.to_string())
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        error.log_if_internal();
        let status = match error.code() {
            "UNAUTHENTICATED" => StatusCode::UNAUTHORIZED,
            "INTERNAL" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.code(), error.sentence())
    }
}

/// Checks the request from the outside in, cheapest first, and parses it.
pub(super) async fn prepare(request: &Request, body: Body, state: &ApiState) -> Result<GraphQlRequest, Refusal> {
    // A browser sends JSON to another origin only after asking: what makes this safe from forged requests.
    let is_json = request
        .content_type()
        .and_then(|text| text.split(';').next())
        .is_some_and(|kind| matches!(kind.trim(), "application/json" | "application/graphql-response+json"));
    if !is_json {
        let message = "send a JSON body with Content-Type: application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "INVALID_INPUT", message));
    }
    let credential = Credential::of(request)?;
    let actor = authenticate(state, &credential).await?;
    let too_large = || {
        let message = format!("a GraphQL request has at most {} bytes; upload files over HTTP", state.options.max_body);
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED", message)
    };
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if declared.and_then(|text| text.parse::<usize>().ok()).is_some_and(|size| size > state.options.max_body) {
        return Err(too_large());
    }
    let bytes = body.into_bytes_limit(state.options.max_body).await.map_err(|_| too_large())?;
    let query = parse(&bytes, state.options.max_aliases)?;
    let context = RequestContext::for_request(state, actor, credential);
    Ok(query.data(context))
}

/// One operation from a JSON body, within the limit on aliases.
fn parse(bytes: &[u8], max_aliases: usize) -> Result<GraphQlRequest, Refusal> {
    let bad = |message: String| Refusal::new(StatusCode::BAD_REQUEST, "INVALID_INPUT", message);
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(bad("one operation a request: batches are not taken".into()));
    }
    let mut query: GraphQlRequest =
        serde_json::from_slice(bytes).map_err(|error| bad(format!("the body is not a GraphQL request: {error}")))?;
    // PostgreSQL keeps no NUL in a text; refused here, no field can forget to.
    if has_nul(&query) {
        return Err(bad("a text may not contain the character U+0000".into()));
    }
    // A document that does not parse is answered by the schema, with the place of the mistake.
    if let Ok(document) = query.parsed_query() {
        let aliases = count_aliases(document);
        if aliases > max_aliases {
            let message = format!("the document has {aliases} aliases; at most {max_aliases} are allowed");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "LIMIT_EXCEEDED", message));
        }
    }
    Ok(query)
}

fn has_nul(query: &GraphQlRequest) -> bool {
    fn in_value(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::List(items) => items.iter().any(in_value),
            Value::Object(fields) => fields.values().any(in_value),
            _ => false,
        }
    }
    query.query.contains('\0')
        || query.query.to_ascii_lowercase().contains("\\u0000")
        || query.variables.values().any(in_value)
}

fn count_aliases(document: &ExecutableDocument) -> usize {
    fn of(set: &SelectionSet) -> usize {
        set.items
            .iter()
            .map(|item| match &item.node {
                Selection::Field(field) => usize::from(field.node.alias.is_some()) + of(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => of(&fragment.node.selection_set.node),
                Selection::FragmentSpread(_) => 0,
            })
            .sum()
    }
    let operations: usize =
        document.operations.iter().map(|(_, operation)| of(&operation.node.selection_set.node)).sum();
    operations + document.fragments.values().map(|fragment| of(&fragment.node.selection_set.node)).sum::<usize>()
}

/// Whether the operation that would run is a subscription.
pub(super) fn is_subscription(query: &mut GraphQlRequest) -> bool {
    let name = query.operation_name.clone();
    let Ok(document) = query.parsed_query() else { return false };
    document
        .operations
        .iter()
        .find(|(found, _)| name.is_none() || found.map(Name::as_str) == name.as_deref())
        .is_some_and(|(_, operation)| operation.node.ty == OperationType::Subscription)
}

/// Whether the client's document is at fault: it did not parse, did not fit the schema or went past a limit.
fn is_request_error(answer: &GraphQlResponse) -> bool {
    let code = |error: &ServerError| error.extensions.as_ref().and_then(|extensions| extensions.get("code")).cloned();
    answer.errors.iter().all(|error| error.path.is_empty() && code(error) != Some(Value::from("TIMEOUT")))
}

/// Gives every error a code and the request's id, and reports the cost.
pub(super) fn finish(answer: &mut GraphQlResponse, state: &ApiState, request_id: &str) {
    for error in &mut answer.errors {
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", code_of(&error.message));
        }
        extensions.set("requestId", request_id);
    }
    if let Some(Value::Object(cost)) = answer.extensions.remove("analyzer") {
        let mut report = cost;
        report.insert(Name::new("maxComplexity"), state.options.max_complexity.into());
        report.insert(Name::new("maxDepth"), state.options.max_depth.into());
        answer.extensions.insert("cost".to_owned(), Value::Object(report));
    }
}

/// The engine's own refusals carry no code; its wording of the limits is fixed and tested.
fn code_of(message: &str) -> &'static str {
    let limits = ["too deep", "too complex", "recursion depth", "number of directives"];
    if limits.iter().any(|limit| message.contains(limit)) { "LIMIT_EXCEEDED" } else { "INVALID_INPUT" }
}
