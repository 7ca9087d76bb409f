use std::collections::HashMap;

use nunatak_authz::{Action, Actor, Permit, Reach};
use nunatak_domain::{Name, Page, PageRequest, Role, Timestamp, WorkspaceId};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    QueryTrait, sea_query::Expr,
};
use serde_json::json;

use super::members;
use crate::{
    Store, StoreError,
    entities::{memberships, projects, workspaces},
    idempotency::IdempotencyKey,
    paging::page_by_id,
    scope::require,
    versions::sql::plain_text,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceRecord {
    pub id: WorkspaceId,
    pub name: String,
    pub description: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl From<workspaces::Model> for WorkspaceRecord {
    fn from(row: workspaces::Model) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            description: row.description,
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        }
    }
}

/// What to change; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct WorkspaceChange {
    pub name: Option<Name>,
    pub description: Option<String>,
}

/// A workspace is seen by its members, by the members of its projects, and by administrators.
fn visible(store: &Store, actor: &Actor) -> Condition {
    let live = Condition::all().add(workspaces::Column::DeletedAt.is_null());
    let may_read = store.authorizer().reach(actor, Action::ReadProject) != Reach::Nothing;
    let Actor::User { id: user, is_admin, .. } = actor else {
        return live.add(Expr::cust("1 = 0"));
    };
    if !may_read {
        return live.add(Expr::cust("1 = 0"));
    }
    if *is_admin {
        return live;
    }
    let mine = || memberships::Entity::find().select_only().filter(memberships::Column::UserId.eq(user.0));
    let direct = mine()
        .column(memberships::Column::WorkspaceId)
        .filter(memberships::Column::WorkspaceId.is_not_null())
        .into_query();
    let projects_of_mine =
        mine().column(memberships::Column::ProjectId).filter(memberships::Column::ProjectId.is_not_null()).into_query();
    let through_projects = projects::Entity::find()
        .select_only()
        .column(projects::Column::WorkspaceId)
        .filter(projects::Column::DeletedAt.is_null())
        .filter(projects::Column::Id.in_subquery(projects_of_mine))
        .into_query();
    live.add(
        Condition::any()
            .add(workspaces::Column::Id.in_subquery(direct))
            .add(workspaces::Column::Id.in_subquery(through_projects)),
    )
}

impl Store {
    /// Makes a workspace and its maker the owner.
    ///
    /// # Errors
    /// `TAKEN` at `name`; database.
    pub async fn create_workspace(
        &self,
        permit: &Permit,
        name: &Name,
        description: String,
        key: Option<&IdempotencyKey>,
    ) -> Result<WorkspaceRecord, StoreError> {
        require(permit, Action::CreateWorkspace)?;
        plain_text(&description, "description")?;
        let txn = self.0.db.begin().await?;
        if let Some(id) = self.replayed(&txn, permit, "createWorkspace", key).await? {
            let row = workspaces::Entity::find_by_id(id).one(&txn).await?;
            return row.map(Into::into).ok_or(StoreError::NotFound("workspace"));
        }
        let now = self.now();
        let id = WorkspaceId::new(now);
        let row = workspaces::ActiveModel {
            id: Set(id.0),
            name: Set(name.as_str().to_owned()),
            description: Set(description),
            created_by: Set(permit.user().0),
            created_at: Set(now.micros()),
            updated_at: Set(now.micros()),
            deleted_at: Set(None),
        };
        let row = row
            .insert(&txn)
            .await
            .map_err(|error| StoreError::taken(error, &format!("a workspace named `{name}`"), "name"))?;
        let owner = members::row(self, permit.user(), Some(id), None, Role::Owner, permit.user());
        owner.insert(&txn).await?;
        self.remember(&txn, permit, "createWorkspace", key, id.0).await?;
        self.audit(&txn, permit, id, json!({ "name": name })).await?;
        txn.commit().await?;
        Ok(row.into())
    }

    /// # Errors
    /// `TAKEN` at `name`; database.
    pub async fn update_workspace(
        &self,
        permit: &Permit,
        id: WorkspaceId,
        change: WorkspaceChange,
    ) -> Result<WorkspaceRecord, StoreError> {
        require(permit, Action::UpdateWorkspace)?;
        plain_text(change.description.as_deref().unwrap_or_default(), "description")?;
        let txn = self.0.db.begin().await?;
        let row = workspaces::Entity::find_by_id(id.0).one(&txn).await?.ok_or(StoreError::NotFound("workspace"))?;
        let before = json!({ "name": row.name, "description": row.description });
        let mut row = row.into_active_model();
        if let Some(name) = change.name {
            row.name = Set(name.into());
        }
        if let Some(description) = change.description {
            row.description = Set(description);
        }
        row.updated_at = Set(self.now().micros());
        let row =
            row.update(&txn).await.map_err(|error| StoreError::taken(error, "a workspace of this name", "name"))?;
        let detail = json!({ "before": before, "after": { "name": row.name, "description": row.description } });
        self.audit(&txn, permit, id, detail).await?;
        txn.commit().await?;
        Ok(row.into())
    }

    /// Hides the workspace and all that is in it; the rows stay.
    ///
    /// # Errors
    /// Database.
    pub async fn delete_workspace(&self, permit: &Permit, id: WorkspaceId) -> Result<(), StoreError> {
        require(permit, Action::DeleteWorkspace)?;
        let txn = self.0.db.begin().await?;
        workspaces::Entity::update_many()
            .col_expr(workspaces::Column::DeletedAt, Expr::value(self.now().micros()))
            .filter(workspaces::Column::Id.eq(id.0))
            .filter(workspaces::Column::DeletedAt.is_null())
            .exec(&txn)
            .await?;
        self.audit(&txn, permit, id, json!({ "deleted": true })).await?;
        txn.commit().await?;
        Ok(())
    }

    /// Newest first; `name` looks for exactly this name.
    ///
    /// # Errors
    /// `INVALID_CURSOR`; database.
    pub async fn workspaces(
        &self,
        actor: &Actor,
        name: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<WorkspaceRecord>, StoreError> {
        let mut select = workspaces::Entity::find().filter(visible(self, actor));
        if let Some(name) = name {
            select = select.filter(workspaces::Column::Name.eq(name));
        }
        let db = self.0.db.read();
        let page = page_by_id(db, select, workspaces::Column::Id, "workspaces", page, |row| row.id).await?;
        Ok(page.map(WorkspaceRecord::from))
    }

    /// # Errors
    /// Database.
    pub async fn workspaces_by_ids(
        &self,
        actor: &Actor,
        ids: &[WorkspaceId],
    ) -> Result<HashMap<WorkspaceId, WorkspaceRecord>, StoreError> {
        let select = workspaces::Entity::find()
            .filter(visible(self, actor))
            .filter(workspaces::Column::Id.is_in(ids.iter().map(|id| id.0)));
        let rows = select.all(self.0.db.read()).await?;
        Ok(rows.into_iter().map(|row| (row.id.into(), row.into())).collect())
    }
}
