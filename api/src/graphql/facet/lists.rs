//! Values with counts.

use async_graphql::{Context, Object, SimpleObject};
use nunatak_domain::{ProjectId, UserId};
use nunatak_store::facets::{Counted, Top};

use super::super::{context::ContextExt, error::ApiError, project::Project, version::VersionStatus, viewer::User};

/// There are 10,000 versions at most.
pub(super) fn small(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Names, most frequent first.
#[derive(Debug)]
pub struct NameFacets(pub Top<Counted<String>>);

/// Names, most frequent first.
#[Object]
impl NameFacets {
    /// The most frequent.
    async fn nodes(&self) -> Vec<NameFacet> {
        self.0.items.iter().map(|found| NameFacet { name: found.value.clone(), count: small(found.count) }).collect()
    }

    /// There are more than `nodes`.
    async fn has_more(&self) -> bool {
        self.0.has_more
    }
}

/// A name, and how many versions have it.
#[derive(SimpleObject, Debug)]
pub struct NameFacet {
    /// As it stands in a filter's `eq`.
    name: String,
    /// How many of the versions considered have it.
    count: i32,
}

/// Authors, those of most versions first.
#[derive(Debug)]
pub struct AuthorFacets(pub Top<Counted<UserId>>);

/// Authors, those of most versions first.
#[Object]
impl AuthorFacets {
    /// The most frequent.
    async fn nodes(&self) -> Vec<AuthorFacet> {
        self.0.items.iter().cloned().map(AuthorFacet).collect()
    }

    /// There are more than `nodes`.
    async fn has_more(&self) -> bool {
        self.0.has_more
    }
}

/// An author, and how many versions are theirs.
#[derive(Debug)]
pub struct AuthorFacet(Counted<UserId>);

/// An author, and how many versions are theirs.
#[Object]
impl AuthorFacet {
    /// Who logged them or asked for their training.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.value).await?.map(User::from))
    }

    /// How many of the versions considered are theirs.
    async fn count(&self) -> i32 {
        small(self.0.count)
    }
}

/// Projects, those with most versions first.
#[derive(Debug)]
pub struct ProjectFacets(pub Top<Counted<ProjectId>>);

/// Projects, those with most versions first.
#[Object]
impl ProjectFacets {
    /// The most frequent.
    async fn nodes(&self) -> Vec<ProjectFacet> {
        self.0.items.iter().cloned().map(ProjectFacet).collect()
    }

    /// There are more than `nodes`.
    async fn has_more(&self) -> bool {
        self.0.has_more
    }
}

/// A project, and how many versions are in it.
#[derive(Debug)]
pub struct ProjectFacet(Counted<ProjectId>);

/// A project, and how many versions are in it.
#[Object]
impl ProjectFacet {
    /// The project.
    async fn project(&self, ctx: &Context<'_>) -> Result<Option<Project>, ApiError> {
        Ok(ctx.load(self.0.value).await?.map(Project::from))
    }

    /// How many of the versions considered are in it.
    async fn count(&self) -> i32 {
        small(self.0.count)
    }
}

/// How many versions are how far.
#[derive(SimpleObject, Debug)]
pub struct StatusFacet {
    /// How far they are.
    status: VersionStatus,
    /// How many of the versions considered.
    count: i32,
}

impl From<Counted<nunatak_domain::VersionStatus>> for StatusFacet {
    fn from(found: Counted<nunatak_domain::VersionStatus>) -> Self {
        Self { status: found.value.into(), count: small(found.count) }
    }
}
