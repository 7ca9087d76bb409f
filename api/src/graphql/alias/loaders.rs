use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::ModelId;
use nunatak_store::{Store, StoreError, aliases::AliasRecord};

use super::super::loaders::BatchKey;

/// The aliases on a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AliasesOf(pub i64);

/// The aliases of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AliasesOfModel(pub ModelId);

impl BatchKey for AliasesOf {
    type Value = Vec<AliasRecord>;

    fn absent() -> Option<Vec<AliasRecord>> {
        Some(Vec::new())
    }

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let rows: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let found = store.aliases_of(actor, &rows).await?;
        Ok(found.into_iter().map(|(row, aliases)| (Self(row), aliases)).collect())
    }
}

impl BatchKey for AliasesOfModel {
    type Value = Vec<AliasRecord>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let models: Vec<ModelId> = keys.iter().map(|key| key.0).collect();
        let found = store.aliases_by_models(actor, &models).await?;
        Ok(found.into_iter().map(|(model, aliases)| (Self(model), aliases)).collect())
    }
}
