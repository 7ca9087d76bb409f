use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::{DetectorId, RunnerId};
use nunatak_store::{Store, StoreError, jobs::JobRecord, runners::RunnerRecord};

use super::super::loaders::BatchKey;

impl BatchKey for RunnerId {
    type Value = RunnerRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, RunnerRecord>, StoreError> {
        store.runners_by_ids(actor, keys).await
    }
}

/// The runners that offer a detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunnersOfDetector(pub DetectorId);

impl BatchKey for RunnersOfDetector {
    type Value = Vec<RunnerRecord>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Vec<RunnerRecord>>, StoreError> {
        let detectors: Vec<DetectorId> = keys.iter().map(|key| key.0).collect();
        let ids = store.runners_of_detectors(actor, &detectors).await?;
        let mut wanted: Vec<RunnerId> = ids.values().flatten().copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let records = RunnerId::load(store, actor, &wanted).await?;
        let of = |ids: Vec<RunnerId>| {
            let mut found: Vec<_> = ids.iter().filter_map(|id| records.get(id).cloned()).collect();
            found.sort_by(|a, b| a.name.cmp(&b.name));
            found
        };
        Ok(ids.into_iter().map(|(detector, ids)| (Self(detector), of(ids))).collect())
    }
}

/// How many jobs a runner is at work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ActiveJobs(pub RunnerId);

impl BatchKey for ActiveJobs {
    type Value = i64;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, i64>, StoreError> {
        let runners: Vec<RunnerId> = keys.iter().map(|key| key.0).collect();
        let counts = store.active_jobs_of_runners(actor, &runners).await?;
        Ok(counts.into_iter().map(|(runner, jobs)| (Self(runner), jobs)).collect())
    }
}

/// The jobs that a runner is at work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobsOfRunner(pub RunnerId);

impl BatchKey for JobsOfRunner {
    type Value = Vec<JobRecord>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Vec<JobRecord>>, StoreError> {
        let runners: Vec<RunnerId> = keys.iter().map(|key| key.0).collect();
        let jobs = store.jobs_of_runners(actor, &runners).await?;
        Ok(jobs.into_iter().map(|(runner, jobs)| (Self(runner), jobs)).collect())
    }
}
