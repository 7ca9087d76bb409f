use std::sync::Arc;

use nunatak_store::Store;
use poem::{Endpoint, EndpointExt, Response, Route, get, handler, http::StatusCode, web::Data};

use crate::Metrics;

/// `GET /metrics`, for an address of its own: whoever reads it learns how much the server is used and by what.
#[must_use]
pub fn metrics_app(metrics: Arc<Metrics>, store: Store) -> impl Endpoint<Output = Response> + 'static {
    Route::new().at("/metrics", get(text)).data(metrics).data(store).map_to_response()
}

#[handler]
async fn text(Data(metrics): Data<&Arc<Metrics>>, Data(store): Data<&Store>) -> Response {
    match metrics.text(store).await {
        Ok(text) => Response::builder().content_type("text/plain; version=0.0.4; charset=utf-8").body(text),
        Err(error) => {
            tracing::error!(%error, "the metrics have no text");
            StatusCode::INTERNAL_SERVER_ERROR.into()
        }
    }
}
