use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_store::{
    Store, StoreError,
    metrics::{MetricRecord, PointRecord},
};

use super::super::{loaders::BatchKey, version::by_keys};

/// The metrics of a version, or those with some keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MetricsOf(pub(crate) i64, pub(crate) Option<Vec<String>>);

/// The points of a metric, at most so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PointsOf {
    pub(super) version_row: i64,
    pub(super) key_id: i64,
    pub(super) max_points: usize,
}

impl BatchKey for MetricsOf {
    type Value = Vec<MetricRecord>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let mut found = HashMap::new();
        for (named, rows) in by_keys(keys, |key| (key.0, &key.1)) {
            let metrics = store.metrics_of(actor, &rows, named.as_deref()).await?;
            found.extend(metrics.into_iter().map(|(row, metrics)| (Self(row, named.clone()), metrics)));
        }
        Ok(found)
    }
}

impl BatchKey for PointsOf {
    type Value = Vec<PointRecord>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let mut sizes: HashMap<usize, Vec<(i64, i64)>> = HashMap::new();
        for key in keys {
            sizes.entry(key.max_points).or_default().push((key.version_row, key.key_id));
        }
        let mut found = HashMap::new();
        for (max_points, metrics) in sizes {
            let points = store.metric_points(actor, &metrics, max_points).await?;
            let keyed = |((version_row, key_id), points)| (Self { version_row, key_id, max_points }, points);
            found.extend(points.into_iter().map(keyed));
        }
        Ok(found)
    }
}
