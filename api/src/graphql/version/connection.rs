use async_graphql::{Context, Object, SimpleObject, connection::Connection};
use nunatak_domain::{
    PageRequest,
    filter::{VersionFilter, VersionOrder},
};
use nunatak_store::versions::VersionRecord;

use super::{
    super::{connection::connection_with, context::ContextExt, error::ApiError},
    Version,
};

/// A page of versions.
pub(crate) type VersionConnection = Connection<String, Version, VersionsOf>;

/// How many there are, as far as was counted.
#[derive(SimpleObject, Debug, Clone, Copy)]
pub struct Count {
    /// How many; at most 10,000.
    value: i32,
    /// There are more than `value`: counting stopped there.
    capped: bool,
}

impl From<nunatak_store::versions::Count> for Count {
    fn from(count: nunatak_store::versions::Count) -> Self {
        Self { value: i32::try_from(count.value).unwrap_or(i32::MAX), capped: count.capped }
    }
}

/// Which versions a connection lists.
#[derive(Debug)]
pub enum VersionsOf {
    Filter(VersionFilter),
    ChildrenOf(Box<VersionRecord>),
}

#[Object]
impl VersionsOf {
    /// How many versions the whole list has. Costs nothing unless asked for.
    #[graphql(complexity = "100 + child_complexity")]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<Count, ApiError> {
        let count = match self {
            Self::Filter(filter) => ctx.store().count_versions(ctx.actor(), filter).await?,
            Self::ChildrenOf(parent) => ctx.store().count_version_children(ctx.actor(), parent).await?,
        };
        Ok(count.into())
    }
}

/// The versions that pass `filter`, a page of them.
pub(crate) async fn version_page(
    ctx: &Context<'_>,
    filter: VersionFilter,
    orders: &[VersionOrder],
    page: &PageRequest,
) -> Result<VersionConnection, ApiError> {
    let page = ctx.store().versions(ctx.actor(), &filter, orders, page).await?;
    Ok(connection_with(page, VersionsOf::Filter(filter), Version::from))
}
