//! Tags: words that a project puts on its versions.

mod read;
mod write;

pub use read::TagRecord;
pub use write::TagChange;

use nunatak_domain::{KeyKind, Name, TagId, UserId};
use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, entity::prelude::Uuid};

use crate::{
    Store, StoreError, db,
    versions::sql::{Binds, ensure_keys, insert_rows},
};

/// The ids of tags by name, each once; unknown ones are made.
pub(crate) async fn ensure(
    store: &Store,
    db: &impl ConnectionTrait,
    project_row: i64,
    names: &[Name],
    user: UserId,
) -> Result<Vec<Attachable>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut wanted: Vec<_> = names.iter().map(Name::as_str).collect();
    // In one order for all writers: two that add the same tags must not wait for each other.
    wanted.sort_unstable();
    wanted.dedup();
    let known = find(db, project_row, &wanted).await?;
    if known.len() == wanted.len() {
        return attachable(db, known).await;
    }
    let now = store.now();
    let missing = wanted.iter().filter(|name| known.iter().all(|(known, _)| known != *name));
    let rows = missing.map(|name| {
        let at = now.micros();
        let id = TagId::new(now).0;
        [id.into(), project_row.into(), (*name).into(), "".into(), user.0.into(), at.into(), at.into()]
    });
    let head = "INSERT INTO tags (id, project_row, name, description, created_by, created_at, updated_at)";
    insert_rows(db, head, "ON CONFLICT DO NOTHING", rows).await?;
    attachable(db, find(db, project_row, &wanted).await?).await
}

/// A tag, and the id of its name in the dictionary of all projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attachable {
    pub(crate) tag: TagId,
    name_id: i64,
}

async fn attachable(db: &impl ConnectionTrait, tags: Vec<(String, TagId)>) -> Result<Vec<Attachable>, StoreError> {
    let names: Vec<_> = tags.iter().map(|(name, _)| (KeyKind::Tag, name.as_str())).collect();
    let ids = ensure_keys(db, &names).await?;
    Ok(tags.into_iter().zip(ids).map(|((_, tag), name_id)| Attachable { tag, name_id }).collect())
}

/// A tag's name changed: what stands beside each version follows.
async fn rename(db: &impl ConnectionTrait, tag: TagId, name: &str) -> Result<(), StoreError> {
    let name_id = ensure_keys(db, &[(KeyKind::Tag, name)]).await?[0];
    let text = "UPDATE version_tags SET name_id = $2 WHERE tag_id = $1";
    db.execute_raw(db::sql(db, text, vec![tag.0.into(), name_id.into()])).await?;
    Ok(())
}

async fn find(db: &impl ConnectionTrait, project_row: i64, names: &[&str]) -> Result<Vec<(String, TagId)>, DbErr> {
    let mut binds = Binds::from(vec![project_row.into()]);
    let names = binds.list(names.iter().copied());
    // On PostgreSQL a tag that is being renamed is waited for: its new name must not be taken for the old one.
    let lock = if db.get_database_backend() == DatabaseBackend::Postgres { " FOR KEY SHARE" } else { "" };
    let text = format!("SELECT name, id FROM tags WHERE project_row = $1 AND name IN ({names}) ORDER BY name{lock}");
    let rows = db.query_all_raw(db::sql(db, &text, binds.into_values())).await?;
    rows.iter().map(|row| Ok((row.try_get("", "name")?, row.try_get::<Uuid>("", "id")?.into()))).collect()
}

/// Puts tags on a version; those that it has already stay.
pub(crate) async fn attach(db: &impl ConnectionTrait, tags: &[Attachable], version_row: i64) -> Result<(), DbErr> {
    let rows = tags.iter().map(|found| [found.tag.0.into(), version_row.into(), found.name_id.into()]);
    insert_rows(db, "INSERT INTO version_tags (tag_id, version_row, name_id)", "ON CONFLICT DO NOTHING", rows).await
}
