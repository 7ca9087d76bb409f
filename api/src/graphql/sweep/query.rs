use async_graphql::{Context, ID, InputObject, Object, connection::Connection};
use nunatak_domain::SweepId;
use nunatak_store::sweeps::SweepFilter as StoreFilter;

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::{ContextExt, parse_id, parse_optional_id},
        error::ApiError,
    },
    Sweep,
    types::SweepStatus,
};

/// Which sweeps to list; what is left out does not restrict.
#[derive(InputObject, Debug, Default)]
pub struct SweepFilter {
    /// Those of this project.
    project: Option<ID>,
    /// Those in one of these states.
    status: Option<Vec<SweepStatus>>,
}

#[derive(Default, Debug)]
pub struct SweepQuery;

#[Object]
impl SweepQuery {
    /// A sweep by its id; null where there is none that you may see.
    async fn sweep(&self, ctx: &Context<'_>, #[graphql(desc = "`swp_…`")] id: ID) -> Result<Option<Sweep>, ApiError> {
        Ok(ctx.load(parse_id::<SweepId>(&id, "id")?).await?.map(Sweep::from))
    }

    /// The sweeps that you may see, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn sweeps(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] filter: Option<SweepFilter>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Sweep>, ApiError> {
        let filter = filter.unwrap_or_default();
        let page = page_request(first, after, last, before)?;
        let filter = StoreFilter {
            project: parse_optional_id(filter.project.as_ref(), "project")?,
            status: filter.status.map(|status| status.into_iter().map(Into::into).collect()),
        };
        Ok(connection(ctx.store().sweep_page(ctx.actor(), &filter, &page).await?, Sweep::from))
    }
}
