//! Live answers: subscriptions over WebSocket (graphql-transport-ws) and server-sent events.

use std::{
    any::TypeId,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_graphql::{
    Data as GraphQlData, Executor, Request as GraphQlRequest, Response as GraphQlResponse, ServerError,
    http::WebSocketProtocols,
};
use async_graphql_poem::{GraphQLProtocol, GraphQLWebSocket};
use futures_util::{StreamExt, stream, stream::BoxStream};
use nunatak_authz::Actor;
use poem::{
    Body, IntoResponse, Request, Response, handler,
    http::{StatusCode, header},
    web::{
        Data,
        sse::{Event, SSE},
        websocket::WebSocket,
    },
};

use super::{
    RequestId,
    auth::{Credential, authenticate},
    documents,
    graphql::{Operation, Refusal, finish, operation_of, prepare},
    limits,
    tally::{self, Tally},
    variables,
};
use crate::{
    ApiSchema, ApiState, Metrics,
    graphql::{context::RequestContext, live::Resume, loaders::Driver},
    observe::Scope,
};

/// A client that does not introduce itself within this is gone or hostile.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Keeps proxies from closing a quiet stream; most cut after 60 s.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[handler]
pub(super) fn websocket(
    request: &Request,
    socket: WebSocket,
    Data(state): Data<&ApiState>,
    Data(schema): Data<&ApiSchema>,
) -> Response {
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    if let Err(refusal) = check_origin(request, state) {
        return refusal.response(&request_id);
    }
    let offered = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
    if !offered.is_some_and(|text| text.split(',').any(|word| word.trim() == "graphql-transport-ws")) {
        let message = "offer the WebSocket protocol graphql-transport-ws";
        return Refusal::new(StatusCode::BAD_REQUEST, "INVALID_INPUT", message).response(&request_id);
    }
    let (state, schema) = (state.clone(), schema.clone());
    socket
        .protocols(["graphql-transport-ws"])
        .on_upgrade(move |stream| async move {
            let introduced = Arc::new(AtomicBool::new(false));
            let seen = introduced.clone();
            let executor = LiveOnly::new(schema, state.clone(), request_id);
            let protocol = GraphQLProtocol(WebSocketProtocols::GraphQLWS);
            let (sink, stream) = stream.split();
            let stream = stream.map(|message| message.map(documents::carry));
            let serve = GraphQLWebSocket::new_with_pair(sink, stream, executor, protocol)
                .keepalive_timeout(KEEP_ALIVE)
                .on_connection_init(move |payload| async move {
                    let header = payload.get("authorization").or_else(|| payload.get("Authorization"));
                    let credential = Credential::from_header(header.and_then(|value| value.as_str()))?;
                    let actor = authenticate(&state, &credential).await?;
                    seen.store(true, Ordering::SeqCst);
                    let mut data = GraphQlData::default();
                    data.insert(RequestContext::for_connection(&state, actor, credential));
                    Ok(data)
                })
                .serve();
            tokio::pin!(serve);
            if tokio::time::timeout(INIT_TIMEOUT, &mut serve).await.is_err() && introduced.load(Ordering::SeqCst) {
                serve.await;
            }
        })
        .into_response()
}

#[handler]
pub(super) async fn server_sent_events(
    request: &Request,
    body: Body,
    Data(state): Data<&ApiState>,
    Data(schema): Data<&ApiSchema>,
) -> Response {
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    if let Err(refusal) = check_origin(request, state) {
        return refusal.response(&request_id);
    }
    let prepared = async {
        let (query, context) = prepare(request, body, state).await?;
        Ok::<_, Refusal>(query.data(context))
    };
    let query = match prepared.await {
        Ok(query) => query,
        Err(refusal) => {
            Tally::begin(state.options.metrics.as_ref()).refused("none", &refusal);
            return refusal.response(&request_id);
        }
    };
    let answers = LiveOnly::new(schema.clone(), state.clone(), request_id).execute_stream(query, None);
    let events = answers
        .map(|answer| Event::message(serde_json::to_string(&answer).unwrap_or_default()).event_type("next"))
        .chain(stream::once(async { Event::message("").event_type("complete") }));
    SSE::new(events).keep_alive(KEEP_ALIVE).into_response()
}

/// Other sites may not open live connections with a visitor's network position.
fn check_origin(request: &Request, state: &ApiState) -> Result<(), Refusal> {
    let Some(origin) = request.headers().get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let own = origin.split_once("://").is_some_and(|(_, rest)| rest == host);
    if own || state.options.allowed_origins.iter().any(|allowed| allowed == origin) {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::FORBIDDEN, "FORBIDDEN", "live connections from this origin are not allowed"))
}

