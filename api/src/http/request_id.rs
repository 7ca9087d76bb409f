use std::{sync::Arc, time::Instant};

use poem::{Endpoint, IntoResponse, Request, Response, Result, http::HeaderValue};
use tracing::Instrument;
use uuid::Uuid;

/// Names one request in the answer, in errors and in the log.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Gives each request an id and one log line, and answers its errors as a response.
pub(super) async fn with_request_id<E: Endpoint>(endpoint: Arc<E>, mut request: Request) -> Result<Response> {
    let id = Uuid::new_v4().simple().to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", request.id = %id, http.method = %request.method(), http.path = request.uri().path());
    let started = Instant::now();
    let mut response = match endpoint.call(request).instrument(span.clone()).await {
        Ok(response) => response.into_response(),
        Err(error) => error.into_response(),
    };
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    tracing::debug!(parent: &span, http.status = response.status().as_u16(), duration_ms, "answered");
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    Ok(response)
}
