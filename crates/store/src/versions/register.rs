//! How versions get in, one or five hundred: the number of statements does not depend on how many they are.

use nunatak_domain::{KeyKind, ModelId, Name, Problem, ProjectId, VersionId};
use sea_orm::DatabaseTransaction;
use serde_json::json;

pub(crate) use super::check::limit;
pub use super::check::{MAX_FIGURES, MAX_KEYS, MAX_TAGS};
use super::{
    Artifact, NewVersion, TargetModel, VersionRecord,
    check::check,
    row::{self, Place},
    tables::Tables,
};
use crate::{Permit, Store, StoreError, audit, metrics, rows::insert_all, tags};

/// Versions that were checked, and whose keys are in the dictionary.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    many: bool,
}

#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) id: VersionId,
    pub(super) model: &'a TargetModel,
    pub(super) new: &'a NewVersion,
    pub(super) points: metrics::Grouped<'a>,
    pub(super) keys: Keys,
}

/// The ids of an entry's keys, each list in the order of what it names.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) hyperparameters: Vec<i64>,
    pub(super) parameters: Vec<i64>,
    pub(super) metrics: Vec<i64>,
    pub(super) tags: Vec<i64>,
}

/// What the database knows of what a version refers to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) artifact: Option<Artifact>,
    pub(crate) parent_row: Option<i64>,
}

/// Locates a problem of the version in this place, where there are places.
pub(crate) fn located(many: bool, place: usize, problem: Problem) -> Problem {
    if many { problem.at(place.to_string()).at("versions") } else { problem }
}

impl Batch<'_> {
    pub(crate) fn ids(&self) -> Vec<VersionId> {
        self.entries.iter().map(|entry| entry.id).collect()
    }

    /// The models that were named, where `versions` were made of the batch.
    pub(super) fn named<'a>(&'a self, versions: &'a [VersionRecord]) -> impl Iterator<Item = (&'a Name, ModelId)> {
        let named = self.entries.iter().zip(versions).map(|(entry, version)| match entry.model {
            TargetModel::Named(name) => Some((name, version.model)),
            TargetModel::Id(_) => None,
        });
        named.flatten()
    }

    /// Whether they came as a list.
    pub(super) const fn many(&self) -> bool {
        self.many
    }

    /// The names of all tags, with their keys.
    pub(super) fn tags(&self) -> impl Iterator<Item = (&Name, i64)> {
        self.entries.iter().flat_map(|entry| entry.new.tags.iter().zip(entry.keys.tags.iter().copied()))
    }
}

impl Store {
    /// Checks new versions and sees to their keys; before the transaction that inserts them. `many` says whether
    /// they came as a list, so that problems are located in it.
    ///
    /// # Errors
    /// The first problem; database.
    pub(crate) async fn prepare_versions<'a>(
        &self,
        versions: impl Iterator<Item = (&'a TargetModel, &'a NewVersion)>,
        many: bool,
    ) -> Result<Batch<'a>, StoreError> {
        let mut checked = Vec::new();
        for (place, (model, new)) in versions.enumerate() {
            let points = check(new).and_then(|()| metrics::Grouped::of(&new.metrics));
            checked.push((model, new, points.map_err(|problem| located(many, place, problem))?));
        }
        let names: Vec<_> = checked.iter().flat_map(|(_, new, points)| names(new, points)).collect();
        let mut ids = self.ensure_keys(&names).await?.into_iter();
        let now = self.now();
        let entries = checked.into_iter().map(|(model, new, points)| {
            let mut take = |count: usize| ids.by_ref().take(count).collect::<Vec<_>>();
            let keys = Keys {
                hyperparameters: take(new.hyperparameters.len()),
                parameters: take(new.parameters.len()),
                metrics: take(points.keys().count()),
                tags: take(new.tags.len()),
            };
            Entry { id: VersionId::new(now), model, new, points, keys }
        });
        Ok(Batch { entries: entries.collect(), many })
    }

    /// Makes the next versions of their models, with all their rows, in the caller's transaction; `found` has what
    /// was found about each. What `permit` was used for is noted, for each version.
    ///
    /// Locks are taken in one order by all writers: tags by name, models by name, then what the rows refer to.
    /// The caller publishes `VersionRegistered` after the commit.
    pub(crate) async fn insert_versions(
        &self,
        txn: &DatabaseTransaction,
        project: (i64, ProjectId),
        batch: &Batch<'_>,
        found: &[Found],
        permit: Option<&Permit>,
    ) -> Result<Vec<VersionRecord>, StoreError> {
        let Batch { entries, many } = batch;
        let Some(Entry { new: NewVersion { created_by, .. }, .. }) = entries.first() else { return Ok(Vec::new()) };
        let tags = tags::ensure(self, txn, project.0, batch.tags(), *created_by).await?;
        let targets: Vec<_> = entries.iter().map(|entry| entry.model).collect();
        let numbered = self.take_numbers(txn, project, &targets, *created_by).await?;
        let numbered = numbered.map_err(|(place, problem)| located(*many, place, problem))?;

        let now = self.now();
        let mut rows = Tables::new();
        let mut records = Vec::with_capacity(entries.len());
        for (place, ((entry, found), numbered)) in entries.iter().zip(found).zip(numbered).enumerate() {
            let at = Place { id: entry.id, project, numbered, parent_row: found.parent_row, now };
            let artifact = found.artifact.as_ref().or(entry.new.artifact.as_ref());
            let model = row::model(entry.new, artifact, &at);
            row::push(&mut rows.versions, &model);
            rows.add(self, (numbered.row, project.0), entry, &tags).map_err(|p| located(*many, place, p))?;
            if let Some(permit) = permit {
                let detail = json!({ "model": numbered.model, "number": numbered.number });
                audit::push(&mut rows.audit, permit, now, entry.id, &detail);
            }
            records.push(VersionRecord::of(model, project.1)?);
        }
        insert_all(txn, rows.in_order()).await?;
        Ok(records)
    }
}

fn names<'a>(new: &'a NewVersion, points: &metrics::Grouped<'a>) -> impl Iterator<Item = (KeyKind, &'a str)> + use<'a> {
    let chosen = new.hyperparameters.iter().map(|(key, _)| (KeyKind::Hyperparameter, key.as_str()));
    let noted = new.parameters.iter().map(|(key, _)| (KeyKind::Parameter, key.as_str()));
    let measured: Vec<_> = points.keys().map(|key| (KeyKind::Metric, key)).collect();
    let tags = new.tags.iter().map(|tag| (KeyKind::Tag, tag.as_str()));
    chosen.chain(noted).chain(measured).chain(tags)
}
