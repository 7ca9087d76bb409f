//! Aliases: movable names on the versions of a model, and the history of their moves.

mod read;

use nunatak_domain::{AliasName, ModelId, PromotionId, UserId, VersionId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Value};
use serde_json::json;

pub use read::{AliasMoveRecord, AliasRecord};

use crate::{
    Action, Permit, Store, StoreError, db,
    scope::{project_of, require},
    versions::{VersionRecord, sql::plain_text},
};

/// What the history says of a move.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Why<'a> {
    pub(crate) reason: Option<&'a str>,
    /// The comparison that it came of.
    pub(crate) promotion: Option<PromotionId>,
}

impl<'a> Why<'a> {
    pub(crate) const fn said(reason: Option<&'a str>) -> Self {
        Self { reason, promotion: None }
    }
}

impl Store {
    /// Points the model's alias at one of its versions, making the alias if need be. `permit` is for
    /// [`Action::PromoteVersions`].
    ///
    /// # Errors
    /// `NotFound`, database.
    pub async fn move_alias(
        &self,
        permit: &Permit,
        version: VersionId,
        name: &AliasName,
        reason: Option<&str>,
    ) -> Result<AliasRecord, StoreError> {
        require(permit, Action::PromoteVersions)?;
        plain_text(reason.unwrap_or_default(), "reason")?;
        let txn = self.0.db.begin().await?;
        let VersionRecord { id, row, model, number, .. } = self.version_to_change(&txn, permit, version).await?;
        self.move_alias_in(&txn, model, name, row, permit.user(), Why::said(reason)).await?;
        let detail = json!({ "alias": name, "model": model, "number": number, "reason": reason });
        self.audit(&txn, permit, id, detail).await?;
        txn.commit().await?;
        self.alias(permit.actor(), model, name).await?.ok_or(StoreError::NotFound("alias"))
    }

    /// Takes an alias away; its history stays. `permit` is for [`Action::PromoteVersions`].
    ///
    /// # Errors
    /// `NotFound` for an alias that the model has not, database.
    pub async fn remove_alias(
        &self,
        permit: &Permit,
        model: ModelId,
        name: &AliasName,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        require(permit, Action::PromoteVersions)?;
        plain_text(reason.unwrap_or_default(), "reason")?;
        let (_, project) = project_of(permit)?;
        let txn = self.0.db.begin().await?;
        let text = "SELECT 1 AS one FROM models WHERE id = $1 AND project_id = $2 AND deleted_at IS NULL";
        let here = txn.query_one_raw(db::sql(&txn, text, vec![model.0.into(), project.0.into()])).await?;
        here.ok_or(StoreError::NotFound("model"))?;
        self.lock_model(&txn, model).await?;
        let from = alias_target(&txn, model, name).await?.ok_or(StoreError::NotFound("alias"))?;
        let text = "DELETE FROM aliases WHERE model_id = $1 AND name = $2";
        txn.execute_raw(db::sql(&txn, text, vec![model.0.into(), name.as_str().into()])).await?;
        self.note_move(&txn, model, name, (Some(from), None), permit.user(), Why::said(reason)).await?;
        self.audit(&txn, permit, model, json!({ "alias": name, "removed": true, "reason": reason })).await?;
        Ok(txn.commit().await?)
    }

    /// Points the alias at the version with row number `to`, wherever it pointed before, and keeps the move
    /// as history. An alias that is there already is left alone.
    pub(crate) async fn move_alias_in(
        &self,
        txn: &DatabaseTransaction,
        model: ModelId,
        name: &AliasName,
        to: i64,
        user: UserId,
        why: Why<'_>,
    ) -> Result<(), StoreError> {
        self.lock_model(txn, model).await?;
        // Looked at under the lock: the version may have been deleted meanwhile.
        let text = "SELECT 1 AS one FROM versions WHERE row_id = $1 AND model_id = $2 AND deleted_at IS NULL";
        let there = txn.query_one_raw(db::sql(txn, text, vec![to.into(), model.0.into()])).await?;
        there.ok_or(StoreError::NotFound("version"))?;
        let from = alias_target(txn, model, name).await?;
        if from == Some(to) {
            return Ok(());
        }
        let text = "INSERT INTO aliases (model_id, name, version_row, moved_by, moved_at) \
                    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (model_id, name) DO UPDATE \
                    SET version_row = excluded.version_row, moved_by = excluded.moved_by, moved_at = excluded.moved_at";
        let now = self.now().micros();
        let values = vec![model.0.into(), name.as_str().into(), to.into(), user.0.into(), now.into()];
        txn.execute_raw(db::sql(txn, text, values)).await?;
        self.note_move(txn, model, name, (from, Some(to)), user, why).await
    }

    /// Holds the model still until the transaction ends: aliases move, and what they point at is deleted,
    /// one at a time.
    pub(crate) async fn lock_model(&self, txn: &DatabaseTransaction, model: ModelId) -> Result<(), StoreError> {
        let lock = if self.0.db.is_postgres() { " FOR NO KEY UPDATE" } else { "" };
        let text = format!("SELECT 1 AS one FROM models WHERE id = $1{lock}");
        txn.query_one_raw(db::sql(txn, &text, vec![model.0.into()])).await?;
        Ok(())
    }

    async fn note_move(
        &self,
        txn: &DatabaseTransaction,
        model: ModelId,
        name: &AliasName,
        (from, to): (Option<i64>, Option<i64>),
        user: UserId,
        why: Why<'_>,
    ) -> Result<(), StoreError> {
        let text = "INSERT INTO alias_moves \
                    (model_id, name, from_version_row, to_version_row, reason, moved_by, moved_at, promotion_id) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let values = vec![
            model.0.into(),
            name.as_str().into(),
            Value::BigInt(from),
            Value::BigInt(to),
            Value::String(why.reason.map(ToOwned::to_owned)),
            user.0.into(),
            self.now().micros().into(),
            Value::Uuid(why.promotion.map(Into::into)),
        ];
        txn.execute_raw(db::sql(txn, text, values)).await?;
        Ok(())
    }
}

/// The row number of the version at which the alias points.
pub(crate) async fn alias_target(
    txn: &DatabaseTransaction,
    model: ModelId,
    name: &AliasName,
) -> Result<Option<i64>, StoreError> {
    let text = "SELECT version_row FROM aliases WHERE model_id = $1 AND name = $2";
    let row = txn.query_one_raw(db::sql(txn, text, vec![model.0.into(), name.as_str().into()])).await?;
    Ok(row.map(|row| row.try_get("", "version_row")).transpose()?)
}
