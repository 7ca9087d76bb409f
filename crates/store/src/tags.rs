//! Tags: words that a project puts on its versions.

mod read;
mod write;

pub use read::TagRecord;
pub use write::TagChange;

use nunatak_domain::{Name, TagId, UserId};
use sea_orm::{ConnectionTrait, DbErr, entity::prelude::Uuid};

use crate::{
    Store, StoreError, db,
    versions::sql::{Binds, insert_rows},
};

/// The ids of tags by name, each once; unknown ones are made.
pub(crate) async fn ensure(
    store: &Store,
    db: &impl ConnectionTrait,
    project_row: i64,
    names: &[Name],
    user: UserId,
) -> Result<Vec<TagId>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut wanted: Vec<_> = names.iter().map(Name::as_str).collect();
    // In one order for all writers: two that add the same tags must not wait for each other.
    wanted.sort_unstable();
    wanted.dedup();
    let known = find(db, project_row, &wanted).await?;
    if known.len() == wanted.len() {
        return Ok(known.into_iter().map(|(_, id)| id).collect());
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
    Ok(find(db, project_row, &wanted).await?.into_iter().map(|(_, id)| id).collect())
}

async fn find(db: &impl ConnectionTrait, project_row: i64, names: &[&str]) -> Result<Vec<(String, TagId)>, DbErr> {
    let mut binds = Binds::from(vec![project_row.into()]);
    let names = binds.list(names.iter().copied());
    let text = format!("SELECT name, id FROM tags WHERE project_row = $1 AND name IN ({names})");
    let rows = db.query_all_raw(db::sql(db, &text, binds.into_values())).await?;
    rows.iter().map(|row| Ok((row.try_get("", "name")?, row.try_get::<Uuid>("", "id")?.into()))).collect()
}

/// Puts tags on a version; those that it has already stay.
pub(crate) async fn attach(db: &impl ConnectionTrait, tags: &[TagId], version_row: i64) -> Result<(), DbErr> {
    let rows = tags.iter().map(|tag| [tag.0.into(), version_row.into()]);
    insert_rows(db, "INSERT INTO version_tags (tag_id, version_row)", "ON CONFLICT DO NOTHING", rows).await
}
