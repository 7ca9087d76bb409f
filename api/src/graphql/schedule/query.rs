use async_graphql::{Context, ID, Object, connection::Connection};
use nunatak_domain::ScheduleId;

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::{ContextExt, parse_id, parse_optional_id},
        error::ApiError,
    },
    Schedule,
};

#[derive(Default, Debug)]
pub struct ScheduleQuery;

#[Object]
impl ScheduleQuery {
    /// A schedule by its id; null where there is none that you may see.
    async fn schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`sch_…`")] id: ID,
    ) -> Result<Option<Schedule>, ApiError> {
        Ok(ctx.load(parse_id::<ScheduleId>(&id, "id")?).await?.map(Schedule::from))
    }

    /// The schedules that you may see, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn schedules(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Those of this project, `prj_…`.")] project: Option<ID>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Schedule>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let project = parse_optional_id(project.as_ref(), "project")?;
        Ok(connection(ctx.store().schedule_page(ctx.actor(), project, &page).await?, Schedule::from))
    }
}
