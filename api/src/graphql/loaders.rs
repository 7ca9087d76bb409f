//! Children in batches: all keys of one kind that a request asks for at once become one statement.
//!
//! To add a child: a key type in the noun's `loaders.rs` with [`BatchKey`] on it, then `ctx.load(Key(id))`.
//! The filter is in the SQL and the actor inside the loader: a loader finds nothing that a query would not.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    future::Future,
    hash::Hash,
    sync::Arc,
    time::Duration,
};

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader, NoCache};
use nunatak_authz::Actor;
use nunatak_domain::{ProjectId, UserId, WorkspaceId};
use nunatak_store::{
    Store, StoreError,
    identity::UserRecord,
    organisation::{ProjectRecord, WorkspaceRecord},
};

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

/// Where batches are fetched: the store, seen with one actor's eyes.
pub(crate) struct ScopedStore {
    store: Store,
    actor: Actor,
}

#[async_trait::async_trait]
impl<K: BatchKey> Loader<K> for ScopedStore {
    type Value = K::Value;
    type Error = Arc<StoreError>;

    async fn load(&self, keys: &[K]) -> Result<HashMap<K, K::Value>, Self::Error> {
        observe::batch::<K, _>(keys.len(), K::load(&self.store, &self.actor, keys)).await.map_err(Arc::new)
    }
}

/// The loaders of one request (which remember what they fetched) or of one live connection (which do not:
/// it outlives what it reads).
pub(crate) enum Loaders {
    Request(DataLoader<ScopedStore, HashMapCache>),
    Connection(DataLoader<ScopedStore, NoCache>),
}

/// How long a batch waits for siblings: as long as it takes to ask a hundred fields, which is ten times longer in a
/// build that is not optimised. One that comes too late makes a batch of its own.
const FILLING: Duration = Duration::from_micros(if cfg!(debug_assertions) { 5_000 } else { 1_000 });

impl Loaders {
    pub(crate) fn for_request(store: Store, actor: Actor) -> Self {
        Self::Request(
            DataLoader::with_cache(ScopedStore { store, actor }, observe::spawn, HashMapCache::default())
                .delay(FILLING),
        )
    }

    pub(crate) fn for_connection(store: Store, actor: Actor) -> Self {
        Self::Connection(DataLoader::with_cache(ScopedStore { store, actor }, observe::spawn, NoCache).delay(FILLING))
    }

    pub(crate) async fn load<K: BatchKey>(&self, key: K) -> Result<Option<K::Value>, ApiError> {
        let loaded = match self {
            Self::Request(loader) => loader.load_one(key).await,
            Self::Connection(loader) => loader.load_one(key).await,
        };
        loaded.map_err(ApiError::Batch)
    }

    /// Fetches at once what the selection is known to ask for: nobody then waits for a batch to fill.
    pub(crate) async fn prime<K: BatchKey>(&self, mut keys: Vec<K>) -> Result<(), ApiError> {
        // A live connection remembers nothing.
        let Self::Request(loader) = self else { return Ok(()) };
        let mut seen = HashSet::with_capacity(keys.len());
        keys.retain(|key| seen.insert(key.clone()));
        if keys.is_empty() {
            return Ok(());
        }
        let mut found = Loader::load(loader.loader(), &keys).await.map_err(ApiError::Batch)?;
        let values = keys.into_iter().filter_map(|key| Some((key.clone(), found.remove(&key).or_else(K::absent)?)));
        loader.feed_many(values.collect::<Vec<_>>()).await;
        Ok(())
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
