use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::{DatasetId, DatasetVersionId};
use nunatak_store::{
    Store, StoreError,
    datasets::{DatasetRecord, DatasetVersionRecord},
};

use super::super::loaders::BatchKey;

/// The version with the highest number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LatestOf(pub(super) DatasetId);

/// The version with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Numbered(pub(super) DatasetId, pub(super) i64);

impl BatchKey for DatasetId {
    type Value = DatasetRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, DatasetRecord>, StoreError> {
        store.datasets_by_ids(actor, keys).await
    }
}

impl BatchKey for DatasetVersionId {
    type Value = DatasetVersionRecord;

    async fn load(
        store: &Store,
        actor: &Actor,
        keys: &[Self],
    ) -> Result<HashMap<Self, DatasetVersionRecord>, StoreError> {
        store.dataset_versions_by_ids(actor, keys).await
    }
}

impl BatchKey for LatestOf {
    type Value = DatasetVersionRecord;

    async fn load(
        store: &Store,
        actor: &Actor,
        keys: &[Self],
    ) -> Result<HashMap<Self, DatasetVersionRecord>, StoreError> {
        let ids: Vec<DatasetId> = keys.iter().map(|key| key.0).collect();
        let found = store.latest_dataset_versions(actor, &ids).await?;
        Ok(found.into_iter().map(|(id, version)| (Self(id), version)).collect())
    }
}

impl BatchKey for Numbered {
    type Value = DatasetVersionRecord;

    async fn load(
        store: &Store,
        actor: &Actor,
        keys: &[Self],
    ) -> Result<HashMap<Self, DatasetVersionRecord>, StoreError> {
        let numbers: Vec<(DatasetId, i64)> = keys.iter().map(|key| (key.0, key.1)).collect();
        let found = store.dataset_versions_by_numbers(actor, &numbers).await?;
        Ok(found.into_iter().map(|((id, number), version)| (Self(id, number), version)).collect())
    }
}
