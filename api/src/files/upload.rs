//! `PUT /uploads/{id}`: the bytes of an upload, whole or from where they broke off.

use nunatak_domain::UploadId;
use nunatak_store::files::PartRange;
use poem::{
    Body, Request, Response, handler,
    http::{StatusCode, header},
    web::{Data, Path},
};
use serde_json::json;

use super::{
    error::{FileError, header_text, signed_in},
    range::part_of_upload,
};
use crate::ApiState;

#[handler]
pub(super) async fn receive(
    request: &Request,
    body: Body,
    Path(id): Path<String>,
    Data(state): Data<&ApiState>,
) -> Response {
    match take(request, body, &id, state).await {
        Ok((received, size)) => Response::builder()
            .content_type("application/json")
            .body(json!({ "received": received, "size": size }).to_string()),
        Err(error) => error.response(request),
    }
}

/// Bytes here now and bytes announced. The body is not touched before all else is checked.
async fn take(request: &Request, body: Body, id: &str, state: &ApiState) -> Result<(u64, u64), FileError> {
    let actor = signed_in(request, state).await?;
    let id: UploadId = id.parse()?;
    let size = state.store.upload(&actor, id).await?.size.unsigned_abs();
    let range = range_of(request, size)?;
    let received = state.store.write_upload(&actor, id, range, body.into_bytes_stream()).await?;
    Ok((received, size))
}

fn range_of(request: &Request, size: u64) -> Result<PartRange, FileError> {
    let invalid = |message: &str| Err(FileError::new(StatusCode::BAD_REQUEST, "INVALID_INPUT", message));
    let length = header_text(request, header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    let (range, named) = match header_text(request, header::CONTENT_RANGE).map(part_of_upload) {
        None => (PartRange::Whole, size),
        Some(None) => return invalid("write Content-Range as `bytes first-last/size`"),
        Some(Some((_, _, Some(total)))) if total != size => {
            return invalid("the size in Content-Range is not the one that was announced");
        }
        Some(Some((_, named, _))) if length.is_some_and(|length| length != named) => {
            return invalid("Content-Length and Content-Range disagree");
        }
        Some(Some((start, named, _))) => (PartRange::Resume { start, length: named }, named),
    };
    if length.unwrap_or(named) > size {
        let message = format!("the body is longer than the {size} bytes that were announced");
        return Err(FileError::new(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED", message));
    }
    Ok(range)
}
