//! Models: named lines of versions.

mod known;
mod number;
mod write;

use std::collections::HashMap;

use nunatak_domain::{ModelId, Page, PageRequest, ProjectId, Timestamp, UserId};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, Select,
    sea_query::{Expr, ExprTrait, Func, LikeExpr},
};

pub(crate) use known::KnownModels;
pub(crate) use number::Numbered;
pub use write::ModelChange;

use crate::{Action, Actor, Store, StoreError, entities::models, paging::page_by_id, scope};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRecord {
    pub id: ModelId,
    pub project: ProjectId,
    pub name: String,
    pub description: String,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl From<models::Model> for ModelRecord {
    fn from(row: models::Model) -> Self {
        Self {
            id: row.id.into(),
            project: row.project_id.into(),
            name: row.name,
            description: row.description,
            created_by: row.created_by.into(),
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        }
    }
}

/// Which models to list; what is left out does not restrict.
#[derive(Debug, Clone, Default)]
pub struct ModelFilter {
    pub project: Option<ProjectId>,
    /// Exactly this name.
    pub name: Option<String>,
    /// This text anywhere in the name, whatever the case (of ASCII letters).
    pub name_contains: Option<String>,
}

impl Store {
    fn visible_models(&self, actor: &Actor) -> Select<models::Entity> {
        let reach = self.authorizer().reach(actor, Action::ReadVersions);
        models::Entity::find()
            .filter(models::Column::DeletedAt.is_null())
            .filter(scope::project_ids(models::Column::ProjectId, reach))
    }

    /// # Errors
    /// Database.
    pub async fn models_by_ids(
        &self,
        actor: &Actor,
        ids: &[ModelId],
    ) -> Result<HashMap<ModelId, ModelRecord>, StoreError> {
        let select = self.visible_models(actor).filter(models::Column::Id.is_in(ids.iter().map(|id| id.0)));
        let rows = select.all(self.0.db.read()).await?;
        Ok(rows.into_iter().map(|row| (row.id.into(), row.into())).collect())
    }

    /// # Errors
    /// `NotFound` for what is absent or hidden, database.
    pub async fn model(&self, actor: &Actor, id: ModelId) -> Result<ModelRecord, StoreError> {
        let select = self.visible_models(actor).filter(models::Column::Id.eq(id.0));
        let row = select.one(self.0.db.read()).await?;
        row.map(ModelRecord::from).ok_or(StoreError::NotFound("model"))
    }

    /// # Errors
    /// Database.
    pub async fn model_by_name(
        &self,
        actor: &Actor,
        project: ProjectId,
        name: &str,
    ) -> Result<Option<ModelRecord>, StoreError> {
        let filter = ModelFilter { project: Some(project), name: Some(name.to_owned()), name_contains: None };
        let page = self.models(actor, &filter, &PageRequest::first(1)).await?;
        Ok(page.items.into_iter().next().map(|(_, model)| model))
    }

    /// The models that the actor may see, newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn models(
        &self,
        actor: &Actor,
        filter: &ModelFilter,
        page: &PageRequest,
    ) -> Result<Page<ModelRecord>, StoreError> {
        let mut select = self.visible_models(actor);
        let column = models::Column::Name;
        if let Some(project) = filter.project {
            select = select.filter(models::Column::ProjectId.eq(project.0));
        }
        // PostgreSQL takes no NUL even in a question, and no name has one.
        if [&filter.name, &filter.name_contains].into_iter().flatten().any(|text| text.contains('\0')) {
            return Ok(Page { items: Vec::new(), has_previous: false, has_next: false });
        }
        if let Some(name) = &filter.name {
            select = select.filter(column.eq(name.as_str()));
        }
        if let Some(part) = &filter.name_contains {
            let pattern = LikeExpr::new(format!("%{}%", crate::versions::escape(part))).escape('\\');
            select = select.filter(Expr::expr(Func::lower(Expr::col((models::Entity, column)))).like(pattern));
        }
        let page = page_by_id(self.0.db.read(), select, models::Column::Id, "models", page, |row| row.id).await?;
        Ok(page.map(ModelRecord::from))
    }
}
