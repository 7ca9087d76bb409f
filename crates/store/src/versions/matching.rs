//! Which versions a filter is about, as row numbers: what facets are computed over.

use nunatak_domain::filter::VersionFilter;
use sea_orm::ConnectionTrait;

use super::{
    compile::{Keys, condition},
    sql::visible,
};
use crate::{Actor, Store, StoreError, db};

/// The row numbers of the newest `limit` versions that the actor may see and that pass `filter`, newest first.
///
/// # Errors
/// `LIMIT_EXCEEDED`, database.
pub(crate) async fn newest_matching(
    store: &Store,
    actor: &Actor,
    filter: &VersionFilter,
    limit: u32,
) -> Result<Vec<i64>, StoreError> {
    filter.check_limits()?;
    let db = store.0.db.read();
    let keys = Keys::of(db, filter, &[]).await?;
    let (visible, mut binds) = visible(store, actor);
    // As in `find`: SQLite walks the versions newest first instead of gathering and sorting them.
    let walked = visible.replace("\"versions\".\"project_row\" IN", "+\"versions\".\"project_row\" IN");
    let visible = if store.0.db.is_postgres() { visible } else { walked };
    let wanted = condition(filter, &keys, &mut binds)?;
    let text = format!(
        "SELECT versions.row_id FROM versions WHERE {visible} AND {wanted} ORDER BY versions.row_id DESC LIMIT {limit}"
    );
    let rows = db.query_all_raw(db::sql(db, &text, binds.into_values())).await?;
    Ok(rows.iter().map(|row| row.try_get("", "row_id")).collect::<Result<_, _>>()?)
}
