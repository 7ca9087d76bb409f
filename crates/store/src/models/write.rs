use nunatak_domain::{ModelId, Name, Problem, ProjectId, UserId};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, entity::prelude::Uuid,
};
use serde_json::json;

use super::ModelRecord;
use crate::{
    Action, Permit, Store, StoreError, db,
    entities::models,
    scope::{project_of, require},
    versions::{audience, sql::plain_text},
};

/// What to change; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ModelChange {
    pub name: Option<Name>,
    pub description: Option<String>,
}

impl Store {
    /// `permit` is for [`Action::WriteModels`].
    ///
    /// # Errors
    /// `NotFound`, `TAKEN`, database.
    pub async fn update_model(
        &self,
        permit: &Permit,
        id: ModelId,
        change: ModelChange,
    ) -> Result<ModelRecord, StoreError> {
        require(permit, Action::WriteModels)?;
        plain_text(change.description.as_deref().unwrap_or_default(), "description")?;
        let txn = self.0.db.begin().await?;
        let detail = json!({ "name": change.name, "description": change.description });
        let mut row = model_here(&txn, permit, id).await?.into_active_model();
        row.updated_at = Set(self.now().micros());
        if let Some(name) = change.name {
            row.name = Set(name.into());
        }
        if let Some(description) = change.description {
            row.description = Set(description);
        }
        let row = row.update(&txn).await.map_err(|error| StoreError::taken(error, "a model of that name", "name"))?;
        self.audit(&txn, permit, id, detail).await?;
        txn.commit().await?;
        Ok(row.into())
    }

    /// Removes a model and its versions from sight. `permit` is for [`Action::DeleteModels`].
    ///
    /// # Errors
    /// `NotFound`, `ALIASED` while it has an alias, database.
    pub async fn delete_model(&self, permit: &Permit, id: ModelId) -> Result<(), StoreError> {
        require(permit, Action::DeleteModels)?;
        let txn = self.0.db.begin().await?;
        let model = model_here(&txn, permit, id).await?;
        self.lock_model(&txn, id).await?;
        let text = "SELECT name FROM aliases WHERE model_id = $1 ORDER BY name LIMIT 1";
        if let Some(row) = txn.query_one_raw(db::sql(&txn, text, vec![id.0.into()])).await? {
            let alias: String = row.try_get("", "name")?;
            let message = format!("the model has the alias `{alias}`; remove it first");
            return Err(Problem::new("ALIASED", message).at("id").into());
        }
        for text in [
            "UPDATE versions SET deleted_at = $2, updated_at = $2 WHERE model_id = $1 AND deleted_at IS NULL",
            "UPDATE models SET deleted_at = $2, updated_at = $2 WHERE id = $1",
        ] {
            txn.execute_raw(db::sql(&txn, text, vec![id.0.into(), self.now().micros().into()])).await?;
        }
        audience::settle_deleted_model(&txn, id).await?;
        self.audit(&txn, permit, id, json!({ "name": model.name })).await?;
        Ok(txn.commit().await?)
    }

    /// The project's model of that name, made if there is none. Two at once get the same.
    pub(crate) async fn ensure_model(
        &self,
        txn: &DatabaseTransaction,
        (_, project): (i64, ProjectId),
        name: &Name,
        user: UserId,
    ) -> Result<ModelId, StoreError> {
        if let Some(id) = find(txn, project, name).await? {
            return Ok(id);
        }
        let now = self.now();
        let text = "INSERT INTO models \
                    (id, project_id, name, description, next_number, created_by, created_at, updated_at) \
                    VALUES ($1, $2, $3, '', 1, $4, $5, $5) \
                    ON CONFLICT (project_id, name) WHERE deleted_at IS NULL DO NOTHING";
        let id = ModelId::new(now).0;
        let values = vec![id.into(), project.0.into(), name.as_str().into(), user.0.into(), now.micros().into()];
        txn.execute_raw(db::sql(txn, text, values)).await?;
        find(txn, project, name).await?.ok_or(StoreError::NotFound("model"))
    }
}

async fn model_here(txn: &DatabaseTransaction, permit: &Permit, id: ModelId) -> Result<models::Model, StoreError> {
    let (_, project) = project_of(permit)?;
    models::Entity::find_by_id(id.0)
        .filter(models::Column::ProjectId.eq(project.0))
        .filter(models::Column::DeletedAt.is_null())
        .one(txn)
        .await?
        .ok_or(StoreError::NotFound("model"))
}

async fn find(db: &impl ConnectionTrait, project: ProjectId, name: &Name) -> Result<Option<ModelId>, StoreError> {
    let text = "SELECT id FROM models WHERE project_id = $1 AND name = $2 AND deleted_at IS NULL";
    let row = db.query_one_raw(db::sql(db, text, vec![project.0.into(), name.as_str().into()])).await?;
    row.map(|row| Ok(row.try_get::<Uuid>("", "id")?.into())).transpose()
}
