//! For whom a version's rows are worth looking at, kept beside them so that the summary of a project jumps over
//! what others keep to themselves instead of reading it.
//!
//! It only says where to look. Whether a version may be seen is asked of `versions` each time, so rows at
//! [`ANYBODY`] are never wrong, only slower for those who may not see the version.
//!
//! New versions' rows are written with [`first`]. Whatever hides, shows or deletes versions, or adds rows to one that
//! is private, ends with [`settle`].

use nunatak_domain::{ModelId, UserId, Visibility};
use sea_orm::{ConnectionTrait, DatabaseTransaction, entity::prelude::Uuid};

use crate::{Store, StoreError, db};

pub(crate) const ANYBODY: i64 = 0;
/// A deleted version's rows.
pub(crate) const NOBODY: i64 = -1;

const TABLES: [&str; 4] = ["hyperparameters", "parameters", "metrics", "version_tags"];

/// Versions of a deleted model whose rows are marked at once. The rows of a larger one stay as they are: marking
/// tens of millions of rows is no part of a request.
const MAX_MARKED: i64 = 1_000;

/// The number under which the rows of an author's private versions are found: the random half of the id. Two
/// authors with one number would cost each other time and show each other nothing.
pub(crate) const fn of(author: UserId) -> i64 {
    let low = (author.0.as_u128() & (i64::MAX as u128)) as i64;
    if low == ANYBODY { 1 } else { low }
}

/// For whom a new version's rows are.
pub(crate) const fn first(visibility: Visibility, author: UserId) -> i64 {
    match visibility {
        Visibility::Public => ANYBODY,
        Visibility::Private => of(author),
    }
}

/// Writes beside a version's rows whom they are for now. Locks the version against being hidden or shown meanwhile.
pub(crate) async fn settle(store: &Store, txn: &DatabaseTransaction, version_row: i64) -> Result<(), StoreError> {
    let lock = if store.0.db.is_postgres() { " FOR NO KEY UPDATE" } else { "" };
    let text = format!("SELECT visibility, created_by, deleted_at FROM versions WHERE row_id = $1{lock}");
    let row = txn.query_one_raw(db::sql(txn, &text, vec![version_row.into()])).await?;
    let row = row.ok_or(StoreError::NotFound("version"))?;
    let (visibility, author): (i16, Uuid) = (row.try_get("", "visibility")?, row.try_get("", "created_by")?);
    let audience = match row.try_get::<Option<i64>>("", "deleted_at")? {
        Some(_) => NOBODY,
        None if visibility == 0 => ANYBODY,
        None => of(author.into()),
    };
    for table in TABLES {
        let text = format!("UPDATE {table} SET audience = $2 WHERE version_row = $1 AND audience <> $2");
        txn.execute_raw(db::sql(txn, &text, vec![version_row.into(), audience.into()])).await?;
    }
    Ok(())
}

/// The same for all versions of a model that was just deleted, unless there are very many.
pub(crate) async fn settle_deleted_model(txn: &DatabaseTransaction, model: ModelId) -> Result<(), StoreError> {
    let text = "SELECT COUNT(*) AS count FROM versions WHERE model_id = $1";
    let row = txn.query_one_raw(db::sql(txn, text, vec![model.0.into()])).await?;
    if row.map(|row| row.try_get::<i64>("", "count")).transpose()?.unwrap_or(0) > MAX_MARKED {
        return Ok(());
    }
    for table in TABLES {
        let text = format!(
            "UPDATE {table} SET audience = $2 \
             WHERE version_row IN (SELECT row_id FROM versions WHERE model_id = $1 AND deleted_at IS NOT NULL)"
        );
        txn.execute_raw(db::sql(txn, &text, vec![model.0.into(), NOBODY.into()])).await?;
    }
    Ok(())
}
