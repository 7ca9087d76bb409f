use async_graphql::{Context, ID, Object, connection::Connection};
use nunatak_domain::RunnerId;

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::{ContextExt, parse_id},
        error::ApiError,
    },
    Runner,
};

#[derive(Default, Debug)]
pub struct RunnerQuery;

#[Object]
impl RunnerQuery {
    /// A runner by its id; null where there is none.
    async fn runner(
        &self, ctx: &Context<'_>, #[graphql(desc = "`rnr_…`")] id: ID
    ) -> Result<Option<Runner>, ApiError> {
        Ok(ctx.load(parse_id::<RunnerId>(&id, "id")?).await?.map(Runner::from))
    }

    /// All runners, the newest first. Every signed-in user sees them.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn runners(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Runner>, ApiError> {
        let page = page_request(first, after, last, before)?;
        Ok(connection(ctx.store().runner_page(ctx.actor(), &page).await?, Runner::from))
    }
}
