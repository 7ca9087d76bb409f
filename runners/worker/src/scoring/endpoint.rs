//! The endpoint that the server calls; `docs/runner-protocol.md` is its manual.

use std::sync::Arc;
use std::time::Instant;

use poem::http::StatusCode;
use poem::middleware::CatchPanic;
use poem::web::Data;
use poem::{Body, Endpoint, EndpointExt, Request, Response, Route, get, handler, post};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::engine::{Engine, Refusal};
use super::request::{Answer, Question};

/// A request of the server's has 4 MiB at most; floats may be longer here than they came.
const MAX_BODY: usize = 32 << 20;
/// Reading more than this takes milliseconds, which other requests should not wait for.
const SMALL: usize = 64 << 10;

/// The secret's SHA-256: comparing digests tells nothing of how near a guess was.
#[derive(Debug, Clone)]
struct Secret([u8; 32]);

pub(crate) fn app(engine: Arc<Engine>, secret: &str) -> impl Endpoint<Output = Response> + 'static {
    let secret = Secret(Sha256::digest(secret).into());
    Route::new()
        .at("/score", post(score))
        .at("/metrics", get(metrics))
        .data(engine)
        .data(secret)
        .with(CatchPanic::new())
        .map_to_response()
}

#[handler]
async fn score(
    request: &Request,
    body: Body,
    Data(engine): Data<&Arc<Engine>>,
    Data(secret): Data<&Secret>,
) -> Response {
    let given = request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if <[u8; 32]>::from(Sha256::digest(given)) != secret.0 {
        return told(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "only the server may ask, with this runner's secret");
    }
    let Ok(body) = body.into_bytes_limit(MAX_BODY).await else {
        return told(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED", "a question has at most 32 MiB");
    };
    let started = Instant::now();
    let answer = async {
        let question = if body.len() <= SMALL {
            Question::read(&body)?
        } else {
            let read = tokio::task::spawn_blocking(move || Question::read(&body)).await;
            read.map_err(|_| Refusal::Unavailable("reading the question broke".into()))??
        };
        engine.score(question).await
    };
    let answer = answer.await;
    engine.meter.answered(outcome(&answer), started.elapsed());
    match answer {
        Ok(answer) => match serde_json::to_vec(&answer) {
            Ok(text) => Response::builder().content_type("application/json").body(text),
            Err(error) => told(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", &error.to_string()),
        },
        Err(refusal) => refused(&refusal),
    }
}

#[handler]
fn metrics(Data(engine): Data<&Arc<Engine>>) -> Response {
    match engine.meter.text() {
        Ok(text) => Response::builder().content_type("text/plain; version=0.0.4; charset=utf-8").body(text),
        Err(error) => told(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", &error.to_string()),
    }
}

fn outcome(answer: &Result<Answer, Refusal>) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(Refusal::Malformed(_)) => "malformed",
        Err(Refusal::Rows { .. }) => "refused",
        Err(Refusal::Overloaded) => "overloaded",
        Err(Refusal::Unavailable(_)) => "unavailable",
    }
}

fn refused(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Malformed(message) => told(StatusCode::BAD_REQUEST, "INVALID_INPUT", message),
        Refusal::Rows { code, message } => told(StatusCode::UNPROCESSABLE_ENTITY, code, message),
        Refusal::Overloaded => {
            told(StatusCode::TOO_MANY_REQUESTS, "OVERLOADED", "too many questions wait already: ask again, or another")
        }
        Refusal::Unavailable(message) => told(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message),
    }
}

fn told(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "code": code, "message": message }).to_string();
    Response::builder().status(status).content_type("application/json").body(body)
}
