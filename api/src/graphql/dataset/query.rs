use async_graphql::{Context, ID, Object, connection::Connection};
use nunatak_domain::{DatasetId, DatasetVersionId};

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::{ContextExt, parse_id, parse_optional_id},
        error::ApiError,
    },
    Dataset, DatasetVersion,
};

#[derive(Default, Debug)]
pub struct DatasetQuery;

#[Object]
impl DatasetQuery {
    /// A dataset by its id; null where there is none that you may see.
    async fn dataset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`ds_…`")] id: ID,
    ) -> Result<Option<Dataset>, ApiError> {
        Ok(ctx.load(parse_id::<DatasetId>(&id, "id")?).await?.map(Dataset::from))
    }

    /// A version of a dataset by its id; null where there is none that you may see.
    async fn dataset_version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`dsv_…`")] id: ID,
    ) -> Result<Option<DatasetVersion>, ApiError> {
        Ok(ctx.load(parse_id::<DatasetVersionId>(&id, "id")?).await?.map(DatasetVersion::from))
    }

    /// The datasets that you may see, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn datasets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of this project, `prj_…`.")] project: Option<ID>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Dataset>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let project = parse_optional_id(project.as_ref(), "project")?;
        Ok(connection(ctx.store().datasets(ctx.actor(), project, &page).await?, Dataset::from))
    }
}
