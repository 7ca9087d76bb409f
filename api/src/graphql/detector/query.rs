use async_graphql::{Context, Object, connection::Connection};

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::ContextExt,
        error::ApiError,
    },
    Detector,
};

#[derive(Default, Debug)]
pub struct DetectorQuery;

#[Object]
impl DetectorQuery {
    /// A detector by its name; null where no runner has ever offered it.
    async fn detector(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`isolation_forest`")] name: String,
        #[graphql(desc = "The newest unless given.")] version: Option<String>,
    ) -> Result<Option<Detector>, ApiError> {
        Ok(ctx.store().detector(ctx.actor(), &name, version.as_deref()).await?.map(Detector::from))
    }

    /// The catalogue of detectors, the newest entry first. Every signed-in user sees all of it.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn detectors(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "All versions of the detector with this name.")] name: Option<String>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Detector>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let page = ctx.store().detector_page(ctx.actor(), name.as_deref(), &page).await?;
        Ok(connection(page, Detector::from))
    }
}
