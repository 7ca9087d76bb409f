use async_graphql::{Context, ID, Object, connection::Connection};
use chrono::{DateTime, Utc};
use nunatak_store::datasets::DatasetRecord;

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::ContextExt,
        error::ApiError,
        project::Project,
        viewer::User,
    },
    DatasetVersion,
    loaders::{LatestOf, Numbered},
};

/// A named series of tables to train on and to score.
#[derive(Debug, Clone)]
pub struct Dataset(pub DatasetRecord);

impl From<DatasetRecord> for Dataset {
    fn from(record: DatasetRecord) -> Self {
        Self(record)
    }
}

/// A named series of tables to train on and to score.
#[Object]
impl Dataset {
    /// `ds_…`
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

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// When its description last changed or its last version was added.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at.to_utc()
    }

    /// The project that it is in.
    async fn project(&self, ctx: &Context<'_>) -> Result<Option<Project>, ApiError> {
        Ok(ctx.load(self.0.project).await?.map(Project::from))
    }

    /// Who made it.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.created_by).await?.map(User::from))
    }

    /// The version with the highest number.
    async fn latest_version(&self, ctx: &Context<'_>) -> Result<Option<DatasetVersion>, ApiError> {
        Ok(ctx.load(LatestOf(self.0.id)).await?.map(DatasetVersion::from))
    }

    /// One version by its number, or the latest; null where there is none.
    async fn version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Counts from 1; the latest where it is left out.")] number: Option<i32>,
    ) -> Result<Option<DatasetVersion>, ApiError> {
        let found = match number {
            Some(number) => ctx.load(Numbered(self.0.id, number.into())).await?,
            None => ctx.load(LatestOf(self.0.id)).await?,
        };
        Ok(found.map(DatasetVersion::from))
    }

    /// All versions, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, DatasetVersion>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let page = ctx.store().dataset_versions(ctx.actor(), self.0.id, &page).await?;
        Ok(connection(page, DatasetVersion::from))
    }
}
