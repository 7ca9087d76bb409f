//! The dictionary of hyperparameter, parameter, metric and tag names.
//!
//! A key never changes and never goes, so that what was found once is remembered. Keys are added in a statement of
//! their own, before the transaction that uses them: nobody waits for a key until somebody else's transaction ends,
//! and nothing is remembered that could be rolled back. A key that nothing came to use does no harm.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{PoisonError, RwLock},
};

use nunatak_domain::KeyKind;
use sea_orm::{ConnectionTrait, DbErr};

use crate::{
    Store, StoreError, db,
    rows::{Rows, insert_all},
};

/// Some 20 MB; a hundred projects' keys are a few thousand.
const MOST_REMEMBERED: usize = 100_000;

/// The ids of keys that are known to be in the database.
#[derive(Debug, Default)]
pub(crate) struct KeyCache(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    by_kind: [HashMap<Box<str>, i64>; KeyKind::ALL.len()],
    count: usize,
}

impl KeyCache {
    fn get(&self, wanted: &[(KeyKind, &str)]) -> Vec<Option<i64>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        wanted.iter().map(|(kind, name)| known.by_kind[*kind as usize].get(*name).copied()).collect()
    }

    fn remember<'a>(&self, keys: impl IntoIterator<Item = ((KeyKind, &'a str), i64)>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for ((kind, name), id) in keys {
            if known.count == MOST_REMEMBERED {
                *known = Known::default();
            }
            if known.by_kind[kind as usize].insert(name.into(), id).is_none() {
                known.count += 1;
            }
        }
    }
}

impl Store {
    /// The ids of keys in the dictionary, in the order asked for; unknown ones are added. Call it outside of any
    /// transaction: it commits by itself.
    pub(crate) async fn ensure_keys(&self, wanted: &[(KeyKind, &str)]) -> Result<Vec<i64>, StoreError> {
        let mut ids = self.0.keys.get(wanted);
        if ids.iter().any(Option::is_none) {
            let unknown = wanted.iter().zip(&ids).filter(|(_, id)| id.is_none()).map(|(key, _)| *key);
            // In one order for all writers: two that add the same keys must not wait for each other.
            let unknown: Vec<_> = unknown.collect::<BTreeSet<_>>().into_iter().collect();
            let found = self.find_or_add(&unknown).await?;
            for (key, id) in wanted.iter().zip(&mut ids).filter(|(_, id)| id.is_none()) {
                *id = found.get(key).copied();
            }
            self.0.keys.remember(found);
        }
        let absent = || StoreError::Corrupt("a key that was just added is absent".to_owned());
        ids.into_iter().map(|id| id.ok_or_else(absent)).collect()
    }

    /// The ids of keys in the dictionary, in the order asked for; `None` for unknown ones, which are asked for again.
    pub(crate) async fn known_keys(&self, wanted: &[(KeyKind, &str)]) -> Result<Vec<Option<i64>>, StoreError> {
        let mut ids = self.0.keys.get(wanted);
        if ids.iter().any(Option::is_none) {
            let unknown = wanted.iter().zip(&ids).filter(|(_, id)| id.is_none()).map(|(key, _)| *key);
            let unknown: Vec<_> = unknown.collect();
            let found = find_keys(self.0.db.read(), &unknown).await?;
            let found: HashMap<_, _> =
                unknown.into_iter().zip(found).filter_map(|(key, id)| Some((key, id?))).collect();
            for (key, id) in wanted.iter().zip(&mut ids).filter(|(_, id)| id.is_none()) {
                *id = found.get(key).copied();
            }
            self.0.keys.remember(found);
        }
        Ok(ids)
    }

    async fn find_or_add<'a>(&self, keys: &[(KeyKind, &'a str)]) -> Result<HashMap<(KeyKind, &'a str), i64>, DbErr> {
        let find = async || {
            let ids = find_keys(self.0.db.read(), keys).await?;
            Ok::<_, DbErr>(keys.iter().zip(ids).filter_map(|(key, id)| Some((*key, id?))).collect::<HashMap<_, _>>())
        };
        let found = find().await?;
        if found.len() == keys.len() {
            return Ok(found);
        }
        let mut rows = Rows::into("keys", "kind, name").tail("ON CONFLICT DO NOTHING");
        for (kind, name) in keys.iter().filter(|key| !found.contains_key(*key)) {
            rows.push([kind.number().into(), (*name).into()]);
        }
        insert_all(self.0.db.write(), vec![rows]).await?;
        find().await
    }
}

/// What one statement asks for: below SQLite's limit on values.
const KEYS_A_STATEMENT: usize = 8_000;

/// The ids of keys in the dictionary, in the order asked for.
async fn find_keys(db: &impl ConnectionTrait, wanted: &[(KeyKind, &str)]) -> Result<Vec<Option<i64>>, DbErr> {
    // No key has a NUL, and PostgreSQL takes none even in a question.
    let askable: BTreeSet<_> = wanted.iter().filter(|(_, name)| !name.contains('\0')).collect();
    let askable: Vec<_> = askable.into_iter().collect();
    let mut found: HashMap<(i16, String), i64> = HashMap::new();
    for keys in askable.chunks(KEYS_A_STATEMENT) {
        let mut rows = Rows::into("keys", "kind, name");
        keys.iter().for_each(|(kind, name)| rows.push([kind.number().into(), (*name).into()]));
        let mut binds = Vec::new();
        let source = rows.source(db.get_database_backend(), &mut binds);
        let text = format!("SELECT id, kind, name FROM keys WHERE (kind, name) IN ({source})");
        for row in db.query_all_raw(db::sql(db, &text, binds)).await? {
            found.insert((row.try_get("", "kind")?, row.try_get("", "name")?), row.try_get("", "id")?);
        }
    }
    Ok(wanted.iter().map(|(kind, name)| found.get(&(kind.number(), (*name).to_owned())).copied()).collect())
}
