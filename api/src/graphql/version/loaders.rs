use std::{collections::HashMap, sync::Arc};

use nunatak_authz::Actor;
use nunatak_domain::{ModelId, Scalar, VersionId};
use nunatak_store::{
    Store, StoreError,
    versions::{Along, Company, Maps, VersionDocuments, VersionRecord},
};

use super::super::loaders::BatchKey;

/// The version with this row number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VersionRow(pub i64);

/// The version of a model with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NumberedVersion(pub ModelId, pub i64);

/// A version, and what came along with it and others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct VersionAlong(pub(super) VersionId, pub(super) Along);

/// The large documents of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DocumentsOf(pub(super) i64);

/// The maps of a version, as far as they are there to be read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct MapsOf(pub(super) i64);

/// The hyperparameters of a version, or those with some keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct HyperparametersOf(pub(super) i64, pub(super) Option<Vec<String>>);

/// The parameters of a version, or those with some keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ParametersOf(pub(super) i64, pub(super) Option<Vec<String>>);

impl BatchKey for VersionId {
    type Value = VersionRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, VersionRecord>, StoreError> {
        store.versions_by_ids(actor, keys).await
    }
}

impl BatchKey for VersionAlong {
    type Value = (VersionRecord, Arc<Company>);

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let mut ways: HashMap<Along, Vec<VersionId>> = HashMap::new();
        for Self(id, along) in keys {
            ways.entry(*along).or_default().push(*id);
        }
        let mut found = HashMap::new();
        for (along, ids) in ways {
            let (versions, company) = store.versions_along_by_ids(actor, &ids, along).await?;
            let company = Arc::new(company);
            found.extend(versions.into_iter().map(|(id, version)| (Self(id, along), (version, company.clone()))));
        }
        Ok(found)
    }
}

impl BatchKey for VersionRow {
    type Value = VersionRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, VersionRecord>, StoreError> {
        let rows: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let found = store.versions_by_rows(actor, &rows).await?;
        Ok(found.into_iter().map(|(row, version)| (Self(row), version)).collect())
    }
}

impl BatchKey for NumberedVersion {
    type Value = VersionRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, VersionRecord>, StoreError> {
        let numbers: Vec<_> = keys.iter().map(|key| (key.0, key.1)).collect();
        let found = store.versions_by_numbers(actor, &numbers).await?;
        Ok(found.into_iter().map(|version| (Self(version.model, version.number), version)).collect())
    }
}

impl BatchKey for DocumentsOf {
    type Value = VersionDocuments;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let rows: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let found = store.version_documents(actor, &rows).await?;
        Ok(found.into_iter().map(|(row, documents)| (Self(row), documents)).collect())
    }
}

impl BatchKey for MapsOf {
    type Value = Arc<Maps>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Arc<Maps>>, StoreError> {
        let rows: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let found = store.maps_of(actor, &rows).await?;
        Ok(found.into_iter().map(|(row, maps)| (Self(row), Arc::new(maps))).collect())
    }
}

/// The rows that ask for the same keys: one statement each (and mostly there is one).
pub(crate) fn by_keys<'a, K: 'a>(
    keys: &'a [K],
    split: impl Fn(&'a K) -> (i64, &'a Option<Vec<String>>),
) -> HashMap<&'a Option<Vec<String>>, Vec<i64>> {
    let mut groups: HashMap<_, Vec<i64>> = HashMap::new();
    for (row, named) in keys.iter().map(split) {
        groups.entry(named).or_default().push(row);
    }
    groups
}

impl BatchKey for HyperparametersOf {
    type Value = Vec<(String, Scalar)>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let mut found = HashMap::new();
        for (named, rows) in by_keys(keys, |key| (key.0, &key.1)) {
            let values = store.hyperparameters_of(actor, &rows, named.as_deref()).await?;
            found.extend(values.into_iter().map(|(row, values)| (Self(row, named.clone()), values)));
        }
        Ok(found)
    }
}

impl BatchKey for ParametersOf {
    type Value = Vec<(String, Scalar)>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let mut found = HashMap::new();
        for (named, rows) in by_keys(keys, |key| (key.0, &key.1)) {
            let values = store.parameters_of(actor, &rows, named.as_deref()).await?;
            found.extend(values.into_iter().map(|(row, values)| (Self(row, named.clone()), values)));
        }
        Ok(found)
    }
}
