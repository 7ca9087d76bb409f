//! Following what happens.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_graphql::{Context, Error, Subscription};
use futures_util::{Stream, StreamExt, stream};
use nunatak_authz::Actor;
use nunatak_domain::{PageRequest, Timestamp};
use nunatak_store::{Event, Heard, Listener, Store, StoreError, since::OVERLAP};

use super::{context::ContextExt, error::ApiError};
use crate::{
    ApiState,
    http::auth::{Credential, authenticate},
};

/// What a live field reads.
#[derive(Debug, Clone)]
pub(crate) enum Ask<K> {
    /// What stands behind these keys: a page of them at most.
    These(Vec<K>),
    /// What may have happened from this moment on.
    Since(Timestamp),
}

/// To begin with everything there is.
pub(crate) const AT_ONCE: Timestamp = Timestamp::from_micros(0);
/// Events that are already there are answered together: what changed several times is sent once.
const CONFLATED: usize = 256;
/// What one page can hold.
const ASKED_AT_ONCE: usize = PageRequest::MAX.unsigned_abs() as usize;

/// Sends what `fetch` finds for the events that `wanted` names, as long as the client's token counts; before them
/// what happened since `start`, and again what happened since events were missed. So nothing is left out, and some is
/// sent twice. A failure is sent and ends the stream: going on after it would hide a gap.
///
/// The actor is asked for again each time, because roles change and tokens end.
pub(crate) fn follow<K, T, Wanted, Fetch, Answer>(
    ctx: &Context<'_>,
    start: Option<Timestamp>,
    wanted: Wanted,
    fetch: Fetch,
) -> impl Stream<Item = Result<T, Error>> + use<K, T, Wanted, Fetch, Answer>
where
    K: Ord + Clone + Send + 'static,
    T: Send + 'static,
    Wanted: Fn(Event) -> Option<K> + Send + 'static,
    Fetch: Fn(Store, Actor, Ask<K>) -> Answer + Send + 'static,
    Answer: Future<Output = Result<Vec<T>, StoreError>> + Send,
{
    let state = ctx.state().clone();
    // Listens first, then reads: what happens in between is sent twice rather than not at all.
    let listener = state.store.bus().listen();
    let told = start.unwrap_or_else(|| listener.caught_up());
    let credential = ctx.request().credential.clone();
    let follower = Follower { state, credential, wanted, fetch, listener, start, told, ended: false };
    let resume = ctx.data_opt::<Resume>().cloned().unwrap_or_default();
    resume.join();
    stream::unfold(follower, Follower::answers).flat_map(stream::iter).map(move |(since, answer)| {
        resume.note(since);
        answer
    })
}

struct Follower<Wanted, Fetch> {
    state: ApiState,
    credential: Credential,
    wanted: Wanted,
    fetch: Fetch,
    listener: Listener,
    /// Until when to read before listening.
    start: Option<Timestamp>,
    /// All that happened before has been sent.
    told: Timestamp,
    ended: bool,
}

/// What is to be read next.
struct Changes<K> {
    keys: BTreeSet<K>,
    missed: Option<Timestamp>,
}

impl<Wanted, Fetch> Follower<Wanted, Fetch> {
    /// The answers to what has happened next, each with the moment from which to go on after it.
    async fn answers<K, T, Answer>(mut self) -> Option<(Vec<(Timestamp, Result<T, Error>)>, Self)>
    where
        K: Ord + Clone,
        Wanted: Fn(Event) -> Option<K>,
        Fetch: Fn(Store, Actor, Ask<K>) -> Answer,
        Answer: Future<Output = Result<Vec<T>, StoreError>>,
    {
        if self.ended {
            return None;
        }
        let changes = self.changes().await;
        let caught_up = self.listener.caught_up();
        let answers = match self.read(changes).await {
            Ok(found) => {
                let before = self.told;
                self.told = caught_up;
                let last = found?.into_iter().map(|thing| (before, Ok(thing))).collect();
                until(last, caught_up)
            }
            Err(error) => {
                self.ended = true;
                vec![(self.told, Err(error.into()))]
            }
        };
        Some((answers, self))
    }

    /// Waits until something happens; takes along what has happened besides.
    async fn changes<K: Ord>(&mut self) -> Changes<K>
    where
        Wanted: Fn(Event) -> Option<K>,
    {
        let mut changes = Changes { keys: BTreeSet::new(), missed: self.start.take() };
        if changes.missed.is_none() {
            let heard = self.listener.hear().await;
            self.note(&mut changes, heard);
        }
        for _ in 1..CONFLATED {
            let Some(heard) = self.listener.hear_waiting() else { break };
            self.note(&mut changes, heard);
        }
        changes
    }

    fn note<K: Ord>(&self, changes: &mut Changes<K>, heard: Heard)
    where
        Wanted: Fn(Event) -> Option<K>,
    {
        match heard {
            Heard::Event(event) => changes.keys.extend((self.wanted)(event)),
            Heard::Missed { since } => {
                changes.missed = Some(changes.missed.map_or(since, |missed| missed.min(since)));
            }
        }
    }

    /// What the changes are about; nothing where the token has ended.
    async fn read<K, T, Answer>(&self, changes: Changes<K>) -> Result<Option<Vec<T>>, ApiError>
    where
        K: Clone,
        Fetch: Fn(Store, Actor, Ask<K>) -> Answer,
        Answer: Future<Output = Result<Vec<T>, StoreError>>,
    {
        let mut found = Vec::new();
        if changes.keys.is_empty() && changes.missed.is_none() {
            return Ok(Some(found));
        }
        let actor = match authenticate(&self.state, &self.credential).await {
            Ok(actor) => actor,
            Err(ApiError::Unauthenticated(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let fetch = |ask| (self.fetch)(self.state.store.clone(), actor.clone(), ask);
        if let Some(since) = changes.missed {
            found.extend(fetch(Ask::Since(since.minus(OVERLAP))).await?);
        }
        let keys: Vec<K> = changes.keys.into_iter().collect();
        for keys in keys.chunks(ASKED_AT_ONCE) {
            found.extend(fetch(Ask::These(keys.to_vec())).await?);
        }
        Ok(Some(found))
    }
}

/// The same answers, the last of them with a later moment: only with it is everything sent.
fn until<T>(mut answers: Vec<(Timestamp, T)>, since: Timestamp) -> Vec<(Timestamp, T)> {
    if let Some(last) = answers.last_mut() {
        last.0 = since;
    }
    answers
}

/// From when a client that has got the answer at hand can go on without a gap: `extensions.since`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resume(Arc<Mutex<Place>>);

#[derive(Debug, Default)]
struct Place {
    fields: usize,
    since: Option<Timestamp>,
}

impl Resume {
    /// Of the answer that has just been made; nothing where several fields make answers by turns.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        let place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        place.since.filter(|_| place.fields == 1)
    }

    fn join(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fields += 1;
    }

    fn note(&self, since: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).since = Some(since);
    }
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
