//! Faults: what a client gets in `errors`, and what only the log gets.

use std::sync::Arc;

use async_graphql::ErrorExtensions;
use nunatak_store::StoreError;

/// What went wrong outside of the expected outcomes, as a code and a safe sentence.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No or no valid credentials.
    #[error("{0}")]
    Unauthenticated(String),
    #[error("{message}")]
    Refused { code: &'static str, message: String },
    /// A batch of children failed; every field that waited for it gets the same error.
    #[error(transparent)]
    Batch(Arc<StoreError>),
    #[error("signing failed")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

impl ApiError {
    pub fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into() }
    }

    /// The stable code of `errors[].extensions.code`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated(_) => "UNAUTHENTICATED",
            Self::Refused { code, .. } => code,
            Self::Signing(_) => "INTERNAL",
            Self::Store(error) => store_code(error),
            Self::Batch(error) => store_code(error),
        }
    }

    /// Tells the log the whole chain of a fault that is the server's, of which the client learns only a sentence.
    pub(crate) fn log_if_internal(&self) {
        match self.code() {
            "INTERNAL" => tracing::error!(error.chain = %chain(self), "internal fault"),
            "DISK_FULL" => tracing::error!(error.chain = %chain(self), "the disk of the files is full"),
            "UNAVAILABLE" => tracing::warn!(error.chain = %chain(self), "the database does not answer"),
            _ => {}
        }
    }

    /// The sentence for the client. Of an internal fault it says nothing but where to look.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Store(StoreError::Denied(denied)) if denied.anonymous => {
                "sign in first: send a token in the Authorization header".to_owned()
            }
            Self::Store(StoreError::Denied(denied)) => {
                let lacking = denied.needs.map_or_else(
                    || "your role does not allow it".to_owned(),
                    |scope| format!("this token lacks the scope {}", format!("{scope:?}").to_uppercase()),
                );
                format!("{} is not allowed here: {lacking}", denied.action)
            }
            other => match other.code() {
                "INTERNAL" => "the server could not do this; its log says why under this request id".to_owned(),
                "UNAVAILABLE" => "the server's database does not answer; try again in a moment".to_owned(),
                "DISK_FULL" => {
                    "the server's disk is full: nothing of this was kept; tell its operator, and send it again later"
                        .to_owned()
                }
                _ => other.to_string(),
            },
        }
    }
}

fn store_code(error: &StoreError) -> &'static str {
    match error {
        StoreError::NotFound(_) => "NOT_FOUND",
        StoreError::Denied(denied) if denied.anonymous => "UNAUTHENTICATED",
        StoreError::Denied(_) => "FORBIDDEN",
        StoreError::Invalid(problems) => problems.first().map_or("INVALID_INPUT", |problem| problem.code),
        error if error.is_unavailable() => "UNAVAILABLE",
        error if error.is_disk_full() => "DISK_FULL",
        StoreError::Database(_) | StoreError::Files(_) | StoreError::Corrupt(_) => "INTERNAL",
    }
}

impl From<ApiError> for async_graphql::Error {
    fn from(error: ApiError) -> Self {
        let code = error.code();
        error.log_if_internal();
        let path = match &error {
            ApiError::Store(StoreError::Invalid(problems)) => problems.first().map(|problem| problem.path.clone()),
            _ => None,
        };
        Self::new(error.sentence()).extend_with(|_, extensions| {
            extensions.set("code", code);
            if let Some(path) = path.filter(|path| !path.is_empty()) {
                extensions.set("inputPath", path);
            }
        })
    }
}

/// An error and its causes, outermost first.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
