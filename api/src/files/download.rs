//! Downloads: whole or in part, streamed, and not sent again to those who have them.

use nunatak_authz::Actor;
use nunatak_domain::{PredictionId, Problem};
use nunatak_store::{StoreError, files::BlobRecord};
use poem::{
    Body, Request, Response, ResponseBuilder, handler,
    http::{Method, StatusCode, header},
    web::{Data, Path},
};

use super::{
    error::{FileError, header_text, signed_in},
    range::{Wanted, is_fresh, wanted},
};
use crate::ApiState;

const BYTES: &str = "application/octet-stream";
const CSV: &str = "text/csv; charset=utf-8";
/// What an address names never changes, but who may have it does: kept for an hour, by its reader only.
const CACHE_CONTROL: &str = "private, max-age=3600, immutable";

/// `/models/{version}/artifact`
#[handler]
pub(super) async fn artifact(request: &Request, Path(id): Path<String>, Data(state): Data<&ApiState>) -> Response {
    let answer = async {
        let actor = signed_in(request, state).await?;
        let blob = state.store.version_artifact(&actor, id.parse()?).await?;
        send(request, state, &blob, BYTES).await
    };
    answer.await.unwrap_or_else(|error: FileError| error.response(request))
}

/// `/datasets/{dataset version}/data`
#[handler]
pub(super) async fn dataset(request: &Request, Path(id): Path<String>, Data(state): Data<&ApiState>) -> Response {
    let answer = async {
        let actor = signed_in(request, state).await?;
        let blob = state.store.dataset_file(&actor, id.parse()?).await?;
        if as_csv(request)?
            && let Some(stem) = blob.file_name.strip_suffix(".parquet")
        {
            return match made_csv(request, &blob.sha256, &format!("{stem}.csv")) {
                Ok(response) => Ok(response.body(Body::from_bytes_stream(state.store.dataset_csv(&blob).await?))),
                Err(done) => Ok(done),
            };
        }
        send(request, state, &blob, type_of(&blob.file_name)).await
    };
    answer.await.unwrap_or_else(|error: FileError| error.response(request))
}

/// `/datasets/{dataset version}/source`: the file as it was uploaded.
#[handler]
pub(super) async fn dataset_source(
    request: &Request,
    Path(id): Path<String>,
    Data(state): Data<&ApiState>,
) -> Response {
    let answer = async {
        let actor = signed_in(request, state).await?;
        let blob = state.store.dataset_source(&actor, id.parse()?).await?;
        send(request, state, &blob, type_of(&blob.file_name)).await
    };
    answer.await.unwrap_or_else(|error: FileError| error.response(request))
}

/// Whether the address asks for text.
fn as_csv(request: &Request) -> Result<bool, FileError> {
    match request.uri().query().unwrap_or_default() {
        "" | "format=parquet" => Ok(false),
        "format=csv" => Ok(true),
        _ => {
            Err(StoreError::from(Problem::new("INVALID_INPUT", "a dataset comes as it is or with `?format=csv`"))
                .into())
        }
    }
}

fn type_of(file_name: &str) -> &'static str {
    match file_name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("parquet") => "application/vnd.apache.parquet",
        Some("csv") => CSV,
        _ => BYTES,
    }
}

