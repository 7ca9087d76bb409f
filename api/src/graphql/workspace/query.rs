use async_graphql::{Context, ID, Object, connection::Connection};
use nunatak_domain::WorkspaceId;

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::{ContextExt, parse_id},
        error::ApiError,
    },
    Workspace,
};

#[derive(Default, Debug)]
pub struct WorkspaceQuery;

#[Object]
impl WorkspaceQuery {
    /// A workspace by its id; null where there is none that you may see.
    async fn workspace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`ws_…`")] id: ID,
    ) -> Result<Option<Workspace>, ApiError> {
        Ok(ctx.load(parse_id::<WorkspaceId>(&id, "id")?).await?.map(Workspace::from))
    }

    /// The workspaces that you are a member of (or of a project of which you are), newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn workspaces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only the one with exactly this name.")] name: Option<String>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Workspace>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let page = ctx.store().workspaces(ctx.actor(), name.as_deref(), &page).await?;
        Ok(connection(page, Workspace::from))
    }
}
