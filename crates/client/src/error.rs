//! What can go wrong, by what the caller can do about it.

use std::io;

use serde::Deserialize;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody answered, or a proxy in front said that nobody does. Try again later; what may be repeated has been.
    #[error("the server could not be reached: {message}")]
    Unreachable { message: String },

    /// The token is missing, expired or revoked. Log in again.
    #[error("the server does not accept the token")]
    Unauthenticated,

    /// The server refused the request as a whole. `code` is one of `errors[].extensions.code`.
    #[error("{message} ({code}{})", request_id.as_deref().map(|id| format!(", request {id}")).unwrap_or_default())]
    Rejected { code: String, message: String, request_id: Option<String> },

    /// The input was understood and is not acceptable; each entry says what to change.
    #[error("{}", sentences(.0))]
    UserErrors(Vec<UserError>),

    /// The answer was not what the contract promises: wrong address, or a server of another version.
    #[error("unexpected answer: {message}")]
    Protocol { message: String },

    /// The bytes that arrived are not those that were promised.
    #[error("the file has SHA-256 {actual} instead of {expected}")]
    Checksum { expected: String, actual: String },

    /// A local file could not be read or written.
    #[error("cannot {action}")]
    File { action: String, source: io::Error },
}

/// One entry of a payload's `userErrors`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct UserError {
    /// Stable, upper snake case: `TAKEN`, `LEASE_LOST`…
    pub code: String,
    pub message: String,
    /// Where in the mutation's input.
    #[serde(default)]
    pub path: Vec<String>,
}

impl ClientError {
    /// Whether the server said `code`, as a fault or as one of the user errors.
    pub fn has_code(&self, code: &str) -> bool {
        match self {
            Self::UserErrors(errors) => errors.iter().any(|error| error.code == code),
            Self::Rejected { code: rejected, .. } => rejected == code,
            _ => false,
        }
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::Protocol { message: message.into() }
    }

    /// A payload with neither the thing nor user errors.
    pub(crate) fn missing(operation: &str) -> Self {
        Self::protocol(format!("{operation} gave neither a result nor an error"))
    }

    pub(crate) fn file(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::File { action, source }
    }
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        // The address may carry a signature, so it stays out of messages and logs.
        let error = error.without_url();
        if error.is_builder() || error.is_redirect() {
            Self::protocol(with_causes(&error))
        } else {
            Self::Unreachable { message: with_causes(&error) }
        }
    }
}

/// reqwest's own message ("error sending request") says little; its causes say "connection refused".
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn sentences(errors: &[UserError]) -> String {
    errors.iter().map(|error| format!("{} ({})", error.message, error.code)).collect::<Vec<_>>().join("; ")
}