/// Runs subscriptions only (queries and mutations belong on `POST /graphql`, where their limits are), and so
/// many at once for each connection.
#[derive(Clone)]
struct LiveOnly {
    schema: ApiSchema,
    state: ApiState,
    request_id: String,
    open: Arc<AtomicUsize>,
}

/// One open subscription; closing it makes room for another.
struct Slot {
    open: Arc<AtomicUsize>,
    metrics: Option<Arc<Metrics>>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
        if let Some(metrics) = &self.metrics {
            metrics.subscription_closed();
        }
    }
}

/// A subscription that may run, with its place among the connection's.
struct Admitted {
    request: GraphQlRequest,
    operation: Operation,
    slot: Slot,
    driver: Driver,
}

/// What the connection or request identified itself with.
fn context_of(data: &GraphQlData) -> Option<&RequestContext> {
    data.get(&TypeId::of::<RequestContext>())?.downcast_ref()
}

impl LiveOnly {
    fn new(schema: ApiSchema, state: ApiState, request_id: String) -> Self {
        Self { schema, state, request_id, open: Arc::default() }
    }

    fn refusal(&self, code: &'static str, message: String) -> GraphQlResponse {
        let mut error = ServerError::new(message, None);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", code);
        extensions.set("requestId", self.request_id.as_str());
        GraphQlResponse::from_errors(vec![error])
    }

    /// What may run.
    fn admit(&self, mut request: GraphQlRequest, session: Option<&GraphQlData>) -> Result<Admitted, Refusal> {
        let context = context_of(session.unwrap_or(&request.data));
        let (actor, credential) = context.map_or((Actor::Anonymous, Credential::None), |context| {
            (context.actor.clone(), context.credential.clone())
        });
        // Only WebSockets have a session; what came as server-sent events is resolved already.
        if session.is_some() {
            let meant = documents::Meant::carried(&mut request)?;
            request = documents::resolve(request, &meant, &self.state.options.trust, &actor)?;
        }
        limits::check(&mut request, &self.state.options)?;
        variables::leave_out(&mut request);
        let operation = operation_of(&mut request);
        if request.parsed_query().is_ok() && operation.kind != "subscription" {
            return Err(Refusal::bad_request("INVALID_INPUT", "send queries and mutations to POST /graphql".into()));
        }
        let slot = self.slot().ok_or_else(|| {
            let max = self.state.options.max_subscriptions;
            Refusal::bad_request("LIMIT_EXCEEDED", format!("at most {max} subscriptions for one connection"))
        })?;
        // Each subscription is driven for itself: one that ends takes no other's batches with it.
        let context = RequestContext::for_connection(&self.state, actor, credential);
        let driver = context.driver();
        Ok(Admitted { request: request.data(context), operation, slot, driver })
    }

    fn slot(&self) -> Option<Slot> {
        let metrics = self.state.options.metrics.clone();
        if let Some(metrics) = &metrics {
            metrics.subscription_opened();
        }
        let slot = Slot { open: self.open.clone(), metrics };
        let before = self.open.fetch_add(1, Ordering::SeqCst);
        (before < self.state.options.max_subscriptions).then_some(slot)
    }
}

#[async_trait::async_trait]
impl Executor for LiveOnly {
    async fn execute(&self, _request: GraphQlRequest) -> GraphQlResponse {
        self.refusal("INVALID_INPUT", "send queries and mutations to POST /graphql".into())
    }

    fn execute_stream(
        &self,
        request: GraphQlRequest,
        session: Option<Arc<GraphQlData>>,
    ) -> BoxStream<'static, GraphQlResponse> {
        let tally = Tally::begin(self.state.options.metrics.as_ref());
        let Admitted { request, operation, slot, driver } = match self.admit(request, session.as_deref()) {
            Ok(admitted) => admitted,
            Err(refused) => {
                tally.refused("subscription", &refused);
                let refusal = self.refusal(refused.code(), refused.message().to_owned());
                return stream::once(async { refusal }).boxed();
            }
        };
        let scope = Scope::new(&self.request_id, operation.name.as_deref(), self.state.options.metrics.as_ref());
        let (state, request_id) = (self.state.clone(), self.request_id.clone());
        let resume = Resume::default();
        let request = request.data(resume.clone());
        let mut first = true;
        let answers = self.schema.execute_stream_with_session_data(request, session.unwrap_or_default()).map(
            move |mut answer| {
                let _open = &slot;
                finish(&mut answer, &state, &request_id);
                if let Some(since) = resume.since() {
                    answer.extensions.insert("since".to_owned(), since.to_string().into());
                }
                if let Some(metrics) = &state.options.metrics {
                    tally::live_answer(metrics, &answer, std::mem::take(&mut first));
                }
                answer
            },
        );
        scope.around_stream(driver.run_stream(answers).boxed()).boxed()
    }
}
