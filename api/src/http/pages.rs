//! GraphiQL and its assets, out of the binary.

use poem::{
    Request, Response, handler,
    http::{StatusCode, header},
    web::{Path, Redirect},
};

/// The front door leads to GraphiQL.
#[handler]
pub(super) fn home() -> Redirect {
    Redirect::see_other("/graphiql")
}

#[handler]
pub(super) fn graphiql(request: &Request) -> Response {
    serve(request, "graphiql")
}

#[handler]
pub(super) fn asset(request: &Request, Path(path): Path<String>) -> Response {
    serve(request, &format!("assets/{path}"))
}

fn serve(request: &Request, path: &str) -> Response {
    let Some(found) = nunatak_web::asset(path) else { return StatusCode::NOT_FOUND.into() };
    let accepts = |name, word: &str| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).is_some_and(|text| text.contains(word))
    };
    let zipped = found.gzip.filter(|_| accepts(header::ACCEPT_ENCODING, "gzip"));
    let etag = if zipped.is_some() { found.gzip_etag() } else { found.etag.to_string() };
    let response = Response::builder()
        .header(header::ETAG, &etag)
        .header(header::CACHE_CONTROL, found.cache_control())
        .header(header::VARY, "Accept-Encoding")
        .header(header::CONTENT_SECURITY_POLICY, nunatak_web::CONTENT_SECURITY_POLICY);
    if accepts(header::IF_NONE_MATCH, &etag) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    let response = response.content_type(found.content_type);
    match zipped {
        Some(zipped) => response.header(header::CONTENT_ENCODING, "gzip").body(zipped),
        None => response.body(found.body),
    }
}
