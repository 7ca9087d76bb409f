//! Scoring rows at once, for the server: an HTTP endpoint that keeps models warm.
//!
//! A question (`request.rs`) comes in at the [`endpoint`], takes a place ([`Engine`]), gets its model from memory or from the
//! server's file (`models.rs`), and waits at the model's desk until a thread is free (`desk.rs`, `threads.rs`). Whoever waits
//! there when one is free is scored in the same call: under load the cost of a call is shared, without load nobody waits.

mod desk;
mod door;
mod endpoint;
mod engine;
mod meter;
mod models;
mod request;
mod threads;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::door::{Door, Offer};
use self::engine::Engine;
use crate::crew::Crew;

/// Answers that are being worked out when the worker closes get this long.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until the worker closes.
pub(crate) async fn serve(door: Door, crew: Arc<Crew>) {
    let Some(options) = &crew.options.scoring else { return };
    let engine = Engine::new(crew.client.clone(), Arc::clone(&crew.detectors), crew.cache.clone(), options);
    let engine = match engine {
        Ok(engine) => Arc::new(engine),
        Err(error) => return tracing::error!(error.chain = %format!("{error:#}"), "cannot score at once"),
    };
    tracing::info!(scoring.url = %door.offer.url, "scoring at once");
    let app = endpoint::app(engine, &door.offer.secret);
    let closing = crew.closing.clone().cancelled_owned();
    let server = poem::Server::new_with_acceptor(door.acceptor);
    if let Err(error) = server.run_with_graceful_shutdown(app, closing, Some(GRACE)).await {
        tracing::error!(%error, "the listener for scoring failed");
    }
}
