use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::{JobId, PredictionId};
use nunatak_store::{Store, StoreError, predictions::PredictionRecord};

use super::super::loaders::BatchKey;

impl BatchKey for PredictionId {
    type Value = PredictionRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, PredictionRecord>, StoreError> {
        store.predictions_by_ids(actor, keys).await
    }
}

/// What a job made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PredictionOfJob(pub JobId);

impl BatchKey for PredictionOfJob {
    type Value = PredictionRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, PredictionRecord>, StoreError> {
        let jobs: Vec<JobId> = keys.iter().map(|key| key.0).collect();
        let found = store.predictions_by_jobs(actor, &jobs).await?;
        Ok(found.into_iter().map(|(job, prediction)| (Self(job), prediction)).collect())
    }
}
