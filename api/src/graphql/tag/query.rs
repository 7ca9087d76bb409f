use async_graphql::{Context, ID, Object, connection::Connection};

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::{ContextExt, parse_optional_id},
        error::ApiError,
    },
    Tag,
};

#[derive(Default, Debug)]
pub struct TagQuery;

#[Object]
impl TagQuery {
    /// The tags of the projects that you may see, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Those of this project only, `prj_…`.")] project: Option<ID>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Tag>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let project = parse_optional_id(project.as_ref(), "project")?;
        Ok(connection(ctx.store().tags(ctx.actor(), project, &page).await?, Tag::from))
    }
}
