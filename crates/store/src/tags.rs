//! Tags: words that a project puts on its versions.

mod read;
mod write;

pub use read::TagRecord;
pub use write::TagChange;

use std::collections::{BTreeMap, BTreeSet};

use nunatak_domain::{KeyKind, Name, TagId, UserId};
use sea_orm::{ConnectionTrait, DbErr, Value, entity::prelude::Uuid};

use crate::{
    Store, StoreError, db,
    rows::{Rows, insert_all},
    versions::{Of, sql::Binds},
};

/// A tag, and the id of its name in the dictionary of all projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attachable {
    tag: TagRef,
    name_id: i64,
}

/// What a row says of its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TagRef {
    Id(TagId),
    /// Where the statement that writes the row finds it, from 1.
    Place(i64),
}

impl Attachable {
    /// `None` where only the statement that writes it will know.
    const fn id(&self) -> Option<TagId> {
        match self.tag {
            TagRef::Id(id) => Some(id),
            TagRef::Place(_) => None,
        }
    }
}

/// A project's tags by name.
pub(crate) type Known = BTreeMap<String, Attachable>;

/// Tags by name as a statement finds them that looks for them by itself, in the order of their names.
pub(crate) fn by_place<'a>(named: impl Iterator<Item = (&'a Name, i64)>) -> Known {
    let wanted: BTreeMap<&str, i64> = named.map(|(name, id)| (name.as_str(), id)).collect();
    let known = wanted.into_iter().zip(1..);
    known.map(|((name, name_id), place)| (name.to_owned(), Attachable { tag: TagRef::Place(place), name_id })).collect()
}

/// Tags by name, with the ids of their names; unknown ones are made.
pub(crate) async fn ensure<'a>(
    store: &Store,
    db: &impl ConnectionTrait,
    project_row: i64,
    named: impl Iterator<Item = (&'a Name, i64)>,
    user: UserId,
) -> Result<Known, StoreError> {
    // In one order for all writers: two that add the same tags must not wait for each other.
    let wanted: BTreeMap<&str, i64> = named.map(|(name, id)| (name.as_str(), id)).collect();
    if wanted.is_empty() {
        return Ok(Known::new());
    }
    let mut found = find(db, project_row, &wanted).await?;
    if found.len() < wanted.len() {
        let now = store.now();
        let columns = "id, project_row, name, description, created_by, created_at, updated_at";
        let mut rows = Rows::into("tags", columns).tail("ON CONFLICT DO NOTHING");
        for name in wanted.keys().filter(|name| !found.contains_key(**name)) {
            let (id, at): (_, Value) = (TagId::new(now).0, now.micros().into());
            rows.push([id.into(), project_row.into(), (*name).into(), "".into(), user.0.into(), at.clone(), at]);
        }
        insert_all(db, vec![rows]).await?;
        found = find(db, project_row, &wanted).await?;
    }
    Ok(found)
}

/// The ids of tags' names in the dictionary; before the transaction that uses them.
pub(crate) async fn name_ids(store: &Store, names: &[Name]) -> Result<Vec<i64>, StoreError> {
    let keys: Vec<_> = names.iter().map(|name| (KeyKind::Tag, name.as_str())).collect();
    store.ensure_keys(&keys).await
}

/// A tag's name changed: what stands beside each version follows.
async fn rename(db: &impl ConnectionTrait, tag: TagId, name_id: i64) -> Result<(), DbErr> {
    let text = "UPDATE version_tags SET name_id = $2 WHERE tag_id = $1";
    db.execute_raw(db::sql(db, text, vec![tag.0.into(), name_id.into()])).await?;
    Ok(())
}

async fn find(db: &impl ConnectionTrait, project_row: i64, wanted: &BTreeMap<&str, i64>) -> Result<Known, DbErr> {
    let mut binds = Binds::from(vec![project_row.into()]);
    let names = binds.list(wanted.keys().copied());
    // On PostgreSQL a tag that is being renamed is waited for: its new name must not be taken for the old one.
    let lock = if db::is_postgres(db) { " FOR KEY SHARE" } else { "" };
    let text = format!("SELECT name, id FROM tags WHERE project_row = $1 AND name IN ({names}) ORDER BY name{lock}");
    let rows = db.query_all_raw(db::sql(db, &text, binds.into_values())).await?;
    let mut found = Known::new();
    for row in rows {
        let (name, id): (String, Uuid) = (row.try_get("", "name")?, row.try_get("", "id")?);
        if let Some(name_id) = wanted.get(name.as_str()) {
            found.insert(name, Attachable { tag: TagRef::Id(id.into()), name_id: *name_id });
        }
    }
    Ok(found)
}

/// Tags on versions that have none yet.
pub(crate) fn first_rows() -> Rows {
    Rows::into("version_tags", "tag_id, version_row, name_id, audience")
}

/// Tags on versions; those that are there already stay.
fn attached_rows() -> Rows {
    first_rows().tail("ON CONFLICT DO NOTHING")
}

/// Adds tags of one version, each once.
pub(crate) fn push<'a>(rows: &mut Rows, known: &Known, names: impl Iterator<Item = &'a Name>, of: Of) {
    let names: BTreeSet<_> = names.map(Name::as_str).collect();
    for Attachable { tag, name_id } in names.into_iter().filter_map(|name| known.get(name)) {
        let tag = match tag {
            TagRef::Id(id) => id.0.into(),
            TagRef::Place(place) => (*place).into(),
        };
        rows.push([tag, of.row.into(), (*name_id).into(), of.audience.into()]);
    }
}
