use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::JobId;
use nunatak_store::{
    Store, StoreError,
    jobs::{AttemptRecord, JobRecord, LiveMetric},
};

use super::super::loaders::BatchKey;

impl BatchKey for JobId {
    type Value = JobRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, JobRecord>, StoreError> {
        store.jobs_by_ids(actor, keys).await
    }
}

/// The attempts at a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct AttemptsOf(pub(super) JobId);

impl BatchKey for AttemptsOf {
    type Value = Vec<AttemptRecord>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let jobs: Vec<JobId> = keys.iter().map(|key| key.0).collect();
        let found = store.attempts_of(actor, &jobs).await?;
        Ok(found.into_iter().map(|(job, attempts)| (Self(job), attempts)).collect())
    }
}

/// The live metrics of a job's last attempt, at most so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LiveMetricsOf(pub(super) JobId, pub(super) i32);

impl BatchKey for LiveMetricsOf {
    type Value = Vec<LiveMetric>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let mut sizes: HashMap<i32, Vec<JobId>> = HashMap::new();
        for key in keys {
            sizes.entry(key.1).or_default().push(key.0);
        }
        let mut found = HashMap::new();
        for (most, jobs) in sizes {
            let metrics = store.live_metrics_of(actor, &jobs, i64::from(most)).await?;
            found.extend(metrics.into_iter().map(|(job, metrics)| (Self(job, most), metrics)));
        }
        Ok(found)
    }
}
