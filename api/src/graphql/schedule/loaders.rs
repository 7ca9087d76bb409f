use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::{ScheduleId, ScheduleRunId};
use nunatak_store::{
    Store, StoreError,
    schedules::{RunRecord, ScheduleRecord},
};

use super::super::loaders::BatchKey;

/// What a schedule fired last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LastRun(pub(super) ScheduleId);

impl BatchKey for ScheduleId {
    type Value = ScheduleRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, ScheduleRecord>, StoreError> {
        store.schedules_by_ids(actor, keys).await
    }
}

impl BatchKey for ScheduleRunId {
    type Value = RunRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, RunRecord>, StoreError> {
        store.runs_by_ids(actor, keys).await
    }
}

impl BatchKey for LastRun {
    type Value = RunRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, RunRecord>, StoreError> {
        let schedules: Vec<ScheduleId> = keys.iter().map(|key| key.0).collect();
        let found = store.last_runs(actor, &schedules).await?;
        Ok(found.into_iter().map(|(schedule, run)| (Self(schedule), run)).collect())
    }
}
