use std::{collections::HashMap, hash::Hash};

use nunatak_authz::Actor;
use nunatak_domain::{ProjectId, UserId};
use nunatak_store::{Store, StoreError, facets::Top, summaries::SummaryList, versions::Count};

use super::super::loaders::BatchKey;

/// The first names of a list in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NamesIn(pub(super) ProjectId, pub(super) SummaryList, pub(super) u32);

/// The first contributors of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ContributorsOf(pub(super) ProjectId, pub(super) u32);

/// How many versions a project has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct VersionCountOf(pub(super) ProjectId);

/// The projects of which the same is asked: one statement each (and mostly there is one).
fn grouped<K: Copy, G: Eq + Hash>(keys: &[K], split: impl Fn(K) -> (ProjectId, G)) -> HashMap<G, Vec<ProjectId>> {
    let mut groups: HashMap<G, Vec<ProjectId>> = HashMap::new();
    for (project, group) in keys.iter().copied().map(split) {
        groups.entry(group).or_default().push(project);
    }
    groups
}

impl BatchKey for NamesIn {
    type Value = Top<String>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let mut found = HashMap::new();
        for ((list, first), projects) in grouped(keys, |key| (key.0, (key.1, key.2))) {
            let names = store.summary_names(actor, &projects, list, first).await?;
            found.extend(names.into_iter().map(|(project, names)| (Self(project, list, first), names)));
        }
        Ok(found)
    }
}

impl BatchKey for ContributorsOf {
    type Value = Top<UserId>;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let mut found = HashMap::new();
        for (first, projects) in grouped(keys, |key| (key.0, key.1)) {
            let users = store.summary_contributors(actor, &projects, first).await?;
            found.extend(users.into_iter().map(|(project, users)| (Self(project, first), users)));
        }
        Ok(found)
    }
}

impl BatchKey for VersionCountOf {
    type Value = Count;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let projects: Vec<_> = keys.iter().map(|key| key.0).collect();
        let counts = store.summary_counts(actor, &projects).await?;
        Ok(counts.into_iter().map(|(project, count)| (Self(project), count)).collect())
    }
}
