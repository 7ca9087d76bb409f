//! From an HTTP answer to data or an error.

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{ClientError, UserError};

#[derive(Deserialize)]
struct Body {
    data: Option<Value>,
    #[serde(default)]
    errors: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    message: String,
    #[serde(default)]
    extensions: Option<Extensions>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extensions {
    code: Option<String>,
    request_id: Option<String>,
}

/// The data of a GraphQL answer; its first fault, or the user errors of a mutation, become the error.
pub(crate) fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, ClientError> {
    if status == StatusCode::UNAUTHORIZED {
        return Err(ClientError::Unauthenticated);
    }
    let body: Body = serde_json::from_slice(body)
        .map_err(|_| ClientError::protocol(format!("HTTP {} without a GraphQL answer", status.as_u16())))?;
    if let Some(fault) = body.errors.into_iter().next() {
        return Err(fault.into());
    }
    let data = body.data.ok_or_else(|| ClientError::protocol("an answer without data and without errors"))?;
    let user_errors = user_errors(&data);
    if !user_errors.is_empty() {
        return Err(ClientError::UserErrors(user_errors));
    }
    serde_json::from_value(data).map_err(|error| ClientError::protocol(error.to_string()))
}

/// All `userErrors` of the mutations in `data`. Read here once, so that no caller forgets to look at them.
fn user_errors(data: &Value) -> Vec<UserError> {
    let payloads = data.as_object().into_iter().flat_map(|data| data.values());
    let errors = payloads.filter_map(|payload| payload.get("userErrors")?.as_array()).flatten();
    errors.filter_map(|error| UserError::deserialize(error).ok()).collect()
}

impl From<Fault> for ClientError {
    fn from(fault: Fault) -> Self {
        let Extensions { code, request_id } = fault.extensions.unwrap_or_default();
        match code.as_deref() {
            Some("UNAUTHENTICATED") => Self::Unauthenticated,
            // It is there, but without its database: the same to whoever asks.
            Some("UNAVAILABLE") => Self::Unreachable { message: fault.message },
            _ => Self::Rejected { code: code.unwrap_or_else(|| "UNKNOWN".into()), message: fault.message, request_id },
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use serde_json::{Value, json};

    use super::read;
    use crate::ClientError;

    fn read_json(body: &Value) -> Result<Value, ClientError> {
        read(StatusCode::OK, body.to_string().as_bytes())
    }

    #[test]
    fn data_comes_through() {
        let data = json!({ "heartbeat": { "cancelRequested": false, "userErrors": [] } });
        assert_eq!(read_json(&json!({ "data": data })).unwrap(), data);
    }

    #[test]
    fn user_errors_become_an_error_even_beside_other_data() {
        let payload =
            json!({ "job": null, "userErrors": [{ "code": "LEASE_LOST", "message": "It is gone.", "path": [] }] });
        let error = read_json(&json!({ "data": { "completeJob": payload } })).unwrap_err();
        assert!(error.has_code("LEASE_LOST"));
        assert_eq!(error.to_string(), "It is gone. (LEASE_LOST)");
    }

    #[test]
    fn faults_carry_their_code_and_request() {
        let fault = json!({ "message": "Not there.", "extensions": { "code": "NOT_FOUND", "requestId": "r1" } });
        let error = read_json(&json!({ "data": null, "errors": [fault] })).unwrap_err();
        assert_eq!(error.to_string(), "Not there. (NOT_FOUND, request r1)");
        let fault = json!({ "message": "Who are you?", "extensions": { "code": "UNAUTHENTICATED" } });
        assert!(matches!(read_json(&json!({ "errors": [fault] })), Err(ClientError::Unauthenticated)));
        let fault = json!({ "message": "No database.", "extensions": { "code": "UNAVAILABLE" } });
        assert!(matches!(read_json(&json!({ "errors": [fault] })), Err(ClientError::Unreachable { .. })));
    }

    #[test]
    fn a_page_of_html_is_not_an_answer() {
        let error = read::<Value>(StatusCode::OK, b"<html>").unwrap_err();
        assert_eq!(error.to_string(), "unexpected answer: HTTP 200 without a GraphQL answer");
        assert!(matches!(read::<Value>(StatusCode::UNAUTHORIZED, b""), Err(ClientError::Unauthenticated)));
    }
}
