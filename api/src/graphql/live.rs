//! Following what happens.

use std::time::Duration;

use async_graphql::Subscription;
use futures_util::{Stream, StreamExt, stream};
use nunatak_store::{Bus, Event};
use tokio::sync::broadcast::error::RecvError;

/// What a live field hears: an event, or that it fell behind and must read afresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Event(Event),
    Lagged,
}

/// Everything published from now on.
pub(crate) fn listen(bus: &Bus) -> impl Stream<Item = Heard> + use<> {
    stream::unfold(bus.subscribe(), |mut receiver| async move {
        match receiver.recv().await {
            Ok(event) => Some((Heard::Event(event), receiver)),
            Err(RecvError::Lagged(_)) => Some((Heard::Lagged, receiver)),
            Err(RecvError::Closed) => None,
        }
    })
}

#[derive(Default, Debug)]
pub struct LiveSubscription;

#[Subscription]
impl LiveSubscription {
    /// The server's heartbeat: counts up once a second. For checking that live connections work.
    async fn heartbeat(&self) -> impl Stream<Item = i32> {
        let ticks = tokio::time::interval(Duration::from_secs(1));
        stream::unfold(ticks, |mut ticks| async move {
            ticks.tick().await;
            Some(((), ticks))
        })
        .enumerate()
        .map(|(count, ())| i32::try_from(count).unwrap_or(i32::MAX))
    }
}
