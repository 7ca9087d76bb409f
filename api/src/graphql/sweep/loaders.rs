use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::SweepId;
use nunatak_store::{
    Store, StoreError,
    sweeps::{Progress, SweepRecord, TrialRecord},
};

use super::super::loaders::BatchKey;

/// How far a sweep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ProgressOf(pub(super) SweepId);

/// The best trial on each data set of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct BestOf(pub(super) SweepId);

impl BatchKey for SweepId {
    type Value = SweepRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, SweepRecord>, StoreError> {
        store.sweeps_by_ids(actor, keys).await
    }
}

impl BatchKey for ProgressOf {
    type Value = Progress;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Progress>, StoreError> {
        let ids: Vec<SweepId> = keys.iter().map(|key| key.0).collect();
        let found = store.sweep_progress(actor, &ids).await?;
        Ok(found.into_iter().map(|(id, progress)| (Self(id), progress)).collect())
    }
}

impl BatchKey for BestOf {
    type Value = Vec<TrialRecord>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let ids: Vec<SweepId> = keys.iter().map(|key| key.0).collect();
        let found = store.best_trials(actor, &ids).await?;
        Ok(found.into_iter().map(|(id, trials)| (Self(id), trials)).collect())
    }
}
