use async_graphql::{Context, Object};
use chrono::{DateTime, Utc};
use nunatak_store::aliases::{AliasMoveRecord, AliasRecord};

use super::super::{
    context::ContextExt,
    error::ApiError,
    model::Model,
    plain::{Json, Plain, Wanted},
    promotion::Promotion,
    version::{Version, VersionRow},
    viewer::User,
};

/// A movable name on one of a model's versions, `champion`.
#[derive(Debug, Clone)]
pub struct Alias(pub AliasRecord);

impl From<AliasRecord> for Alias {
    fn from(record: AliasRecord) -> Self {
        Self(record)
    }
}

/// A movable name on one of a model's versions, `champion`.
#[Object]
impl Alias {
    /// Unique in its model.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The version that it points at.
    async fn version(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        Ok(ctx.load(VersionRow(self.0.version_row)).await?.map(Version::from))
    }

    /// The model that it belongs to.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>, ApiError> {
        Ok(ctx.load(self.0.model).await?.map(Model::from))
    }

    /// Who moved it there.
    async fn moved_by(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.moved_by).await?.map(User::from))
    }

    /// When it was moved there.
    async fn moved_at(&self) -> DateTime<Utc> {
        self.0.moved_at.to_utc()
    }
}

impl Plain for Alias {
    type Record = AliasRecord;

    fn record(&self) -> &AliasRecord {
        &self.0
    }

    fn write(record: &AliasRecord, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        match field.name {
            "name" => out.any(&record.name),
            "model" => out.child::<Model>(&record.model, field),
            "movedBy" => out.child::<User>(&record.moved_by, field),
            "movedAt" => out.time(record.moved_at),
            _ => None,
        }
    }
}

/// One move of an alias.
#[derive(Debug, Clone)]
pub struct AliasMove(pub AliasMoveRecord);

impl From<AliasMoveRecord> for AliasMove {
    fn from(record: AliasMoveRecord) -> Self {
        Self(record)
    }
}

/// One move of an alias.
#[Object]
impl AliasMove {
    /// The alias.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Where it pointed before; null when it was new, or where you may not see that version any more.
    async fn from(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        let Some(row) = self.0.from_row else { return Ok(None) };
        Ok(ctx.load(VersionRow(row)).await?.map(Version::from))
    }

    /// Where it pointed then; null when it was removed, or where you may not see that version any more.
    async fn to(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        let Some(row) = self.0.to_row else { return Ok(None) };
        Ok(ctx.load(VersionRow(row)).await?.map(Version::from))
    }

    /// Whether the alias was taken away.
    async fn removed(&self) -> bool {
        self.0.to_row.is_none()
    }

    /// Why, if somebody said.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// The comparison that it came of; null where somebody moved it by hand.
    async fn promotion(&self, ctx: &Context<'_>) -> Result<Option<Promotion>, ApiError> {
        let Some(promotion) = self.0.promotion else { return Ok(None) };
        Ok(ctx.load(promotion).await?.map(Promotion::from))
    }

    /// Who moved it.
    async fn moved_by(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.moved_by).await?.map(User::from))
    }

    /// When.
    async fn moved_at(&self) -> DateTime<Utc> {
        self.0.moved_at.to_utc()
    }
}
