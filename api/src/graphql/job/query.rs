use async_graphql::{Context, ID, InputObject, Object, connection::Connection};
use nunatak_domain::JobId;
use nunatak_store::jobs::JobFilter as StoreFilter;

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::{ContextExt, parse_id, parse_optional_id},
        error::ApiError,
    },
    Job, JobKind, JobStatus,
};

/// Which jobs to list; what is left out does not restrict.
#[derive(InputObject, Debug, Default)]
pub struct JobFilter {
    /// Those of this project.
    project: Option<ID>,
    /// Those in one of these states.
    status: Option<Vec<JobStatus>>,
    /// Those of this kind.
    kind: Option<JobKind>,
    /// Those that train or apply this model.
    model: Option<ID>,
}

#[derive(Default, Debug)]
pub struct JobQuery;

#[Object]
impl JobQuery {
    /// A job by its id; null where there is none that you may see.
    async fn job(&self, ctx: &Context<'_>, #[graphql(desc = "`job_…`")] id: ID) -> Result<Option<Job>, ApiError> {
        Ok(ctx.load(parse_id::<JobId>(&id, "id")?).await?.map(Job::from))
    }

    /// The jobs that you may see, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] filter: Option<JobFilter>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Job>, ApiError> {
        let filter = filter.unwrap_or_default();
        let page = page_request(first, after, last, before)?;
        let filter = StoreFilter {
            project: parse_optional_id(filter.project.as_ref(), "project")?,
            status: filter.status.map(|status| status.into_iter().map(Into::into).collect()),
            kind: filter.kind.map(Into::into),
            model: parse_optional_id(filter.model.as_ref(), "model")?,
        };
        Ok(connection(ctx.store().job_page(ctx.actor(), &filter, &page).await?, Job::from))
    }
}
