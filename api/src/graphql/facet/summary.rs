use async_graphql::{Context, Object, SimpleObject};
use nunatak_domain::{ProjectId, UserId};
use nunatak_store::{facets::Top, summaries::SummaryList, versions};

use super::{
    super::{context::ContextExt, error::ApiError, version::Count, viewer::User},
    first_of, list_cost,
    loaders::{ContributorsOf, NamesIn, VersionCountOf},
};

/// A summary is for looking at; who wants more looks with a filter.
const MAX_FIRST: i32 = 1000;

/// Names without children: ten of them cost one.
fn names_cost(first: i32, child: usize) -> usize {
    10 + child + list_cost(first, MAX_FIRST, 1) / 10
}

/// What occurs in a project, over all its versions that you may see. What only deleted versions have, or private
/// ones of others that you may not read, is not in it.
#[derive(Debug)]
pub struct ProjectSummary(pub ProjectId);

/// What occurs in a project, over all its versions that you may see. What only deleted versions have, or private
/// ones of others that you may not read, is not in it.
#[Object]
impl ProjectSummary {
    /// How many versions there are.
    #[graphql(complexity = "20 + child_complexity")]
    async fn version_count(&self, ctx: &Context<'_>) -> Result<Count, ApiError> {
        let none = versions::Count { value: 0, capped: false };
        Ok(ctx.load(VersionCountOf(self.0)).await?.unwrap_or(none).into())
    }

    /// The keys of hyperparameters.
    #[graphql(complexity = "names_cost(first, child_complexity)")]
    async fn hyperparameter_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000.", default = 100)] first: i32,
    ) -> Result<NameSummary, ApiError> {
        self.names(ctx, SummaryList::HyperparameterKeys, first).await
    }

    /// The keys of parameters.
    #[graphql(complexity = "names_cost(first, child_complexity)")]
    async fn parameter_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000.", default = 100)] first: i32,
    ) -> Result<NameSummary, ApiError> {
        self.names(ctx, SummaryList::ParameterKeys, first).await
    }

    /// The keys of metrics.
    #[graphql(complexity = "names_cost(first, child_complexity)")]
    async fn metric_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000.", default = 100)] first: i32,
    ) -> Result<NameSummary, ApiError> {
        self.names(ctx, SummaryList::MetricKeys, first).await
    }

    /// The tags on versions.
    #[graphql(complexity = "names_cost(first, child_complexity)")]
    async fn tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000.", default = 100)] first: i32,
    ) -> Result<NameSummary, ApiError> {
        self.names(ctx, SummaryList::Tags, first).await
    }

    /// The names of the models that have versions.
    #[graphql(complexity = "names_cost(first, child_complexity)")]
    async fn model_names(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000.", default = 100)] first: i32,
    ) -> Result<NameSummary, ApiError> {
        self.names(ctx, SummaryList::ModelNames, first).await
    }

    /// The git branches that versions were made from.
    #[graphql(complexity = "names_cost(first, child_complexity)")]
    async fn git_branches(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000.", default = 100)] first: i32,
    ) -> Result<NameSummary, ApiError> {
        self.names(ctx, SummaryList::GitBranches, first).await
    }

    /// Who made versions.
    #[graphql(complexity = "10 + list_cost(first, MAX_FIRST, child_complexity)")]
    async fn contributors(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000.", default = 20)] first: i32,
    ) -> Result<ContributorSummary, ApiError> {
        let found = ctx.load(ContributorsOf(self.0, first_of(first, MAX_FIRST)?)).await?;
        let Top { items, has_more } = found.unwrap_or_default();
        Ok(ContributorSummary { users: items, has_more })
    }
}

impl ProjectSummary {
    async fn names(&self, ctx: &Context<'_>, list: SummaryList, first: i32) -> Result<NameSummary, ApiError> {
        let found = ctx.load(NamesIn(self.0, list, first_of(first, MAX_FIRST)?)).await?;
        let Top { items, has_more } = found.unwrap_or_default();
        Ok(NameSummary { nodes: items, has_more })
    }
}

/// Names, each once, sorted by code points.
#[derive(SimpleObject, Debug)]
pub struct NameSummary {
    /// The first of them.
    nodes: Vec<String>,
    /// There are more than `nodes`.
    has_more: bool,
}

/// Users, by login.
#[derive(Debug)]
pub struct ContributorSummary {
    users: Vec<UserId>,
    has_more: bool,
}

/// Users, by login.
#[Object]
impl ContributorSummary {
    /// The first of them.
    async fn nodes(&self, ctx: &Context<'_>) -> Result<Vec<User>, ApiError> {
        // Together, so that they are one batch.
        let found = futures_util::future::try_join_all(self.users.iter().map(|user| ctx.load(*user))).await?;
        Ok(found.into_iter().flatten().map(User::from).collect())
    }

    /// There are more than `nodes`.
    async fn has_more(&self) -> bool {
        self.has_more
    }
}
