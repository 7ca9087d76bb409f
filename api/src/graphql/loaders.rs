//! Children in batches: all keys of one kind that a request asks for at once become one statement.
//!
//! To add a child: a key type in the noun's `loaders.rs` with [`BatchKey`] on it, then `ctx.load(Key(id))`.
//! The filter is in the SQL and the actor inside the loader: a loader finds nothing that a query would not.

use std::{collections::HashMap, fmt, future::Future, hash::Hash, sync::Arc};

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

impl Loaders {
    pub(crate) fn for_request(store: Store, actor: Actor) -> Self {
        Self::Request(DataLoader::with_cache(ScopedStore { store, actor }, observe::spawn, HashMapCache::default()))
    }

    pub(crate) fn for_connection(store: Store, actor: Actor) -> Self {
        Self::Connection(DataLoader::with_cache(ScopedStore { store, actor }, observe::spawn, NoCache))
    }

    pub(crate) async fn load<K: BatchKey>(&self, key: K) -> Result<Option<K::Value>, ApiError> {
        let loaded = match self {
            Self::Request(loader) => loader.load_one(key).await,
            Self::Connection(loader) => loader.load_one(key).await,
        };
        loaded.map_err(ApiError::Batch)
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
