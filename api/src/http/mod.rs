//! HTTP: routes, credentials, and the edges that keep bad requests out.

mod answer;
pub mod auth;
mod documents;
mod graphql;
mod health;
pub(crate) mod limits;
mod live;
mod metrics;
mod pages;
mod request_id;
mod tally;
mod variables;

use poem::{Endpoint, EndpointExt, Response, Route, get, middleware::CatchPanic, post};

pub use metrics::metrics_app;
pub use request_id::RequestId;

use crate::{ApiSchema, ApiState, files};

/// The whole server.
#[must_use]
pub fn app(state: ApiState, schema: ApiSchema) -> impl Endpoint<Output = Response> + 'static {
    let routes = Route::new()
        .at("/graphql", post(graphql::execute))
        .at("/graphql/ws", get(live::websocket))
        .at("/graphql/stream", post(live::server_sent_events))
        .at("/graphiql", get(pages::graphiql))
        .at("/assets/*path", get(pages::asset))
        .at("/", get(pages::home))
        .at("/health", get(health::alive))
        .at("/ready", get(health::ready));
    files::routes(routes).data(state).data(schema).with(CatchPanic::new()).around(request_id::with_request_id)
}
