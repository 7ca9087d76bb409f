//! One question to one runner.

use bytes::Bytes;
use nunatak_domain::Problem;
use nunatak_store::scoring::ScoringRunner;
use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};

use super::wire::{Answer, Question, Refusal};

/// What came of asking a runner.
#[derive(Debug)]
pub(super) enum Outcome {
    Answer(Answer),
    /// The rows or the version are at fault.
    Refused(Problem),
    /// It has too much to do; another one may have less.
    Overloaded,
    /// It is not there, does not know the server any more, or answers nonsense. In words for the log.
    Away(String),
}

/// A sentence for a user is no longer.
const MAX_MESSAGE: usize = 1000;

/// What tells a runner from itself after a start.
pub(super) fn address(runner: &ScoringRunner) -> String {
    format!("{} {}", runner.offer.url, runner.offer.secret)
}

pub(super) async fn ask(http: &Client, runner: &ScoringRunner, body: Bytes, question: &Question<'_>) -> Outcome {
    let request = http
        .post(format!("{}/score", runner.offer.url))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .bearer_auth(&runner.offer.secret)
        .body(body);
    let again = request.try_clone();
    let sent = match (request.send().await, again) {
        // The other end may have closed a connection that was open for long, just now. Asking twice does no harm.
        (Err(error), Some(again)) if !error.is_connect() && !error.is_timeout() => again.send().await,
        (sent, _) => sent,
    };
    let response = match sent {
        Ok(response) => response,
        // Without the address, which is nobody's business but the database's.
        Err(error) => return Outcome::Away(chain(&error.without_url())),
    };
    let status = response.status();
    let text = match read(response, question.count()).await {
        Ok(text) => text,
        Err(why) => return Outcome::Away(why),
    };
    match status {
        StatusCode::OK => match serde_json::from_slice::<Answer>(&text) {
            Ok(answer) if answer.is_sound(question) => Outcome::Answer(answer),
            Ok(_) => Outcome::Away("it does not give one finite score for each row".to_owned()),
            Err(error) => Outcome::Away(format!("its answer is not what it should be: {error}")),
        },
        StatusCode::UNPROCESSABLE_ENTITY => refused(&text),
        StatusCode::TOO_MANY_REQUESTS => Outcome::Overloaded,
        StatusCode::UNAUTHORIZED => Outcome::Away("it has another secret: it started again".to_owned()),
        status => Outcome::Away(format!("it answers {status}: {}", shown(&String::from_utf8_lossy(&text)))),
    }
}

/// The whole body, unless it is longer than any answer to these rows.
async fn read(mut response: Response, rows: usize) -> Result<Vec<u8>, String> {
    // A score has 25 characters, three reasons with long names some hundred.
    let most = 64 * 1024 + rows * 1024;
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| chain(&error.without_url()))? {
        if text.len() + chunk.len() > most {
            return Err(format!("its answer to {rows} rows is longer than {most} bytes"));
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

fn refused(text: &[u8]) -> Outcome {
    let Ok(Refusal { code, message }) = serde_json::from_slice(text) else {
        return Outcome::Away("it refuses without saying why".to_owned());
    };
    let code = match code.as_str() {
        "INPUT_SCHEMA" => "INPUT_SCHEMA",
        "ARTIFACT" | "UNKNOWN_DETECTOR" | "NOT_APPLICABLE" => "NOT_APPLICABLE",
        "NUMERIC" => "NUMERIC",
        _ => "DATA",
    };
    let field = if code == "NOT_APPLICABLE" { "version" } else { "rows" };
    Outcome::Refused(Problem::new(code, shown(&message)).at(field))
}

fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_MESSAGE)]
}

fn chain(error: &dyn std::error::Error) -> String {
    crate::graphql::error::chain(error)
}
