//! What a resolver finds in its context.

use std::sync::Arc;

use async_graphql::{Context, ID};
use nunatak_authz::{Action, Actor, Permit};
use nunatak_domain::{Problem, ids::IdError};
use nunatak_store::{Store, StoreError};

use super::{
    error::ApiError,
    loaders::{BatchKey, Driver, Loaders},
};
use crate::{ApiState, http::auth::Credential};

/// One operation's own data.
pub struct RequestContext {
    pub(crate) actor: Actor,
    pub(crate) credential: Credential,
    pub(crate) loaders: Arc<Loaders>,
    /// Its answer is written by [`answer`](crate::http::answer), which takes finished JSON.
    pub(crate) takes_json: bool,
}

impl std::fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestContext").field("actor", &self.actor).finish_non_exhaustive()
    }
}

impl RequestContext {
    /// For a query or mutation: what is loaded twice is fetched once.
    #[must_use]
    pub fn for_request(state: &ApiState, actor: Actor, credential: Credential) -> Self {
        let loaders = Loaders::new(state.store.clone(), actor.clone(), true);
        Self { actor, credential, loaders, takes_json: true }
    }

    /// For a subscription, or a connection of several: everything is fetched afresh.
    #[must_use]
    pub fn for_connection(state: &ApiState, actor: Actor, credential: Credential) -> Self {
        let loaders = Loaders::new(state.store.clone(), actor.clone(), false);
        Self { actor, credential, loaders, takes_json: false }
    }

    /// What runs the operation whose context this is.
    pub(crate) fn driver(&self) -> Driver {
        Driver::new(self.loaders.clone())
    }
}

/// Shorthand for resolvers.
pub(crate) trait ContextExt {
    fn state(&self) -> &ApiState;
    fn store(&self) -> &Store;
    fn actor(&self) -> &Actor;
    fn request(&self) -> &RequestContext;
    /// Asks for an action that belongs to no workspace or project.
    fn permit(&self, action: Action) -> Result<Permit, StoreError>;
    /// A child, in one batch with its siblings' children. `None` where the actor may not see it.
    async fn load<K: BatchKey>(&self, key: K) -> Result<Option<K::Value>, ApiError>;
}

impl ContextExt for Context<'_> {
    fn state(&self) -> &ApiState {
        self.data_unchecked()
    }

    fn store(&self) -> &Store {
        &self.state().store
    }

    fn request(&self) -> &RequestContext {
        self.data_unchecked()
    }

    fn actor(&self) -> &Actor {
        &self.request().actor
    }

    fn permit(&self, action: Action) -> Result<Permit, StoreError> {
        self.store().permit(self.actor(), action)
    }

    async fn load<K: BatchKey>(&self, key: K) -> Result<Option<K::Value>, ApiError> {
        self.request().loaders.load(key).await
    }
}

/// Parses a public id out of the input field named `field`.
pub(crate) fn parse_id<T: std::str::FromStr<Err = IdError>>(id: &ID, field: &str) -> Result<T, StoreError> {
    id.parse().map_err(|error: IdError| Problem::new("INVALID_ID", error.to_string()).at(field).into())
}

/// The same for a field that may be left out.
pub(crate) fn parse_optional_id<T: std::str::FromStr<Err = IdError>>(
    id: Option<&ID>,
    field: &str,
) -> Result<Option<T>, StoreError> {
    id.map(|id| parse_id(id, field)).transpose()
}
