//! Which versions a filter is about, as row numbers: what facets are computed over.

use nunatak_domain::filter::VersionFilter;

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
    let (text, binds) = store.matching(actor, filter, limit.into()).await?;
    let shape = || format!("newest {}", filter.shape());
    let (text, values) = binds.finish(&text);
    let rows = store.0.db.search(shape, db::sql(store.0.db.read(), &text, values)).await?;
    Ok(rows.iter().map(|row| row.try_get("", "row_id")).collect::<Result<_, _>>()?)
}
