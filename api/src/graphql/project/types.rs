use async_graphql::{Context, ID, Object, connection::Connection};
use chrono::{DateTime, Utc};
use nunatak_authz::Action;
use nunatak_store::{jobs::JobFilter, models::ModelFilter, organisation::ProjectRecord};

use super::super::{
    audit::AuditEvent,
    connection::{connection, page_cost, page_request},
    context::ContextExt,
    dataset::Dataset,
    error::ApiError,
    facet::ProjectSummary,
    job::Job,
    member::{Member, RoleInProject},
    model::Model,
    plain::{Json, Plain, Wanted},
    scalars::Role,
    tag::Tag,
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

    /// Its models, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn models(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Model>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let filter = ModelFilter { project: Some(self.0.id), ..ModelFilter::default() };
        let page = ctx.store().models(ctx.actor(), &filter, &page).await?;
        Ok(connection(page, Model::from))
    }

    /// Its datasets, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn datasets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Dataset>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let page = ctx.store().datasets(ctx.actor(), Some(self.0.id), &page).await?;
        Ok(connection(page, Dataset::from))
    }

    /// Its jobs, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Job>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let filter = JobFilter { project: Some(self.0.id), ..JobFilter::default() };
        let page = ctx.store().job_page(ctx.actor(), &filter, &page).await?;
        Ok(connection(page, Job::from))
    }

    /// The tags that its versions may carry, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Tag>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let page = ctx.store().tags(ctx.actor(), Some(self.0.id), &page).await?;
        Ok(connection(page, Tag::from))
    }

    /// What occurs in it: keys, tags, models, branches, contributors.
    async fn summary(&self) -> ProjectSummary {
        ProjectSummary(self.0.id)
    }

    /// What was done in it, newest first. Maintainers and above.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, AuditEvent>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let page = ctx.store().audit_events(ctx.actor(), Some(self.0.id), &page).await?;
        Ok(connection(page, AuditEvent::from))
    }
}

impl Plain for Project {
    type Record = ProjectRecord;

    fn record(&self) -> &ProjectRecord {
        &self.0
    }

    fn write(record: &ProjectRecord, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        match field.name {
            "id" => out.id(&record.id),
            "name" => out.any(&record.name),
            "description" => out.any(&record.description),
            "gitUrl" => out.any(&record.git_url),
            "createdAt" => out.time(record.created_at),
            "updatedAt" => out.time(record.updated_at),
            _ => None,
        }
    }
}
