//! Cursors, and pages of lists that are ordered by a `UUIDv7` id, newest first.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use nunatak_domain::{Page, PageRequest, Problem};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select, Value,
    entity::prelude::Uuid,
};

use crate::StoreError;

/// What a cursor that does not belong to this list is answered with.
pub(crate) fn invalid_cursor() -> StoreError {
    Problem::new("INVALID_CURSOR", "this cursor does not belong to this list; start again without it").into()
}

/// A cursor of the list named `list`: opaque text that only this list takes back.
pub(crate) fn encode_cursor(list: &str, id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}:{id}"))
}

pub(crate) fn decode_cursor(list: &str, cursor: &str) -> Result<Uuid, StoreError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid_cursor())?;
    let text = String::from_utf8(bytes).map_err(|_| invalid_cursor())?;
    let id = text.strip_prefix(list).and_then(|rest| rest.strip_prefix(':')).ok_or_else(invalid_cursor)?;
    id.parse().map_err(|_| invalid_cursor())
}

/// The newest first of what `select` finds, by `id`; the page's cursors are of the list named `list`.
pub(crate) async fn page_by_id<E, M, C>(
    db: &impl ConnectionTrait,
    select: Select<E>,
    id: C,
    list: &str,
    request: &PageRequest,
    id_of: impl Fn(&M) -> Uuid,
) -> Result<Page<M>, StoreError>
where
    E: EntityTrait<Model = M>,
    M: FromQueryResult + Sized + Send + Sync,
    C: ColumnTrait,
{
    let mut select = select;
    if let Some(cursor) = &request.cursor {
        let from = Value::from(decode_cursor(list, cursor)?);
        select = select.filter(if request.backwards { id.gt(from) } else { id.lt(from) });
    }
    select = if request.backwards { select.order_by_asc(id) } else { select.order_by_desc(id) };
    let rows = select.limit(u64::from(request.size) + 1).all(db).await?;
    Ok(Page::from_rows(request, rows, |row| encode_cursor(list, id_of(row))))
}
