//! Children in batches: all keys of one kind that a request asks for at once become one statement.
//!
//! To add a child: a key type in the noun's `loaders.rs` with [`BatchKey`] on it, then `ctx.load(Key(id))`.
//! The filter is in the SQL and the actor inside the loader: a loader finds nothing that a query would not.
//!
//! No batch waits for a clock: the [`Driver`] polls the operation until it can do nothing more without its children,
//! and fetches then what was asked for.

mod driver;

use std::{
    any::{Any, TypeId},
    collections::{HashMap, HashSet},
    fmt,
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;
use nunatak_authz::Actor;
use nunatak_domain::{ProjectId, UserId, WorkspaceId};
use nunatak_store::{
    Store, StoreError,
    identity::UserRecord,
    organisation::{ProjectRecord, WorkspaceRecord},
};
use tokio::sync::oneshot;

pub(crate) use self::driver::Driver;
use super::error::ApiError;
use crate::observe;

/// Something that is fetched in batches under this key.
pub trait BatchKey: Clone + Eq + Hash + Send + Sync + fmt::Debug + 'static {
    type Value: Clone + Send + Sync + 'static;

    /// What stands for a key of which nothing is found, where that is an answer like any other.
    #[must_use]
    fn absent() -> Option<Self::Value> {
        None
    }

    fn load(
        store: &Store,
        actor: &Actor,
        keys: &[Self],
    ) -> impl Future<Output = Result<HashMap<Self, Self::Value>, StoreError>> + Send;
}

/// The loaders of one operation. It finds nothing unless a [`Driver`] runs it.
pub(crate) struct Loaders {
    store: Store,
    actor: Actor,
    /// What is loaded twice is fetched once. Not so for what is live: it outlives what it reads.
    remembers: bool,
    state: Mutex<State>,
}

/// Makes one kind's batch.
type Fetch = fn(&Arc<Loaders>) -> BoxFuture<'static, ()>;

#[derive(Default)]
struct State {
    /// A [`Kind`] for each type of key.
    kinds: HashMap<TypeId, Box<dyn Any + Send>>,
    /// What fetches the batches that have a key by now.
    ready: Vec<Fetch>,
}

impl State {
    fn kind<K: BatchKey>(&mut self) -> &mut Kind<K> {
        let kind = self.kinds.entry(TypeId::of::<K>()).or_insert_with(|| Box::new(Kind::<K>::default()));
        kind.downcast_mut().expect("a kind is kept under its own type")
    }
}

impl fmt::Debug for Loaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaders").field("actor", &self.actor).finish_non_exhaustive()
    }
}

type Answer<K> = Result<Option<<K as BatchKey>::Value>, Arc<StoreError>>;

struct Kind<K: BatchKey> {
    /// `None` for what was looked for and not found.
    known: HashMap<K, Option<K::Value>>,
    /// Who waits for what.
    asked: HashMap<K, Vec<oneshot::Sender<Answer<K>>>>,
}

impl<K: BatchKey> Default for Kind<K> {
    fn default() -> Self {
        Self { known: HashMap::new(), asked: HashMap::new() }
    }
}

impl Loaders {
    pub(crate) fn new(store: Store, actor: Actor, remembers: bool) -> Arc<Self> {
        Arc::new(Self { store, actor, remembers, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn load<K: BatchKey>(&self, key: K) -> Result<Option<K::Value>, ApiError> {
        let answer = {
            let mut state = self.state();
            let kind = state.kind::<K>();
            if let Some(known) = kind.known.get(&key) {
                return Ok(known.clone());
            }
            let first = kind.asked.is_empty();
            let (sender, answer) = oneshot::channel();
            kind.asked.entry(key).or_default().push(sender);
            if first {
                state.ready.push(Self::batch::<K>);
            }
            answer
        };
        // A batch is dropped together with the operation that waits for it, or answers.
        answer.await.unwrap_or(Ok(None)).map_err(ApiError::Batch)
    }

    /// Fetches everything that is asked for under keys of one kind.
    fn batch<K: BatchKey>(self: &Arc<Self>) -> BoxFuture<'static, ()> {
        let loaders = self.clone();
        let asked = std::mem::take(&mut self.state().kind::<K>().asked);
        Box::pin(async move {
            let keys: Vec<K> = asked.keys().cloned().collect();
            let mut found = loaders.fetch(&keys).await;
            for (key, waiting) in asked {
                let answer = match &mut found {
                    Ok(found) => Ok(found.remove(&key)),
                    Err(error) => Err(error.clone()),
                };
                if let (true, Ok(value)) = (loaders.remembers, &answer) {
                    loaders.state().kind::<K>().known.insert(key, value.clone());
                }
                for sender in waiting {
                    // Who no longer waits does not mind.
                    let _ = sender.send(answer.clone());
                }
            }
        })
    }

    async fn fetch<K: BatchKey>(&self, keys: &[K]) -> Result<HashMap<K, K::Value>, Arc<StoreError>> {
        observe::batch::<K, _>(keys.len(), K::load(&self.store, &self.actor, keys)).await.map_err(Arc::new)
    }

    /// Fetches at once what the selection is known to ask for.
    pub(crate) async fn prime<K: BatchKey>(&self, keys: Vec<K>) -> Result<(), ApiError> {
        if !self.remembers {
            return Ok(());
        }
        let keys: Vec<K> = {
            let mut state = self.state();
            let known = &state.kind::<K>().known;
            let keys: HashSet<K> = keys.into_iter().filter(|key| !known.contains_key(key)).collect();
            keys.into_iter().collect()
        };
        if keys.is_empty() {
            return Ok(());
        }
        let mut found = self.fetch(&keys).await.map_err(ApiError::Batch)?;
        let found = |key: K| {
            let value = found.remove(&key).or_else(K::absent);
            (key, value)
        };
        self.state().kind::<K>().known.extend(keys.into_iter().map(found));
        Ok(())
    }

    /// Takes in what was found on the way to something else.
    pub(crate) fn feed<K: BatchKey>(&self, found: impl IntoIterator<Item = (K, K::Value)>) {
        if self.remembers {
            self.state().kind::<K>().known.extend(found.into_iter().map(|(key, value)| (key, Some(value))));
        }
    }

    /// What is known already: `Some(None)` of what is not there, `None` of what was not looked for.
    pub(crate) fn peek<K: BatchKey>(&self, key: &K) -> Option<Option<K::Value>> {
        self.state().kind::<K>().known.get(key).cloned()
    }
}

impl BatchKey for UserId {
    type Value = UserRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, UserRecord>, StoreError> {
        store.users_by_ids(actor, keys).await
    }
}

impl BatchKey for WorkspaceId {
    type Value = WorkspaceRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, WorkspaceRecord>, StoreError> {
        store.workspaces_by_ids(actor, keys).await
    }
}

impl BatchKey for ProjectId {
    type Value = ProjectRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, ProjectRecord>, StoreError> {
        store.projects_by_ids(actor, keys).await
    }
}
