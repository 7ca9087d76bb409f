//! What goes wrong in an attempt, by what is to be done about it.

use std::io;

use nunatak_client::ClientError;
use nunatak_client::runner::LEASE_LOST;
use nunatak_detector::DetectorError;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The server said that the job is not ours: say nothing, claim the next.
    LeaseLost,
    /// The stop signal fired; its reason says what to tell.
    Stopped,
    /// Tell the server.
    Told(Told),
}

/// What `failJob` takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) code: String,
    /// For the user who started the job: what happened, and nothing of paths, tokens or rows.
    pub(crate) message: String,
    /// Whether another try could end better.
    pub(crate) retryable: bool,
}

impl Failure {
    /// The same job would fail in the same way again.
    pub(crate) fn fail(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Told(Told { code: code.into(), message: message.into(), retryable: false })
    }

    /// The circumstances were at fault, not the job.
    pub(crate) fn retry(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Told(Told { code: code.into(), message: message.into(), retryable: true })
    }
}

/// Whether the server's answer means that the claim is gone: taken by another runner, finished, deleted, its token expired.
pub(crate) fn is_lease_lost(error: &ClientError) -> bool {
    matches!(error, ClientError::Unauthenticated) || error.has_code(LEASE_LOST)
}

impl From<DetectorError> for Failure {
    fn from(error: DetectorError) -> Self {
        match error {
            DetectorError::Cancelled => Self::Stopped,
            error => Self::fail(error.code(), error.to_string()),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        if is_lease_lost(&error) {
            return Self::LeaseLost;
        }
        match error {
            ClientError::Rejected { code, message, .. } if is_passing(&code) => Self::retry(code, message),
            ClientError::Rejected { code, message, .. } => Self::fail(code, message),
            ClientError::UserErrors(errors) => {
                let code = errors.first().map_or("INVALID_INPUT", |error| error.code.as_str()).to_owned();
                let retryable = is_passing(&code);
                Self::Told(Told { code, message: ClientError::UserErrors(errors).to_string(), retryable })
            }
            ClientError::Checksum { .. } => {
                Self::retry("CHECKSUM", "A file arrived at the runner with other bytes than it was stored with.")
            }
            ClientError::File { source, .. } => source.into(),
            error => {
                tracing::warn!(%error, "the server did not answer as it should");
                Self::retry("SERVER_UNREACHABLE", "The runner could not get an answer from the server.")
            }
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "the runner's disk failed");
        let message = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "The runner's disk is full.",
            _ => "The runner could not read or write a file on its disk.",
        };
        Self::retry("DISK", message)
    }
}

fn is_passing(code: &str) -> bool {
    matches!(code, "INTERNAL" | "DISK_FULL" | "TIMEOUT" | "RATE_LIMITED" | "UNKNOWN" | "CHECKSUM_MISMATCH")
        || code.starts_with("UPLOAD_")
        || code.starts_with("HTTP_5")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(failure: Failure) -> Told {
        match failure {
            Failure::Told(told) => told,
            other => panic!("expected something to tell, got {other:?}"),
        }
    }

    #[test]
    fn a_detectors_sentence_goes_to_the_user_and_is_final() {
        let failure = told(DetectorError::data("There are no rows.").into());
        let expected = Told { code: "DATA".into(), message: "There are no rows.".into(), retryable: false };
        assert_eq!(failure, expected);
    }

    #[test]
    fn circumstances_are_worth_another_try_and_name_no_path() {
        let full = told(io::Error::new(io::ErrorKind::StorageFull, "/var/cache/x").into());
        assert_eq!((full.message.as_str(), full.retryable), ("The runner's disk is full.", true));
        assert!(told(ClientError::Unreachable { message: "connection refused".into() }.into()).retryable);
    }

    #[test]
    fn a_lost_lease_and_a_refused_token_leave_nothing_to_tell() {
        let lost = nunatak_client::UserError { code: LEASE_LOST.into(), message: String::new(), path: Vec::new() };
        assert!(matches!(ClientError::UserErrors(vec![lost]).into(), Failure::LeaseLost));
        assert!(matches!(ClientError::Unauthenticated.into(), Failure::LeaseLost));
    }
}
