use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::JobId;
use nunatak_store::{Store, StoreError, jobs::JobRecord};

use super::super::loaders::BatchKey;

impl BatchKey for JobId {
    type Value = JobRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, JobRecord>, StoreError> {
        store.jobs_by_ids(actor, keys).await
    }
}
