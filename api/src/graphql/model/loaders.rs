use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::ModelId;
use nunatak_store::{Store, StoreError, models::ModelRecord, versions::VersionRecord};

use super::super::loaders::BatchKey;

/// The newest version of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LatestVersion(pub(super) ModelId);

impl BatchKey for ModelId {
    type Value = ModelRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, ModelRecord>, StoreError> {
        store.models_by_ids(actor, keys).await
    }
}

impl BatchKey for LatestVersion {
    type Value = VersionRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, VersionRecord>, StoreError> {
        let models: Vec<ModelId> = keys.iter().map(|key| key.0).collect();
        let found = store.latest_versions(actor, &models).await?;
        Ok(found.into_iter().map(|(model, version)| (Self(model), version)).collect())
    }
}
