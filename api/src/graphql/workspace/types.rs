use async_graphql::{Context, ID, Object, connection::Connection};
use chrono::{DateTime, Utc};
use nunatak_authz::Action;
use nunatak_store::organisation::{ProjectFilter, WorkspaceRecord};

use super::super::{
    connection::{connection, page_cost, page_request},
    context::ContextExt,
    error::ApiError,
    member::{Member, RoleInWorkspace},
    project::Project,
    scalars::Role,
};

/// A team's space; holds projects and members.
#[derive(Debug, Clone)]
pub struct Workspace(pub WorkspaceRecord);

impl From<WorkspaceRecord> for Workspace {
    fn from(record: WorkspaceRecord) -> Self {
        Self(record)
    }
}

/// A team's space; holds projects and members.
#[Object]
impl Workspace {
    /// `ws_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Unique in the installation.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Free text; empty when none was given.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// When its name or description last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at.to_utc()
    }

    /// Your own role here; null for members of single projects and for administrators who are no members.
    async fn viewer_role(&self, ctx: &Context<'_>) -> Result<Option<Role>, ApiError> {
        Ok(ctx.load(RoleInWorkspace(self.0.id)).await?.map(Role::from))
    }

    /// The projects here that you may see, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn projects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Project>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let filter = ProjectFilter { workspace: Some(self.0.id), ..ProjectFilter::default() };
        let page = ctx.store().projects(ctx.actor(), &filter, &page).await?;
        Ok(connection(page, Project::from))
    }

    /// Who is a member of the workspace and with which role, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Member>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let permit = ctx.store().workspace_permit(ctx.actor(), Action::ReadMembers, self.0.id).await?;
        Ok(connection(ctx.store().members(&permit, &page).await?, Member::from))
    }
}
