use async_graphql::{Context, ID, Json, Object, connection::Connection};
use chrono::{DateTime, Utc};
use nunatak_store::AuditRecord;
use serde_json::Value;

use super::{
    connection::{connection, page_cost, page_request},
    context::{ContextExt, parse_optional_id},
    error::ApiError,
    viewer::User,
};

/// Something that was done: who, what, to which, when. Never changed, never removed.
#[derive(Debug, Clone)]
pub struct AuditEvent(AuditRecord);

impl From<AuditRecord> for AuditEvent {
    fn from(record: AuditRecord) -> Self {
        Self(record)
    }
}

/// Something that was done: who, what, to which, when. Never changed, never removed.
#[Object]
impl AuditEvent {
    /// `aud_…`
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at.to_utc()
    }

    /// Who.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        let Some(user) = self.0.user else { return Ok(None) };
        Ok(ctx.load(user).await?.map(User::from))
    }

    /// With which API token, `tok_…`; null for a login session.
    async fn token_id(&self) -> Option<ID> {
        self.0.token.map(|id| id.to_string().into())
    }

    /// What, as the policy names it: `version:promote`.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// The id of what it was done to.
    async fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The project that it happened in.
    async fn project_id(&self) -> Option<ID> {
        self.0.project.map(|id| id.to_string().into())
    }

    /// What changed, before and after where that applies.
    async fn detail(&self) -> Json<Value> {
        Json(self.0.detail.clone())
    }
}

#[derive(Default, Debug)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// What was done in the projects whose audit log you may read (maintainers and above), newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Those of this project only, `prj_…`.")] project: Option<ID>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, AuditEvent>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let project = parse_optional_id(project.as_ref(), "project")?;
        let page = ctx.store().audit_events(ctx.actor(), project, &page).await?;
        Ok(connection(page, AuditEvent::from))
    }
}
