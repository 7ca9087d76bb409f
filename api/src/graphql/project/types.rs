use async_graphql::{Context, ID, Object, connection::Connection};
use chrono::{DateTime, Utc};
use nunatak_authz::Action;
use nunatak_store::organisation::ProjectRecord;

use super::super::{
    connection::{connection, page_cost, page_request},
    context::ContextExt,
    error::ApiError,
    member::{Member, RoleInProject},
    scalars::Role,
    workspace::Workspace,
};

/// Holds datasets, models, jobs and their results; may be tied to one git repository.
#[derive(Debug, Clone)]
pub struct Project(pub ProjectRecord);

impl From<ProjectRecord> for Project {
    fn from(record: ProjectRecord) -> Self {
        Self(record)
    }
}

/// Holds datasets, models, jobs and their results; may be tied to one git repository.
#[Object]
impl Project {
    /// `prj_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Unique in its workspace.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Free text; empty when none was given.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The repository that the project's versions come from.
    async fn git_url(&self) -> Option<&str> {
        self.0.git_url.as_deref()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// When its name, description or repository last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at.to_utc()
    }

    /// The workspace that it is in.
    async fn workspace(&self, ctx: &Context<'_>) -> Result<Option<Workspace>, ApiError> {
        Ok(ctx.load(self.0.workspace).await?.map(Workspace::from))
    }

    /// Your own role here: the higher of the workspace's and the project's. Null for administrators who are
    /// no members.
    async fn viewer_role(&self, ctx: &Context<'_>) -> Result<Option<Role>, ApiError> {
        Ok(ctx.load(RoleInProject(self.0.id)).await?.map(Role::from))
    }

    /// Who is a member of this very project (members of the workspace are members of it besides), newest first.
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
        let permit = ctx.store().project_permit(ctx.actor(), Action::ReadMembers, self.0.id).await?;
        Ok(connection(ctx.store().members(&permit, &page).await?, Member::from))
    }
}
