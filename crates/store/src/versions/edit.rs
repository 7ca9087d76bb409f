//! What may still change about a version: its description, who sees it, whether it is there.

use nunatak_domain::{Problem, VersionId, Visibility};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::json;

use super::{VersionRecord, audience, sql::plain_text};
use crate::{
    Action, Permit, Store, StoreError, db,
    scope::{project_of, require},
};

/// What to change; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct VersionChange {
    pub description: Option<String>,
    /// By its author, or who may read the private versions of others.
    pub visibility: Option<Visibility>,
}

impl Store {
    /// `permit` is for [`Action::AnnotateVersions`].
    ///
    /// # Errors
    /// `NotFound`, `Denied` for another's visibility, database.
    pub async fn update_version(
        &self,
        permit: &Permit,
        id: VersionId,
        change: VersionChange,
    ) -> Result<VersionRecord, StoreError> {
        require(permit, Action::AnnotateVersions)?;
        plain_text(change.description.as_deref().unwrap_or_default(), "description")?;
        let txn = self.0.db.begin().await?;
        let version = self.version_to_change(&txn, permit, id).await?;
        if change.visibility.is_some_and(|wanted| wanted != version.visibility) && version.created_by != permit.user() {
            self.authorizer().permit(permit.actor(), Action::ReadPrivateVersions, permit.scope())?;
        }
        let detail = json!({ "description": change.description, "visibility": change.visibility });
        // Not read again: who hides another's version does not see it any more.
        let changed = VersionRecord {
            description: change.description.unwrap_or_else(|| version.description.clone()),
            visibility: change.visibility.unwrap_or(version.visibility),
            updated_at: self.now(),
            ..version
        };
        let text = "UPDATE versions SET description = $2, visibility = $3, updated_at = $4 WHERE row_id = $1";
        let values = vec![
            changed.row.into(),
            changed.description.as_str().into(),
            changed.visibility.number().into(),
            changed.updated_at.micros().into(),
        ];
        txn.execute_raw(db::sql(&txn, text, values)).await?;
        audience::settle(self, &txn, changed.row).await?;
        self.audit(&txn, permit, id, detail).await?;
        txn.commit().await?;
        Ok(changed)
    }

    /// Removes a version from sight. Its number is not given again. `permit` is for [`Action::DeleteVersions`].
    ///
    /// # Errors
    /// `NotFound`, `ALIASED` while an alias points at it, database.
    pub async fn delete_version(&self, permit: &Permit, id: VersionId) -> Result<(), StoreError> {
        require(permit, Action::DeleteVersions)?;
        let txn = self.0.db.begin().await?;
        let version = self.version_to_change(&txn, permit, id).await?;
        // Aliases move under this lock, too.
        self.lock_model(&txn, version.model).await?;
        let text = "SELECT name FROM aliases WHERE version_row = $1 ORDER BY name LIMIT 1";
        if let Some(row) = txn.query_one_raw(db::sql(&txn, text, vec![version.row.into()])).await? {
            let alias: String = row.try_get("", "name")?;
            let message = format!("the alias `{alias}` points at this version; move or remove it first");
            return Err(Problem::new("ALIASED", message).at("id").into());
        }
        let text = "UPDATE versions SET deleted_at = $2, updated_at = $2 WHERE row_id = $1";
        txn.execute_raw(db::sql(&txn, text, vec![version.row.into(), self.now().micros().into()])).await?;
        audience::settle(self, &txn, version.row).await?;
        let detail = json!({ "model": version.model, "number": version.number });
        self.audit(&txn, permit, id, detail).await?;
        Ok(txn.commit().await?)
    }

    /// A version that the permit's holder sees, in the permit's project.
    pub(crate) async fn version_to_change(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        id: VersionId,
    ) -> Result<VersionRecord, StoreError> {
        let (project_row, _) = project_of(permit)?;
        let version = self.version_in(txn, permit.actor(), id).await?;
        if version.project_row == project_row { Ok(version) } else { Err(StoreError::NotFound("version")) }
    }
}
