use std::collections::HashMap;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use nunatak_authz::Actor;
use nunatak_domain::TagId;
use nunatak_store::{Store, StoreError, tags::TagRecord};

use super::super::{
    context::ContextExt,
    error::ApiError,
    loaders::BatchKey,
    plain::{Json, Plain, Wanted},
    viewer::User,
};

/// A word that a project puts on its versions.
#[derive(Debug, Clone)]
pub struct Tag(pub TagRecord);

impl From<TagRecord> for Tag {
    fn from(record: TagRecord) -> Self {
        Self(record)
    }
}

/// A word that a project puts on its versions.
#[Object]
impl Tag {
    /// `tag_…`
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Unique in its project.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it means; empty when nobody said.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Who made it.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.created_by).await?.map(User::from))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// When its name or description last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at.to_utc()
    }
}

impl Plain for Tag {
    type Record = TagRecord;

    fn record(&self) -> &TagRecord {
        &self.0
    }

    fn write(record: &TagRecord, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        match field.name {
            "id" => out.id(&record.id),
            "name" => out.any(&record.name),
            "description" => out.any(&record.description),
            "createdAt" => out.time(record.created_at),
            "updatedAt" => out.time(record.updated_at),
            "createdBy" => out.child::<User>(&record.created_by, field),
            _ => None,
        }
    }
}

/// The tags on a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TagsOf(pub i64);

impl BatchKey for TagsOf {
    type Value = Vec<TagRecord>;

    fn absent() -> Option<Vec<TagRecord>> {
        Some(Vec::new())
    }

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, Self::Value>, StoreError> {
        let rows: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let found = store.tags_of(actor, &rows).await?;
        Ok(found.into_iter().map(|(row, tags)| (Self(row), tags)).collect())
    }
}

impl BatchKey for TagId {
    type Value = TagRecord;

    async fn load(store: &Store, actor: &Actor, keys: &[Self]) -> Result<HashMap<Self, TagRecord>, StoreError> {
        store.tags_by_ids(actor, keys).await
    }
}
