//! `POST /graphql`: one operation in, one answer out, within limits.

use async_graphql::{
    Name, Request as GraphQlRequest, Response as GraphQlResponse, ServerError, Value, parser::types::OperationType,
};
use nunatak_authz::Actor;
use poem::{
    Body, Request, Response, handler,
    http::{StatusCode, header},
    web::Data,
};
use serde_json::json;

use super::{
    RequestId, answer,
    auth::{Credential, authenticate},
    documents, limits,
    tally::Tally,
    variables,
};
use crate::{
    ApiOptions, ApiSchema, ApiState,
    graphql::{context::RequestContext, error::ApiError},
    observe::Scope,
};

#[handler]
pub(super) async fn execute(
    request: &Request,
    body: Body,
    Data(state): Data<&ApiState>,
    Data(schema): Data<&ApiSchema>,
) -> Response {
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let tally = Tally::begin(state.options.metrics.as_ref());
    let (mut query, context) = match prepare(request, body, state).await {
        Ok(prepared) => prepared,
        Err(refusal) => {
            tally.refused("none", &refusal);
            return refusal.response(&request_id);
        }
    };
    let operation = operation_of(&mut query);
    let scope = Scope::new(&request_id, operation.name.as_deref(), state.options.metrics.as_ref());
    let mut answer = scope.around(run(schema, state, query, context)).await;
    finish(&mut answer, state, &request_id);
    tally.answered(operation.kind, &answer);
    // A document that could not be run at all is the client's mistake (GraphQL over HTTP, 6.4).
    let status = if did_not_run(&answer) { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let text = answer::json(&answer);
    Response::builder().status(status).content_type("application/graphql-response+json; charset=utf-8").body(text)
}

async fn run(schema: &ApiSchema, state: &ApiState, query: GraphQlRequest, context: RequestContext) -> GraphQlResponse {
    let driver = context.driver();
    let operation = driver.run(schema.execute(query.data(context)));
    match tokio::time::timeout(state.options.timeout, operation).await {
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
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn bad_request(code: &'static str, message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
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
            "UNAVAILABLE" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.code(), error.sentence())
    }
}

/// Checks the request from the outside in, cheapest first, and parses it. What it identified itself with is apart.
pub(super) async fn prepare(
    request: &Request,
    body: Body,
    state: &ApiState,
) -> Result<(GraphQlRequest, RequestContext), Refusal> {
    // A browser sends JSON to another origin only after asking: what makes this safe from forged requests.
    let is_json = request
        .content_type()
        .and_then(|text| text.split(';').next())
        .map(|kind| kind.trim().to_ascii_lowercase())
        .is_some_and(|kind| matches!(kind.as_str(), "application/json" | "application/graphql-response+json"));
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
    let query = parse(&bytes, &state.options, &actor)?;
    let context = RequestContext::for_request(state, actor, credential);
    Ok((query, context))
}

/// One operation from a JSON body, within the limits.
fn parse(bytes: &[u8], options: &ApiOptions, actor: &Actor) -> Result<GraphQlRequest, Refusal> {
    let bad = |message: String| Refusal::new(StatusCode::BAD_REQUEST, "INVALID_INPUT", message);
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(bad("one operation a request: batches are not taken".into()));
    }
    let malformed = |error| bad(format!("the body is not a GraphQL request: {error}"));
    let query: GraphQlRequest = serde_json::from_slice(bytes).map_err(malformed)?;
    let meant = documents::Meant::read(bytes).map_err(malformed)?;
    let mut query = documents::resolve(query, &meant, &options.trust, actor)?;
    limits::check(&mut query, options)?;
    variables::leave_out(&mut query);
    Ok(query)
}

/// The operation that would run.
pub(super) struct Operation {
    /// `none` for a document that does not parse or has no such operation.
    pub(super) kind: &'static str,
    pub(super) name: Option<String>,
}

pub(super) fn operation_of(query: &mut GraphQlRequest) -> Operation {
    let wanted = query.operation_name.clone();
    let Ok(document) = query.parsed_query() else { return Operation { kind: "none", name: wanted } };
    let mut operations = document.operations.iter();
    let found = operations.find(|(found, _)| wanted.is_none() || found.map(Name::as_str) == wanted.as_deref());
    let Some((name, operation)) = found else { return Operation { kind: "none", name: wanted } };
    let kind = match operation.node.ty {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => "subscription",
    };
    Operation { kind, name: name.map(ToString::to_string) }
}

/// Whether an answer says nothing but that there is none.
pub(super) fn did_not_run(answer: &GraphQlResponse) -> bool {
    answer.data == Value::Null && answer.is_err() && is_request_error(answer)
}

/// Whether the client's document is at fault: it did not parse, did not fit the schema or went past a limit.
fn is_request_error(answer: &GraphQlResponse) -> bool {
    answer.errors.iter().all(|error| error.path.is_empty() && code(error) != Some("TIMEOUT"))
}

pub(super) fn code(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
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
