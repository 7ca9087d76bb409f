//! Following what happens.

use std::{collections::BTreeSet, future::Future, time::Duration};

use async_graphql::{Context, Error, Subscription};
use futures_util::{Stream, StreamExt, stream};
use nunatak_authz::Actor;
use nunatak_store::{Bus, Event, Store, StoreError};
use tokio::sync::broadcast::error::RecvError;

use super::{context::ContextExt, error::ApiError};
use crate::http::auth::authenticate;

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

/// Events that are already there are answered together: what changed several times is sent once.
const CONFLATED: usize = 256;

/// Sends what `fetch` finds for the events that `wanted` names, as long as the client's token counts.
///
/// `fetch` gets the keys that changed, or `None` when events were missed (and at the start, if `at_once`): then
/// it reads what there is. The actor is asked for again each time, because roles change and tokens end.
pub(crate) fn follow<K, T, Wanted, Fetch, Answer>(
    ctx: &Context<'_>,
    at_once: bool,
    wanted: Wanted,
    fetch: Fetch,
) -> impl Stream<Item = Result<T, Error>> + use<K, T, Wanted, Fetch, Answer>
where
    K: Ord + Send + 'static,
    T: Send + 'static,
    Wanted: Fn(Event) -> Option<K> + Send + 'static,
    Fetch: Fn(Store, Actor, Option<Vec<K>>) -> Answer + Send + 'static,
    Answer: Future<Output = Result<Vec<T>, StoreError>> + Send,
{
    let (state, credential) = (ctx.state().clone(), ctx.request().credential.clone());
    // Listens first, then reads: what happens in between is sent twice rather than not at all.
    let events = listen(state.store.bus()).ready_chunks(CONFLATED);
    let heard = Box::pin(stream::iter(at_once.then(|| vec![Heard::Lagged])).chain(events));
    let follower = (state, credential, wanted, fetch, heard);
    stream::unfold(follower, |(state, credential, wanted, fetch, mut heard)| async move {
        let mut changed = BTreeSet::new();
        let mut missed = false;
        for heard in heard.next().await? {
            match heard {
                Heard::Event(event) => changed.extend(wanted(event)),
                Heard::Lagged => missed = true,
            }
        }
        let found = if changed.is_empty() && !missed {
            Vec::new()
        } else {
            let actor = authenticate(&state, &credential).await.ok()?;
            let keys = (!missed).then(|| changed.into_iter().collect());
            match fetch(state.store.clone(), actor, keys).await {
                Ok(found) => found.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(ApiError::from(error).into())],
            }
        };
        Some((found, (state, credential, wanted, fetch, heard)))
    })
    .flat_map(stream::iter)
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
