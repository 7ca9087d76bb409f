use async_graphql::{Context, Object};

use super::{
    super::{context::ContextExt, error::ApiError, version::VersionFilterInput},
    types::VersionFacets,
};

#[derive(Default, Debug)]
pub struct FacetQuery;

#[Object]
impl FacetQuery {
    /// What occurs among the versions that you may see and that pass a filter, and how often: to draw pickers from,
    /// in one query. It is computed over the newest 10,000 of them (`considered` says how many there were), and only
    /// the parts that you ask for.
    #[graphql(complexity = "500 + child_complexity")]
    async fn version_facets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which versions; all where it is left out or null.")] filter: Option<VersionFilterInput>,
    ) -> Result<VersionFacets, ApiError> {
        let filter = filter.unwrap_or_default().parse()?;
        Ok(VersionFacets(ctx.store().consider_versions(ctx.actor(), &filter).await?))
    }
}
