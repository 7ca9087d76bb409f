//! How many versions pass a rare condition, counted up to a bound and remembered for a while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use nunatak_domain::filter::VersionFilter;
use sea_orm::ConnectionTrait;

use super::{Question, access::gather};
use crate::{
    Action, Actor, Store, StoreError, db, scope,
    versions::{compile::pinned_project, sql::Binds},
};

/// Counting to here costs as much as a page that gathers so many.
pub(super) const BOUND: i64 = 4_000;
const LIFE: Duration = Duration::from_secs(30);
/// Bounds the memory: some hundred bytes each.
const KEPT: usize = 10_000;

/// Projects that a user sees.
type Visible = Option<Arc<Vec<i64>>>;

#[derive(Debug, Default)]
pub(crate) struct Counts {
    conditions: Mutex<HashMap<String, (Instant, i64)>>,
    projects: Mutex<HashMap<String, (Instant, Visible)>>,
}

fn remembered<T: Clone>(map: &Mutex<HashMap<String, (Instant, T)>>, key: &str) -> Option<T> {
    let map = map.lock().ok()?;
    map.get(key).filter(|(at, _)| at.elapsed() < LIFE).map(|(_, value)| value.clone())
}

fn remember<T>(map: &Mutex<HashMap<String, (Instant, T)>>, key: String, value: T) {
    let Ok(mut map) = map.lock() else { return };
    if map.len() >= KEPT {
        map.retain(|_, (at, _)| at.elapsed() < LIFE);
        // Still full: more questions in half a minute than can be kept. Begin anew.
        if map.len() >= KEPT {
            map.clear();
        }
    }
    map.insert(key, (Instant::now(), value));
}

impl Store {
    /// The versions that pass each of the conjuncts at `places`, up to [`BOUND`] and one more.
    pub(super) async fn count_rare(
        &self,
        actor: &Actor,
        question: &Question<'_>,
        places: &[usize],
    ) -> Result<Vec<(usize, i64)>, StoreError> {
        let counts = &self.0.counts;
        let name = |place: usize| match question.conjuncts.get(place) {
            // Within one project it is another count.
            Some(part @ VersionFilter::Metric(..)) => format!("{part:?} {:?}", pinned_project(question.target.filter)),
            Some(part) => format!("{part:?}"),
            None => format!("scope of {:?}", actor.user_id()),
        };
        let mut found = Vec::new();
        let mut unknown = Vec::new();
        for place in places {
            match remembered(&counts.conditions, &name(*place)) {
                Some(count) => found.push((*place, count)),
                None => unknown.push(*place),
            }
        }
        if unknown.is_empty() {
            return Ok(found);
        }
        let mut binds = Binds::default();
        let mut columns = Vec::new();
        for place in &unknown {
            let select = match question.conjuncts.get(*place) {
                Some(part) => gather(part, question.target, &mut binds)?,
                None => in_scope(self, actor, &mut binds),
            };
            let Some(select) = select else { continue };
            let select = format!("SELECT 1 AS one FROM ({select}) AS g LIMIT {}", BOUND + 1);
            columns.push(format!("(SELECT COUNT(*) FROM ({select}) AS c) AS n{place}"));
        }
        if columns.is_empty() {
            return Ok(found);
        }
        let db = self.0.db.read();
        let text = format!("SELECT {}", columns.join(", "));
        let (text, values) = binds.finish(&text);
        let row = db.query_one_raw(db::sql(db, &text, values)).await?;
        for place in unknown {
            let count = row.as_ref().and_then(|row| row.try_get("", &format!("n{place}")).ok()).unwrap_or(BOUND + 1);
            remember(&counts.conditions, name(place), count);
            found.push((place, count));
        }
        Ok(found)
    }

    /// The projects whose versions the actor sees; `None` for all. Half a minute old at most: it is asked to choose
    /// a way, and the statement itself decides what is seen.
    pub(in super::super) async fn projects_seen(&self, actor: &Actor) -> Result<Visible, StoreError> {
        let reach = self.authorizer().reach(actor, Action::ReadVersions);
        let Some((text, values)) = scope::rows_in_reach(reach) else { return Ok(None) };
        let key = format!("{reach:?}");
        if let Some(rows) = remembered(&self.0.counts.projects, &key) {
            return Ok(rows);
        }
        let db = self.0.db.read();
        let rows = db.query_all_raw(db::sql(db, &text, values)).await?;
        let rows = rows.iter().map(|row| row.try_get::<i64>("", "project_row")).collect::<Result<Vec<_>, _>>()?;
        let rows = Some(Arc::new(rows));
        remember(&self.0.counts.projects, key, rows.clone());
        Ok(rows)
    }
}

/// All versions of the projects that the actor sees; `None` where those are all projects.
pub(in super::super) fn in_scope(store: &Store, actor: &Actor, binds: &mut Binds) -> Option<String> {
    let reach = store.authorizer().reach(actor, Action::ReadVersions);
    let (select, values) = scope::rows_in_reach(reach)?;
    let select = binds.embed(&select, values);
    Some(format!("SELECT versions.row_id FROM versions WHERE versions.project_row IN ({select})"))
}