/// The head of text that is made while it is sent, its length not known before; or the whole answer, where there is none
/// to be made.
#[expect(clippy::result_large_err, reason = "both are answers")]
fn made_csv(request: &Request, sha256: &str, file_name: &str) -> Result<ResponseBuilder, Response> {
    let etag = format!("\"{sha256}-csv\"");
    let response = described(&etag, file_name, CSV);
    if is_fresh(header_text(request, header::IF_NONE_MATCH), &etag) {
        return Err(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    if request.method() == Method::HEAD {
        return Err(response.finish());
    }
    Ok(response)
}

/// `/predictions/{id}/scores`: safetensors with `score` and `label`.
#[handler]
pub(super) async fn scores(request: &Request, Path(id): Path<String>, Data(state): Data<&ApiState>) -> Response {
    let answer = async {
        let actor = signed_in(request, state).await?;
        let (_, blob) = scores_of(state, &actor, &id).await?;
        send(request, state, &blob, BYTES).await
    };
    answer.await.unwrap_or_else(|error: FileError| error.response(request))
}

/// `/predictions/{id}/scores.csv`: the same as text, made while it is sent; its length is not known before.
#[handler]
pub(super) async fn scores_csv(request: &Request, Path(id): Path<String>, Data(state): Data<&ApiState>) -> Response {
    let answer = async {
        let actor = signed_in(request, state).await?;
        let (id, blob) = scores_of(state, &actor, &id).await?;
        match made_csv(request, &blob.sha256, &format!("{id}.csv")) {
            Ok(response) => Ok(response.body(Body::from_bytes_stream(state.store.scores_csv(&blob).await?))),
            Err(done) => Ok(done),
        }
    };
    answer.await.unwrap_or_else(|error: FileError| error.response(request))
}

async fn scores_of(state: &ApiState, actor: &Actor, id: &str) -> Result<(PredictionId, BlobRecord), FileError> {
    let id: PredictionId = id.parse()?;
    Ok((id, state.store.prediction_scores(actor, id).await?))
}

async fn send(
    request: &Request,
    state: &ApiState,
    blob: &BlobRecord,
    content_type: &str,
) -> Result<Response, FileError> {
    let (etag, size) = (format!("\"{}\"", blob.sha256), blob.size.unsigned_abs());
    let response = described(&etag, &blob.file_name, content_type).header(header::ACCEPT_RANGES, "bytes");
    if is_fresh(header_text(request, header::IF_NONE_MATCH), &etag) {
        return Ok(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    let is_head = request.method() == Method::HEAD;
    // A range means something to GET only (RFC 9110, 14.2).
    let range = header_text(request, header::RANGE).filter(|_| !is_head);
    let (response, range) = match wanted(range, header_text(request, header::IF_RANGE), &etag, size) {
        Wanted::Unsatisfiable => {
            let response = response.status(StatusCode::RANGE_NOT_SATISFIABLE);
            return Ok(response.header(header::CONTENT_RANGE, format!("bytes */{size}")).finish());
        }
        Wanted::Whole => (response, 0..size),
        Wanted::Part(part) => {
            let content_range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            (response.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, content_range), part)
        }
    };
    let response = response.header(header::CONTENT_LENGTH, range.end - range.start);
    if is_head {
        return Ok(response.finish());
    }
    Ok(response.body(Body::from_bytes_stream(state.store.read_blob(blob, range).await?)))
}

fn described(etag: &str, file_name: &str, content_type: &str) -> ResponseBuilder {
    Response::builder()
        .content_type(content_type)
        .header(header::ETAG, etag)
        .header(header::CACHE_CONTROL, CACHE_CONTROL)
        .header(header::VARY, "Authorization")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::CONTENT_DISPOSITION, disposition(file_name))
}

/// `attachment` with the name twice (RFC 6266): for old clients in ASCII, for the others as it is.
fn disposition(file_name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let ascii: String =
        file_name.chars().map(|c| if plain(c) || matches!(c, ' ' | '(' | ')') { c } else { '_' }).collect();
    let encoded: String = file_name
        .bytes()
        .map(|byte| if plain(byte.into()) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn file_names_cannot_break_out_of_the_header() {
        assert_eq!(disposition("pumps-v1.csv"), "attachment; filename=\"pumps-v1.csv\"; filename*=UTF-8''pumps-v1.csv");
        assert_eq!(
            disposition("Prüf\"; x\r\n.csv"),
            "attachment; filename=\"Pr_f__ x__.csv\"; filename*=UTF-8''Pr%C3%BCf%22%3B%20x%0D%0A.csv"
        );
    }
}
