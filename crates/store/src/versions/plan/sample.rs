//! Some hundred versions in memory, from which the share of all that passes a condition is estimated.
//!
//! A database's own statistics describe a column, and a column holds the values of all keys: what they say of one
//! key can be wrong by a factor of ten thousand. The sample knows keys, and tags, and which go together.
//! It is for choosing only: what it says never reaches an answer.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use nunatak_domain::filter::{Aggregate, VersionFilter};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, entity::prelude::Uuid};

use super::super::{VersionRecord, maps, record::COLUMNS, sql::Binds};
use crate::{Store, StoreError, db};

/// Shares down to a hundredth are told apart; rarer conditions are counted.
const SIZE: usize = 400;
/// With so few versions every way is short.
pub(super) const SMALL: i64 = 5_000;
const LIFE: Duration = Duration::from_secs(60);
/// A small registry may be filled in a minute.
const SMALL_LIFE: Duration = Duration::from_secs(5);

/// One version, with what filters ask of it.
#[derive(Debug)]
struct Drawn {
    record: VersionRecord,
    workspace: Uuid,
    name: String,
    dataset: Option<Uuid>,
    dataset_name: Option<String>,
    tags: Vec<String>,
    aliases: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Sample {
    taken: Instant,
    /// The newest version's row number: about how many there are.
    pub(super) newest: i64,
    drawn: Vec<Drawn>,
}

/// The last sample; replaced in the background when it is old.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    last: RwLock<Option<Arc<Sample>>>,
    refreshing: tokio::sync::Mutex<()>,
}

impl Samples {
    fn last(&self) -> Option<Arc<Sample>> {
        self.last.read().ok()?.clone()
    }
}

impl Sample {
    fn is_old(&self) -> bool {
        self.taken.elapsed() > if self.newest <= SMALL { SMALL_LIFE } else { LIFE }
    }

    /// The share of versions that pass, never 0; `None` where nothing is known.
    pub(super) fn share(&self, filter: &VersionFilter) -> Option<f64> {
        self.share_where(|drawn| drawn.passes(filter))
    }

    /// The share of versions in these projects.
    pub(super) fn share_of_projects(&self, rows: &[i64]) -> Option<f64> {
        self.share_where(|drawn| rows.contains(&drawn.record.project_row))
    }

    #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
    fn share_where(&self, passes: impl Fn(&Drawn) -> bool) -> Option<f64> {
        let passing = self.drawn.iter().filter(|drawn| passes(drawn)).count();
        (!self.drawn.is_empty()).then(|| (passing as f64).max(0.3) / self.drawn.len() as f64)
    }
}

impl Drawn {
    fn passes(&self, filter: &VersionFilter) -> bool {
        let Self { record, .. } = self;
        let git = |part: fn(&super::super::Git) -> Option<&String>| record.git.as_ref().and_then(part);
        let maps = record.maps.as_deref();
        match filter {
            VersionFilter::And(parts) => parts.iter().all(|part| self.passes(part)),
            VersionFilter::Or(parts) => parts.iter().any(|part| self.passes(part)),
            VersionFilter::Not(part) => !self.passes(part),
            VersionFilter::Id(ids) => ids.contains(&record.id),
            VersionFilter::Workspace(ids) => ids.iter().any(|id| id.0 == self.workspace),
            VersionFilter::Project(ids) => ids.contains(&record.project),
            VersionFilter::Model(ids) => ids.contains(&record.model),
            VersionFilter::CreatedBy(ids) => ids.contains(&record.created_by),
            VersionFilter::Job(ids) => record.job.is_some_and(|job| ids.contains(&job)),
            VersionFilter::Dataset(ids) => self.dataset.is_some_and(|dataset| ids.iter().any(|id| id.0 == dataset)),
            VersionFilter::DatasetVersion(ids) => record.dataset_version.is_some_and(|id| ids.contains(&id)),
            VersionFilter::DatasetName(test) => test.passes(&self.dataset_name),
            VersionFilter::Name(test) => test.passes([&self.name]),
            VersionFilter::Detector(test) => test.passes(record.detector.as_ref().map(|(name, _)| name)),
            VersionFilter::Number(test) => test.passes(record.number),
            VersionFilter::CreatedAt(test) => test.passes(record.created_at),
            VersionFilter::Visibility(value) => record.visibility == *value,
            VersionFilter::Status(value) => record.status == *value,
            VersionFilter::Alias(test) => test.passes(&self.aliases),
            VersionFilter::Tag(test) => test.passes(&self.tags),
            VersionFilter::GitBranch(test) => test.passes(git(|git| git.branch.as_ref())),
            VersionFilter::GitCommit(test) => test.passes(git(|git| git.commit.as_ref())),
            VersionFilter::GitDirty(dirty) => record.git.as_ref().and_then(|git| git.dirty) == Some(*dirty),
            VersionFilter::Hyperparameter(key, test) => {
                test.passes(named(maps.and_then(|maps| maps.hyperparameters.as_deref()), key))
            }
            VersionFilter::Parameter(key, test) => {
                test.passes(named(maps.and_then(|maps| maps.parameters.as_deref()), key))
            }
            VersionFilter::Metric(key, aggregate, test) => {
                let metrics = maps.and_then(|maps| maps.metrics.as_deref()).unwrap_or_default();
                let metric = metrics.iter().find(|metric| metric.key == *key);
                test.passes(metric.map(|metric| match aggregate {
                    Aggregate::Last => metric.last,
                    Aggregate::Min => metric.min,
                    Aggregate::Max => metric.max,
                    Aggregate::Best => metric.best,
                }))
            }
        }
    }
}

