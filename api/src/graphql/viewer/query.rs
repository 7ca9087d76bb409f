use async_graphql::{Context, Object, connection::Connection};
use nunatak_authz::{Action, Actor};

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::ContextExt,
        error::ApiError,
    },
    ApiToken, User,
};

/// You.
#[derive(Debug)]
pub struct Viewer;

/// You.
#[Object]
impl Viewer {
    /// Your account; null when the request came without credentials, or with a job's token.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        let Actor::User { id, .. } = ctx.actor() else { return Ok(None) };
        Ok(ctx.load(*id).await?.map(User::from))
    }

    /// Your API tokens, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn api_tokens(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, ApiToken>, ApiError> {
        let page = page_request(first, after, last, before)?;
        Ok(connection(ctx.store().api_tokens(ctx.actor(), &page).await?, ApiToken::from))
    }
}

#[derive(Default, Debug)]
pub struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// You, as the server sees you.
    async fn viewer(&self) -> Viewer {
        Viewer
    }

    /// All users, newest first. Administrators only.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, User>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let permit = ctx.permit(Action::ReadUsers)?;
        Ok(connection(ctx.store().users(&permit, &page).await?, User::from))
    }
}
