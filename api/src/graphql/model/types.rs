use async_graphql::{Context, ID, Object, connection::Connection};
use chrono::{DateTime, Utc};
use nunatak_domain::{
    AliasName,
    filter::{VersionFilter, VersionOrder},
};
use nunatak_store::models::ModelRecord;

use super::{
    super::{
        alias::{Alias, AliasMove, AliasesOfModel},
        connection::{connection, page_cost, page_request},
        context::ContextExt,
        error::ApiError,
        plain::{Json, Plain, Wanted},
        project::Project,
        scalars::Int64,
        version::{NumberedVersion, Version, VersionConnection, VersionFilterInput, VersionOrderInput, version_page},
        viewer::User,
    },
    loaders::LatestVersion,
};

/// A named line of versions in a project, `pump-7-vibration`.
#[derive(Debug, Clone)]
pub struct Model(pub ModelRecord);

impl From<ModelRecord> for Model {
    fn from(record: ModelRecord) -> Self {
        Self(record)
    }
}

/// A named line of versions in a project, `pump-7-vibration`.
#[Object]
impl Model {
    /// `mdl_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Unique in its project.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Free text; empty when none was given.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The project that it is in.
    async fn project(&self, ctx: &Context<'_>) -> Result<Option<Project>, ApiError> {
        Ok(ctx.load(self.0.project).await?.map(Project::from))
    }

    /// Who logged its first version or asked for the training.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.created_by).await?.map(User::from))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// When it last changed or got a version.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at.to_utc()
    }

    /// The newest version that you may see.
    async fn latest_version(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        Ok(ctx.load(LatestVersion(self.0.id)).await?.map(Version::from))
    }

    /// One version by its number or alias; null where there is none that you may see.
    async fn version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Counts from 1.")] number: Option<Int64>,
        #[graphql(desc = "The alias that points at it.")] alias: Option<String>,
    ) -> Result<Option<Version>, ApiError> {
        let found = match (number, alias) {
            (Some(number), None) => ctx.load(NumberedVersion(self.0.id, number.0)).await?,
            (None, Some(alias)) => match AliasName::parse(&alias) {
                Ok(alias) => ctx.store().version_by_alias(ctx.actor(), self.0.id, &alias).await?,
                Err(_) => None,
            },
            _ => return Err(ApiError::refused("INVALID_INPUT", "give either `number` or `alias`")),
        };
        Ok(found.map(Version::from))
    }

    /// Its versions that you may see.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments, and no caller but GraphQL")]
    async fn versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] filter: Option<VersionFilterInput>,
        #[graphql(desc = "In what order, at most 4 parts; then, and by itself, newest first.")] order_by: Option<
            Vec<VersionOrderInput>,
        >,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor, of the same filter and order.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor, of the same filter and order.")] before: Option<String>,
    ) -> Result<VersionConnection, ApiError> {
        let page = page_request(first, after, last, before)?;
        let orders: Vec<_> = order_by.unwrap_or_default().into_iter().map(VersionOrder::from).collect();
        let filter = VersionFilter::Model(vec![self.0.id]).and(filter.unwrap_or_default().parse()?);
        version_page(ctx, filter, &orders, &page).await
    }

    /// Its aliases, by name; without those at versions that you may not see.
    async fn aliases(&self, ctx: &Context<'_>) -> Result<Vec<Alias>, ApiError> {
        Ok(ctx.load(AliasesOfModel(self.0.id)).await?.unwrap_or_default().into_iter().map(Alias::from).collect())
    }

    /// Where its aliases went, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn alias_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The moves of this alias only.")] name: Option<String>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, AliasMove>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let name = name.as_deref().map(AliasName::parse).transpose().map_err(nunatak_store::StoreError::from)?;
        let page = ctx.store().alias_moves(ctx.actor(), self.0.id, name.as_ref(), &page).await?;
        Ok(connection(page, AliasMove::from))
    }
}

impl Plain for Model {
    type Record = ModelRecord;

    fn record(&self) -> &ModelRecord {
        &self.0
    }

    fn write(record: &ModelRecord, field: &Wanted<'_>, out: &mut Json<'_>) -> Option<()> {
        match field.name {
            "id" => out.id(&record.id),
            "name" => out.any(&record.name),
            "description" => out.any(&record.description),
            "project" => out.child::<Project>(&record.project, field),
            "createdBy" => out.child::<User>(&record.created_by, field),
            "createdAt" => out.time(record.created_at),
            "updatedAt" => out.time(record.updated_at),
            _ => None,
        }
    }
}