fn named<'a, T>(values: Option<&'a [(String, T)]>, key: &str) -> Option<&'a T> {
    values?.iter().find(|(known, _)| known == key).map(|(_, value)| value)
}

impl Store {
    /// The sample to choose by. The first is waited for; an old one serves until its successor is there.
    pub(super) async fn sample(&self) -> Result<Arc<Sample>, StoreError> {
        let samples = &self.0.samples;
        match samples.last() {
            Some(sample) if !sample.is_old() => return Ok(sample),
            Some(sample) if sample.newest > SMALL => {
                let store = self.clone();
                tokio::spawn(async move {
                    // Somebody else is at it already.
                    let Ok(_turn) = store.0.samples.refreshing.try_lock() else { return };
                    if let Err(error) = store.draw_sample().await {
                        tracing::warn!(%error, "the sample of versions could not be drawn anew");
                    }
                });
                return Ok(sample);
            }
            _ => {}
        }
        let _turn = samples.refreshing.lock().await;
        match samples.last().filter(|sample| !sample.is_old()) {
            Some(sample) => Ok(sample),
            None => self.draw_sample().await,
        }
    }

    async fn draw_sample(&self) -> Result<Arc<Sample>, StoreError> {
        let db = self.0.db.unwatched();
        let row = db.query_one_raw(db::sql(db, "SELECT MAX(row_id) AS newest FROM versions", vec![])).await?;
        let newest: i64 = row.and_then(|row| row.try_get("", "newest").ok()).unwrap_or(0);
        let drawn = if newest <= SMALL { Vec::new() } else { draw(self, &places(newest)).await? };
        let sample = Arc::new(Sample { taken: Instant::now(), newest, drawn });
        if let Ok(mut last) = self.0.samples.last.write() {
            *last = Some(sample.clone());
        }
        Ok(sample)
    }
}

/// Row numbers spread over all there are: multiples of the golden ratio fall evenly, whatever their number.
fn places(newest: i64) -> Vec<i64> {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    let of = u128::from(newest.unsigned_abs());
    let place = |n: u64| i64::try_from((u128::from(n.wrapping_mul(STEP)) * of) >> 64).unwrap_or(0) + 1;
    (0..SIZE as u64).map(place).collect()
}

async fn draw(store: &Store, rows: &[i64]) -> Result<Vec<Drawn>, StoreError> {
    let mut binds = Binds::default();
    let listed = binds.list(rows.iter().copied());
    let values = binds.into_values();
    let mut tags = texts(
        store,
        &format!(
            "SELECT x.version_row, t.name FROM version_tags x JOIN tags t ON t.id = x.tag_id \
             WHERE x.version_row IN ({listed})"
        ),
        values.clone(),
    )
    .await?;
    let select = format!("SELECT a.version_row, a.name FROM aliases a WHERE a.version_row IN ({listed})");
    let mut aliases = texts(store, &select, values.clone()).await?;
    let text = format!(
        "SELECT {COLUMNS}, {maps}, m.name AS name, p.workspace_id, s.id AS dataset_id, s.name AS known_dataset \
         FROM versions JOIN models m ON m.id = versions.model_id JOIN projects p ON p.row_id = versions.project_row \
         LEFT JOIN dataset_versions d ON d.id = versions.dataset_version_id LEFT JOIN datasets s ON s.id = d.dataset_id \
         {join} WHERE versions.row_id IN ({listed})",
        maps = maps::columns(store.0.db.is_postgres()),
        join = maps::JOIN,
    );
    let db = store.0.db.unwatched();
    let rows = db.query_all_raw(db::sql(db, &text, values)).await?;
    let read = |row: &QueryResult| {
        let record = VersionRecord::read_with_maps(row)?;
        let known: Option<String> = row.try_get("", "known_dataset")?;
        Ok(Drawn {
            workspace: row.try_get("", "workspace_id")?,
            name: row.try_get("", "name")?,
            dataset: row.try_get("", "dataset_id")?,
            dataset_name: known.or_else(|| record.dataset_name.clone()),
            tags: tags.remove(&record.row).unwrap_or_default(),
            aliases: aliases.remove(&record.row).unwrap_or_default(),
            record,
        })
    };
    rows.iter().map(read).collect()
}

async fn texts(store: &Store, text: &str, values: Vec<sea_orm::Value>) -> Result<HashMap<i64, Vec<String>>, DbErr> {
    let db = store.0.db.unwatched();
    let mut found: HashMap<i64, Vec<String>> = HashMap::new();
    for row in db.query_all_raw(db::sql(db, text, values)).await? {
        found.entry(row.try_get("", "version_row")?).or_default().push(row.try_get("", "name")?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_evenly() {
        for newest in [SMALL + 1, 123_457, 10_000_000] {
            let mut places = places(newest);
            places.sort_unstable();
            places.dedup();
            assert!(places.len() > SIZE * 9 / 10 && places[0] >= 1 && *places.last().unwrap() <= newest);
            let widest = places.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            assert!(widest < newest / 100, "{widest} of {newest}");
        }
    }
}
