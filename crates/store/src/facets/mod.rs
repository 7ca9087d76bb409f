//! Facets: what occurs among the versions that a filter finds, and how often, so that a front end can draw its
//! pickers.
//!
//! - `names`: one value a version and tags and aliases, counted.
//! - `keys`: hyperparameters and parameters. `metrics`: metrics.
//!
//! To add a part that counts names: a variant of `names::NameFacet` with where its names stand, and a field in
//! `api/src/graphql/facet/`.

mod keys;
mod metrics;
mod names;

use std::fmt::Write;

pub use keys::{KeyFacet, TypeFacet, ValueFacet, ValueKind};
pub use metrics::MetricFacet;
pub use names::{Counted, NameFacet};
use nunatak_domain::filter::VersionFilter;

use crate::{
    Actor, Store, StoreError,
    versions::{Count, matching::newest_matching, sql::Binds},
};

/// Facets are computed over so many versions at most, the newest: so they cost the same at ten thousand versions
/// and at a million. A picker wants what is in use.
pub const MAX_CONSIDERED: u32 = 10_000;

/// The versions that facets are computed over: seen with one actor's eyes, found once for all parts.
#[derive(Debug, Clone)]
pub struct Considered {
    actor: Actor,
    /// Row numbers, with commas between: one value to bind, however many there are.
    rows: String,
    count: Count,
}

impl Considered {
    /// How many they are; capped where there are more that pass.
    #[must_use]
    pub const fn count(&self) -> Count {
        self.count
    }
}

/// The most frequent of something.
#[derive(Debug, Clone, PartialEq)]
pub struct Top<T> {
    pub items: Vec<T>,
    /// There are more than these.
    pub has_more: bool,
}

impl<T> Default for Top<T> {
    fn default() -> Self {
        Self { items: Vec::new(), has_more: false }
    }
}

impl<T> Top<T> {
    /// Of one item more than asked for.
    pub(crate) fn of(mut items: Vec<T>, first: u32) -> Self {
        let has_more = items.len() > first as usize;
        items.truncate(first as usize);
        Self { items, has_more }
    }
}

impl Store {
    /// The newest versions that the actor may see and that pass `filter`, up to [`MAX_CONSIDERED`].
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED`, database.
    pub async fn consider_versions(&self, actor: &Actor, filter: &VersionFilter) -> Result<Considered, StoreError> {
        let mut found = newest_matching(self, actor, filter, MAX_CONSIDERED + 1).await?;
        let capped = found.len() > MAX_CONSIDERED as usize;
        found.truncate(MAX_CONSIDERED as usize);
        let value = i64::try_from(found.len()).unwrap_or(i64::MAX);
        let mut rows = String::with_capacity(found.len() * 8);
        for (place, row) in found.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let _ = write!(rows, "{comma}{row}");
        }
        Ok(Considered { actor: actor.clone(), rows, count: Count { value, capped } })
    }

    /// `considered AS (…)`: a table with the column `row_id`, for a statement's `WITH`.
    fn considered_table(&self, of: &Considered, binds: &mut Binds) -> String {
        let rows = binds.bind(of.rows.as_str());
        // SQLite binds 32,766 values at most, and plans a statement anew for each number of them.
        match self.0.db.is_postgres() {
            true => {
                format!("considered AS (SELECT unnest(CAST(string_to_array({rows}, ',') AS BIGINT[])) AS row_id)")
            }
            false => format!("considered AS (SELECT value AS row_id FROM json_each('[' || {rows} || ']'))"),
        }
    }
}
