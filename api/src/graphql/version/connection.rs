use async_graphql::{Context, Lookahead, Object, SimpleObject, connection::PageInfo};
use nunatak_domain::{
    Page, PageRequest, VersionId,
    filter::{VersionFilter, VersionOrder},
};
use nunatak_store::versions::{Along, Company, VersionRecord};

use super::{
    super::{
        alias::AliasesOf,
        context::ContextExt,
        error::ApiError,
        plain::{Json, Plain, PlainList, Wanted},
        tag::TagsOf,
    },
    Version,
    loaders::VersionAlong,
};

/// A page of versions.
#[derive(Debug)]
pub struct VersionConnection {
    edges: PlainList<VersionEdge>,
    has_previous: bool,
    has_next: bool,
    of: VersionsOf,
}

impl VersionConnection {
    pub(super) fn new(page: Page<VersionRecord>, of: VersionsOf) -> Self {
        let edge = |(cursor, record)| VersionEdge { cursor, node: Version(record) };
        let (has_previous, has_next) = (page.has_previous, page.has_next);
        Self { edges: PlainList::of(page.items, edge), has_previous, has_next, of }
    }
}

#[Object]
impl VersionConnection {
    /// Information to aid in pagination.
    async fn page_info(&self) -> PageInfo {
        let edges = &self.edges.0;
        PageInfo {
            has_previous_page: self.has_previous,
            has_next_page: self.has_next,
            start_cursor: edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: edges.last().map(|edge| edge.cursor.clone()),
        }
    }

    /// A list of edges.
    async fn edges(&self) -> &PlainList<VersionEdge> {
        &self.edges
    }

    /// A list of nodes.
    async fn nodes(&self) -> PlainList<&Version> {
        PlainList::of(&self.edges.0, |edge| &edge.node)
    }

    /// How many versions the whole list has. Costs nothing unless asked for.
    #[graphql(complexity = "100 + child_complexity")]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<Count, ApiError> {
        let count = match &self.of {
            VersionsOf::Filter(filter) => ctx.store().count_versions(ctx.actor(), filter).await?,
            VersionsOf::ChildrenOf(parent) => ctx.store().count_version_children(ctx.actor(), parent).await?,
        };
        Ok(count.into())
    }
}

/// An edge in a connection.
#[derive(SimpleObject, Debug)]
pub struct VersionEdge {
    /// The item at the end of the edge
    node: Version,
    /// A cursor for use in pagination
    cursor: String,
}

impl Plain for VersionEdge {
    type Record = Self;

    fn record(&self) -> &Self {
        self
    }

    fn write(record: &Self, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        match field.name {
            "node" => out.object::<Version>(&record.node.0, &field.fields),
            "cursor" => out.any(&record.cursor),
            _ => None,
        }
    }
}

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
pub(super) enum VersionsOf {
    Filter(VersionFilter),
    ChildrenOf(Box<VersionRecord>),
}

/// The versions that pass `filter`, a page of them.
pub(crate) async fn version_page(
    ctx: &Context<'_>,
    filter: VersionFilter,
    orders: &[VersionOrder],
    page: &PageRequest,
) -> Result<VersionConnection, ApiError> {
    let seen = ctx.look_ahead();
    let asked = Asked::of(&[seen.field("nodes"), seen.field("edges").field("node")]);
    let (page, company) = ctx.store().versions_along(ctx.actor(), &filter, orders, page, asked.along()).await?;
    keep(ctx, &company);
    asked.prime(ctx, page.items.iter().map(|(_, version)| version)).await?;
    Ok(VersionConnection::new(page, VersionsOf::Filter(filter)))
}

/// One version, with what is asked of it.
pub(crate) async fn version_by_id(ctx: &Context<'_>, id: VersionId) -> Result<Option<Version>, ApiError> {
    let along = Asked::of(&[ctx.look_ahead()]).along();
    let Some((version, company)) = ctx.load(VersionAlong(id, along)).await? else { return Ok(None) };
    keep(ctx, &company);
    Ok(Some(Version(version)))
}

/// What came along need not be fetched.
fn keep(ctx: &Context<'_>, company: &Company) {
    let loaders = &ctx.request().loaders;
    loaders.feed(company.models.iter().map(|(id, model)| (*id, model.clone())));
    loaders.feed(company.authors.iter().map(|(id, author)| (*id, author.clone())));
}

/// What the selection asks of each version.
struct Asked {
    maps: bool,
    tags: bool,
    aliases: bool,
    project: bool,
    author: bool,
}

impl Asked {
    fn of(nodes: &[Lookahead<'_>]) -> Self {
        let any = |names: &[&str]| names.iter().any(|name| nodes.iter().any(|node| node.field(name).exists()));
        Self {
            maps: any(&["hyperparameters", "parameters", "metrics"]),
            tags: any(&["tags"]),
            aliases: any(&["aliases"]),
            project: any(&["project"]),
            author: any(&["createdBy"]),
        }
    }

    fn along(&self) -> Along {
        Along { maps: self.maps, authors: self.author }
    }

    /// Fetches the other children of all versions at once, each kind in its own statement and all kinds together.
    async fn prime<'a>(
        &self,
        ctx: &Context<'_>,
        versions: impl Iterator<Item = &'a VersionRecord> + Clone + Send,
    ) -> Result<(), ApiError> {
        fn keys<'a, K>(
            asked: bool,
            versions: impl Iterator<Item = &'a VersionRecord>,
            key: impl Fn(&VersionRecord) -> K,
        ) -> Vec<K> {
            if asked { versions.map(key).collect() } else { Vec::new() }
        }
        let loaders = &ctx.request().loaders;
        let tags = async {
            if self.tags {
                let mut found = ctx.store().tags_of_found(versions.clone()).await?;
                loaders.feed(
                    versions
                        .clone()
                        .map(|version| (TagsOf(version.row), found.remove(&version.row).unwrap_or_default())),
                );
            }
            Ok(())
        };
        tokio::try_join!(
            tags,
            loaders.prime(keys(self.aliases, versions.clone(), |version| AliasesOf(version.row))),
            loaders.prime(keys(self.project, versions.clone(), |version| version.project)),
        )?;
        Ok(())
    }
}
