use std::collections::HashMap;

use nunatak_authz::{Action, Actor, Permit};
use nunatak_domain::{Name, Page, PageRequest, Problem, ProjectId, Timestamp, WorkspaceId};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::{Expr, ExprTrait, Func},
};
use serde_json::json;

use crate::{
    Store, StoreError,
    entities::projects,
    idempotency::IdempotencyKey,
    paging::page_by_id,
    scope::{self, require},
    versions::sql::plain_text,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRecord {
    pub id: ProjectId,
    /// The number under which hot rows join it.
    pub row: i64,
    pub workspace: WorkspaceId,
    pub name: String,
    pub description: String,
    pub git_url: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl From<projects::Model> for ProjectRecord {
    fn from(row: projects::Model) -> Self {
        Self {
            id: row.id.into(),
            row: row.row_id,
            workspace: row.workspace_id.into(),
            name: row.name,
            description: row.description,
            git_url: row.git_url,
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        }
    }
}

#[derive(Debug, Clone)]
pub struct NewProject {
    pub name: Name,
    pub description: String,
    pub git_url: Option<String>,
}

/// What to change; `None` leaves a field as it is. An empty `git_url` removes it.
#[derive(Debug, Clone, Default)]
pub struct ProjectChange {
    pub name: Option<Name>,
    pub description: Option<String>,
    pub git_url: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct ProjectFilter {
    pub workspace: Option<WorkspaceId>,
    /// Exactly this name.
    pub name: Option<String>,
    /// This text anywhere in the name, as typed.
    pub name_contains: Option<String>,
}

/// `https://…`, `ssh://…` or `git@host:path`: other schemes could make a client run something.
fn check_git_url(url: &str) -> Result<(), Problem> {
    let known = ["https://", "http://", "ssh://", "git@"].iter().any(|start| url.starts_with(start));
    if url.is_empty() || (known && url.len() <= 500 && !url.contains(char::is_whitespace)) {
        return Ok(());
    }
    let message = "a repository's URL begins with https://, http://, ssh:// or git@ and has at most 500 characters";
    Err(Problem::new("INVALID_URL", message).at("gitUrl"))
}

impl Store {
    /// # Errors
    /// `TAKEN` at `name`, `INVALID_URL`; database.
    pub async fn create_project(
        &self,
        permit: &Permit,
        new: NewProject,
        key: Option<&IdempotencyKey>,
    ) -> Result<ProjectRecord, StoreError> {
        require(permit, Action::CreateProject)?;
        plain_text(&new.description, "description")?;
        let workspace =
            permit.workspace().ok_or_else(|| StoreError::Corrupt("a project's permit without a workspace".into()))?;
        new.git_url.as_deref().map_or(Ok(()), check_git_url)?;
        let txn = self.0.db.begin().await?;
        if let Some(id) = self.replayed(&txn, permit, "createProject", key).await? {
            let row = projects::Entity::find().filter(projects::Column::Id.eq(id)).one(&txn).await?;
            return row.map(Into::into).ok_or(StoreError::NotFound("project"));
        }
        let now = self.now();
        let id = ProjectId::new(now);
        let row = projects::ActiveModel {
            row_id: NotSet,
            id: Set(id.0),
            workspace_id: Set(workspace.0),
            name: Set(new.name.as_str().to_owned()),
            description: Set(new.description),
            git_url: Set(new.git_url.filter(|url| !url.is_empty())),
            created_by: Set(permit.user().0),
            created_at: Set(now.micros()),
            updated_at: Set(now.micros()),
            deleted_at: Set(None),
        };
        let row = row.insert(&txn).await.map_err(|error| {
            StoreError::taken(error, &format!("a project named `{}` in this workspace", new.name), "name")
        })?;
        self.remember(&txn, permit, "createProject", key, id.0).await?;
        self.audit(&txn, permit, id, json!({ "name": new.name })).await?;
        txn.commit().await?;
        Ok(row.into())
    }

    /// # Errors
    /// `TAKEN` at `name`, `INVALID_URL`; database.
    pub async fn update_project(&self, permit: &Permit, change: ProjectChange) -> Result<ProjectRecord, StoreError> {
        require(permit, Action::UpdateProject)?;
        plain_text(change.description.as_deref().unwrap_or_default(), "description")?;
        let (row_id, id) = scope::project_of(permit)?;
        change.git_url.as_deref().map_or(Ok(()), check_git_url)?;
        let txn = self.0.db.begin().await?;
        let row = projects::Entity::find_by_id(row_id).one(&txn).await?.ok_or(StoreError::NotFound("project"))?;
        let before = json!({ "name": row.name, "description": row.description, "gitUrl": row.git_url });
        let mut row = row.into_active_model();
        if let Some(name) = change.name {
            row.name = Set(name.into());
        }
        if let Some(description) = change.description {
            row.description = Set(description);
        }
        if let Some(url) = change.git_url {
            row.git_url = Set(Some(url).filter(|url| !url.is_empty()));
        }
        row.updated_at = Set(self.now().micros());
        let row = row.update(&txn).await.map_err(|error| StoreError::taken(error, "a project of this name", "name"))?;
        let after = json!({ "name": row.name, "description": row.description, "gitUrl": row.git_url });
        self.audit(&txn, permit, id, json!({ "before": before, "after": after })).await?;
        txn.commit().await?;
        Ok(row.into())
    }

    /// Hides the project and all that is in it; the rows stay.
    ///
    /// # Errors
    /// Database.
    pub async fn delete_project(&self, permit: &Permit) -> Result<(), StoreError> {
        require(permit, Action::DeleteProject)?;
        let (row_id, id) = scope::project_of(permit)?;
        let txn = self.0.db.begin().await?;
        projects::Entity::update_many()
            .col_expr(projects::Column::DeletedAt, Expr::value(self.now().micros()))
            .filter(projects::Column::RowId.eq(row_id))
            .exec(&txn)
            .await?;
        self.audit(&txn, permit, id, json!({ "deleted": true })).await?;
        txn.commit().await?;
        Ok(())
    }

    /// Newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`; database.
    pub async fn projects(
        &self,
        actor: &Actor,
        filter: &ProjectFilter,
        page: &PageRequest,
    ) -> Result<Page<ProjectRecord>, StoreError> {
        let reach = self.authorizer().reach(actor, Action::ReadProject);
        let mut select = projects::Entity::find().filter(scope::project_rows(projects::Column::RowId, reach));
        if let Some(workspace) = filter.workspace {
            select = select.filter(projects::Column::WorkspaceId.eq(workspace.0));
        }
        if let Some(name) = &filter.name {
            select = select.filter(projects::Column::Name.eq(name));
        }
        if let Some(part) = &filter.name_contains {
            let position = if self.0.db.is_postgres() { "STRPOS" } else { "INSTR" };
            let position = Func::cust(position).arg(Expr::col(projects::Column::Name)).arg(part.clone());
            select = select.filter(Expr::expr(position).gt(0));
        }
        let db = self.0.db.read();
        let page = page_by_id(db, select, projects::Column::Id, "projects", page, |row| row.id).await?;
        Ok(page.map(ProjectRecord::from))
    }

    /// # Errors
    /// Database.
    pub async fn projects_by_ids(
        &self,
        actor: &Actor,
        ids: &[ProjectId],
    ) -> Result<HashMap<ProjectId, ProjectRecord>, StoreError> {
        let reach = self.authorizer().reach(actor, Action::ReadProject);
        let select = projects::Entity::find()
            .filter(scope::project_rows(projects::Column::RowId, reach))
            .filter(projects::Column::Id.is_in(ids.iter().map(|id| id.0)));
        let rows = select.all(self.0.db.read()).await?;
        Ok(rows.into_iter().map(|row| (row.id.into(), row.into())).collect())
    }
}
