use async_graphql::{Context, ID, Object};
use nunatak_domain::filter::VersionOrder;

use super::{
    super::{
        connection::{page_cost, page_request},
        context::parse_id,
        error::ApiError,
    },
    Version, VersionConnection, VersionFilterInput, VersionOrderInput, version_by_id, version_page,
};

#[derive(Default, Debug)]
pub struct VersionQuery;

#[Object]
impl VersionQuery {
    /// A version by its id; null where there is none that you may see.
    async fn version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`ver_…`")] id: ID,
    ) -> Result<Option<Version>, ApiError> {
        version_by_id(ctx, parse_id(&id, "id")?).await
    }

    /// The versions that you may see, of all projects unless the filter says otherwise.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments, and no caller but GraphQL")]
    async fn versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] filter: Option<VersionFilterInput>,
        #[graphql(desc = "In what order, at most 4 parts; then, and by itself, newest first.")] order_by: Option<
            Vec<VersionOrderInput>,
        >,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor, of the same filter and order.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor, of the same filter and order.")] before: Option<String>,
    ) -> Result<VersionConnection, ApiError> {
        let page = page_request(first, after, last, before)?;
        let orders: Vec<_> = order_by.unwrap_or_default().into_iter().map(VersionOrder::from).collect();
        version_page(ctx, filter.unwrap_or_default().parse()?, &orders, &page).await
    }
}
