use poem::{
    Response, handler,
    http::StatusCode,
    web::{Data, Json},
};
use serde_json::json;

use crate::ApiState;

/// The process is there.
#[handler]
pub(super) fn alive() -> Json<serde_json::Value> {
    Json(json!({ "status": "alive", "version": env!("CARGO_PKG_VERSION") }))
}

/// The process can do its work: the database answers.
#[handler]
pub(super) async fn ready(Data(state): Data<&ApiState>) -> Response {
    let (status, word) = match state.store.ping().await {
        Ok(()) => (StatusCode::OK, "ready"),
        Err(error) => {
            tracing::warn!(error.chain = %crate::graphql::error::chain(&error), "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer")
        }
    };
    Response::builder().status(status).content_type("application/json").body(json!({ "status": word }).to_string())
}
