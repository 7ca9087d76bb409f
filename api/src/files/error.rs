//! Errors of the file routes as JSON.

use nunatak_authz::Actor;
use nunatak_domain::ids::IdError;
use nunatak_store::{StoreError, files::UploadWriteError};
use poem::{
    Request, Response,
    http::{StatusCode, header},
};
use serde_json::json;

use crate::{
    ApiState,
    graphql::error::ApiError,
    http::{
        RequestId,
        auth::{Credential, authenticate},
    },
};

/// Why a file was not taken or given.
#[derive(Debug)]
pub(super) struct FileError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Where to go on with an upload.
    received: Option<u64>,
}

impl FileError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), received: None }
    }

    pub(super) fn response(&self, request: &Request) -> Response {
        let request_id = request.extensions().get::<RequestId>().map(|id| id.0.as_str()).unwrap_or_default();
        let mut error = json!({ "code": self.code, "message": self.message, "requestId": request_id });
        if let Some(received) = self.received {
            error["received"] = received.into();
        }
        let mut response = Response::builder().status(self.status).content_type("application/json");
        if self.status == StatusCode::UNAUTHORIZED {
            response = response.header(header::WWW_AUTHENTICATE, "Bearer");
        }
        response.body(json!({ "error": error }).to_string())
    }
}

impl From<ApiError> for FileError {
    fn from(error: ApiError) -> Self {
        let code = error.code();
        let status = match code {
            "UNAUTHENTICATED" => StatusCode::UNAUTHORIZED,
            "FORBIDDEN" => StatusCode::FORBIDDEN,
            "NOT_FOUND" => StatusCode::NOT_FOUND,
            "LIMIT_EXCEEDED" => StatusCode::PAYLOAD_TOO_LARGE,
            "UPLOAD_CLOSED" => StatusCode::CONFLICT,
            "INTERNAL" => StatusCode::INTERNAL_SERVER_ERROR,
            "UNAVAILABLE" => StatusCode::SERVICE_UNAVAILABLE,
            "DISK_FULL" => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::BAD_REQUEST,
        };
        error.log_if_internal();
        Self::new(status, code, error.sentence())
    }
}

impl From<StoreError> for FileError {
    fn from(error: StoreError) -> Self {
        ApiError::from(error).into()
    }
}

/// What is no id is no file either.
impl From<IdError> for FileError {
    fn from(error: IdError) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", error.to_string())
    }
}

impl From<UploadWriteError> for FileError {
    fn from(error: UploadWriteError) -> Self {
        let message = error.to_string();
        let (status, code, received) = match error {
            UploadWriteError::Store(error) => return error.into(),
            UploadWriteError::OffsetMismatch { received } => (StatusCode::CONFLICT, "OFFSET_MISMATCH", Some(received)),
            UploadWriteError::Busy => (StatusCode::CONFLICT, "UPLOAD_BUSY", None),
            UploadWriteError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED", None),
            UploadWriteError::Interrupted { received } => {
                (StatusCode::REQUEST_TIMEOUT, "UPLOAD_INTERRUPTED", Some(received))
            }
        };
        Self { status, code, message, received }
    }
}

/// Who asks; nobody gets a file without saying so.
pub(super) async fn signed_in(request: &Request, state: &ApiState) -> Result<Actor, FileError> {
    match authenticate(state, &Credential::of(request)?).await? {
        Actor::Anonymous => {
            let message = "sign in first: send a token in the Authorization header";
            Err(FileError::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message))
        }
        actor => Ok(actor),
    }
}

/// A header's text, where it is there and is text.
pub(super) fn header_text(request: &Request, name: header::HeaderName) -> Option<&str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}
