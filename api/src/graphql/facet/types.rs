use async_graphql::{Context, Object};
use nunatak_store::facets::{Considered, NameFacet as Names};

use super::{
    super::{context::ContextExt, error::ApiError, version::Count},
    first_of,
    keys::{KeyFacets, MetricFacets, values_wanted},
    list_cost,
    lists::{AuthorFacets, NameFacets, ProjectFacets, StatusFacet},
};

/// No picker shows more.
pub(super) const MAX_FIRST: i32 = 200;
/// A part reads what ten thousand versions have.
const PART: usize = 200;

/// What occurs among versions. Each part is computed only if it is asked for; most frequent comes first, then by
/// name.
#[derive(Debug)]
pub struct VersionFacets(pub Considered);

fn part_cost(first: i32, child: usize) -> usize {
    PART + list_cost(first, MAX_FIRST, child)
}

/// What occurs among versions. Each part is computed only if it is asked for; most frequent comes first, then by
/// name.
#[Object]
impl VersionFacets {
    /// How many versions all parts are computed over. Capped: more pass the filter, and these are the newest.
    async fn considered(&self) -> Count {
        self.0.count().into()
    }

    /// The hyperparameters that they have.
    #[graphql(complexity = "part_cost(first, child_complexity)")]
    async fn hyperparameters(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many keys, 1 to 200.", default = 50)] first: i32,
    ) -> Result<KeyFacets, ApiError> {
        let (first, values) = (first_of(first, MAX_FIRST)?, values_wanted(ctx));
        Ok(KeyFacets(ctx.store().facet_hyperparameters(&self.0, first, values).await?))
    }

    /// The parameters that they have.
    #[graphql(complexity = "part_cost(first, child_complexity)")]
    async fn parameters(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many keys, 1 to 200.", default = 50)] first: i32,
    ) -> Result<KeyFacets, ApiError> {
        let (first, values) = (first_of(first, MAX_FIRST)?, values_wanted(ctx));
        Ok(KeyFacets(ctx.store().facet_parameters(&self.0, first, values).await?))
    }

    /// The metrics that they have.
    #[graphql(complexity = "part_cost(first, child_complexity)")]
    async fn metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many keys, 1 to 200.", default = 50)] first: i32,
    ) -> Result<MetricFacets, ApiError> {
        Ok(MetricFacets(ctx.store().facet_metrics(&self.0, first_of(first, MAX_FIRST)?).await?))
    }

    /// The names of their tags.
    #[graphql(complexity = "part_cost(first, child_complexity)")]
    async fn tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 200.", default = 50)] first: i32,
    ) -> Result<NameFacets, ApiError> {
        self.names(ctx, Names::Tag, first).await
    }

    /// The names of the aliases that point at them.
    #[graphql(complexity = "part_cost(first, child_complexity)")]
    async fn aliases(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 200.", default = 50)] first: i32,
    ) -> Result<NameFacets, ApiError> {
        self.names(ctx, Names::Alias, first).await
    }

    /// The git branches that they were made from.
    #[graphql(complexity = "part_cost(first, child_complexity)")]
    async fn git_branches(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 200.", default = 50)] first: i32,
    ) -> Result<NameFacets, ApiError> {
        self.names(ctx, Names::GitBranch, first).await
    }

    /// The names of their models; models of one name in several projects are one entry.
    #[graphql(complexity = "part_cost(first, child_complexity)")]
    async fn model_names(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 200.", default = 50)] first: i32,
    ) -> Result<NameFacets, ApiError> {
        self.names(ctx, Names::ModelName, first).await
    }

    /// The names of the detectors that they were trained with, whatever the detector's version.
    #[graphql(complexity = "part_cost(first, child_complexity)")]
    async fn detectors(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 200.", default = 50)] first: i32,
    ) -> Result<NameFacets, ApiError> {
        self.names(ctx, Names::Detector, first).await
    }

    /// The names of the datasets that they were trained on: those kept elsewhere, and those kept here in projects in
    /// which you may read datasets.
    #[graphql(complexity = "part_cost(first, child_complexity)")]
    async fn datasets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 200.", default = 50)] first: i32,
    ) -> Result<NameFacets, ApiError> {
        self.names(ctx, Names::Dataset, first).await
    }

    /// Who made them.
    #[graphql(complexity = "part_cost(first, child_complexity)")]
    async fn authors(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 200.", default = 50)] first: i32,
    ) -> Result<AuthorFacets, ApiError> {
        Ok(AuthorFacets(ctx.store().facet_authors(&self.0, first_of(first, MAX_FIRST)?).await?))
    }

    /// The projects that they are in.
    #[graphql(complexity = "part_cost(first, child_complexity)")]
    async fn projects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 200.", default = 50)] first: i32,
    ) -> Result<ProjectFacets, ApiError> {
        Ok(ProjectFacets(ctx.store().facet_projects(&self.0, first_of(first, MAX_FIRST)?).await?))
    }

    /// How far they are.
    #[graphql(complexity = "200 + child_complexity")]
    async fn statuses(&self, ctx: &Context<'_>) -> Result<Vec<StatusFacet>, ApiError> {
        Ok(ctx.store().facet_statuses(&self.0).await?.into_iter().map(StatusFacet::from).collect())
    }
}

impl VersionFacets {
    async fn names(&self, ctx: &Context<'_>, names: Names, first: i32) -> Result<NameFacets, ApiError> {
        Ok(NameFacets(ctx.store().facet_names(&self.0, names, first_of(first, MAX_FIRST)?).await?))
    }
}
