use async_graphql::{Context, ID, InputObject, Object, connection::Connection};
use nunatak_domain::PredictionId;
use nunatak_store::predictions::PredictionFilter as StoreFilter;

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::{ContextExt, parse_id, parse_optional_id},
        error::ApiError,
    },
    Prediction,
};

/// Which predictions to list; what is left out does not restrict.
#[derive(InputObject, Debug, Default)]
pub struct PredictionFilter {
    /// Those made with this version.
    version: Option<ID>,
    /// Those in this project.
    project: Option<ID>,
}

#[derive(Default, Debug)]
pub struct PredictionQuery;

#[Object]
impl PredictionQuery {
    /// A prediction by its id; null where there is none that you may see.
    async fn prediction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`prd_…`")] id: ID,
    ) -> Result<Option<Prediction>, ApiError> {
        Ok(ctx.load(parse_id::<PredictionId>(&id, "id")?).await?.map(Prediction::from))
    }

    /// The predictions that you may see, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn predictions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] filter: Option<PredictionFilter>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Prediction>, ApiError> {
        let filter = filter.unwrap_or_default();
        let page = page_request(first, after, last, before)?;
        let filter = StoreFilter {
            version: parse_optional_id(filter.version.as_ref(), "version")?,
            project: parse_optional_id(filter.project.as_ref(), "project")?,
        };
        Ok(connection(ctx.store().prediction_page(ctx.actor(), &filter, &page).await?, Prediction::from))
    }
}
