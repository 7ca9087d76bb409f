use async_graphql::{Context, Object, SimpleObject, connection::Connection};
use nunatak_domain::{
    PageRequest,
    filter::{VersionFilter, VersionOrder},
};
use nunatak_store::versions::VersionRecord;

use super::{
    super::{alias::AliasesOf, connection::connection_with, context::ContextExt, error::ApiError, tag::TagsOf},
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
    let asked = Asked::of(ctx);
    let (store, actor) = (ctx.store(), ctx.actor());
    let page = match asked.maps {
        true => store.versions_with_maps(actor, &filter, orders, page).await?,
        false => store.versions(actor, &filter, orders, page).await?,
    };
    asked.prime(ctx, page.items.iter().map(|(_, version)| version)).await?;
    Ok(connection_with(page, VersionsOf::Filter(filter), Version::from))
}

/// What the selection asks of each version of the page.
struct Asked {
    maps: bool,
    tags: bool,
    aliases: bool,
    model: bool,
    project: bool,
    author: bool,
}

impl Asked {
    fn of(ctx: &Context<'_>) -> Self {
        let page = ctx.look_ahead();
        let nodes = [page.field("nodes"), page.field("edges").field("node")];
        let any = |names: &[&str]| names.iter().any(|name| nodes.iter().any(|node| node.field(name).exists()));
        Self {
            maps: any(&["hyperparameters", "parameters", "metrics"]),
            tags: any(&["tags"]),
            aliases: any(&["aliases"]),
            model: any(&["model"]),
            project: any(&["project"]),
            author: any(&["createdBy"]),
        }
    }

    /// Fetches the children of all versions at once, each kind in its own statement and all kinds together.
    async fn prime<'a>(
        &self,
        ctx: &Context<'_>,
        versions: impl Iterator<Item = &'a VersionRecord> + Clone,
    ) -> Result<(), ApiError> {
        fn keys<'a, K>(
            asked: bool,
            versions: impl Iterator<Item = &'a VersionRecord>,
            key: impl Fn(&VersionRecord) -> K,
        ) -> Vec<K> {
            if asked { versions.map(key).collect() } else { Vec::new() }
        }
        let loaders = &ctx.request().loaders;
        tokio::try_join!(
            loaders.prime(keys(self.tags, versions.clone(), |version| TagsOf(version.row))),
            loaders.prime(keys(self.aliases, versions.clone(), |version| AliasesOf(version.row))),
            loaders.prime(keys(self.model, versions.clone(), |version| version.model)),
            loaders.prime(keys(self.project, versions.clone(), |version| version.project)),
            loaders.prime(keys(self.author, versions, |version| version.created_by)),
        )?;
        Ok(())
    }
}
