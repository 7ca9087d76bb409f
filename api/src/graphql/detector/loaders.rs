use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::{DetectorId, RunnerId};
use nunatak_store::{Store, StoreError, detectors::DetectorRecord};

use super::super::loaders::BatchKey;

impl BatchKey for DetectorId {
    type Value = DetectorRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, DetectorRecord>, StoreError> {
        store.detectors_by_ids(actor, keys).await
    }
}

/// A detector by its name and version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DetectorNamed(pub String, pub String);

impl BatchKey for DetectorNamed {
    type Value = DetectorRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, DetectorRecord>, StoreError> {
        let pairs: Vec<(String, String)> = keys.iter().map(|key| (key.0.clone(), key.1.clone())).collect();
        let found = store.detectors_by_names(actor, &pairs).await?;
        Ok(found
            .into_iter()
            .map(|detector| (Self(detector.name.clone(), detector.version.clone()), detector))
            .collect())
    }
}

/// What a runner offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DetectorsOfRunner(pub RunnerId);

impl BatchKey for DetectorsOfRunner {
    type Value = Vec<DetectorRecord>;

    async fn load(
        store: &Store,
        actor: &Actor,
        keys: &[Self],
    ) -> Result<HashMap<Self, Vec<DetectorRecord>>, StoreError> {
        let runners: Vec<RunnerId> = keys.iter().map(|key| key.0).collect();
        let ids = store.detectors_of_runners(actor, &runners).await?;
        let mut wanted: Vec<DetectorId> = ids.values().flatten().copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let records = DetectorId::load(store, actor, &wanted).await?;
        let of = |ids: Vec<DetectorId>| {
            let mut found: Vec<_> = ids.iter().filter_map(|id| records.get(id).cloned()).collect();
            found.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
            found
        };
        Ok(ids.into_iter().map(|(runner, ids)| (Self(runner), of(ids))).collect())
    }
}
