use std::sync::Arc;

use async_graphql::{Context, ID, Json, Object, SimpleObject, connection::Connection};
use chrono::{DateTime, Utc};
use nunatak_store::{
    predictions::PredictionFilter,
    versions::{Maps, VersionRecord},
};
use serde_json::Value;

use super::{
    super::{
        alias::{Alias, AliasesOf},
        connection::{connection, page_cost, page_request},
        context::ContextExt,
        dataset::DatasetVersion,
        error::ApiError,
        figure::{Figure, FiguresOf},
        job::Job,
        metric::{Metric, MetricsOf},
        model::Model,
        plain::PlainList,
        prediction::Prediction,
        project::Project,
        promotion::Promotion,
        scalars::Int64,
        tag::{Tag, TagsOf},
        viewer::User,
    },
    VersionConnection, VersionRow, VersionStatus, Visibility,
    connection::VersionsOf,
    git::{Artifact, Git},
    loaders::{DocumentsOf, HyperparametersOf, MapsOf, ParametersOf},
    values::{Hyperparameter, Parameter},
};

/// The detector that a version was trained with.
#[derive(Debug, Clone)]
pub struct DetectorUsed(pub(super) (String, String));

/// The detector that a version was trained with.
#[Object]
impl DetectorUsed {
    /// `isolation_forest`
    async fn name(&self) -> &str {
        &self.0.0
    }

    /// The detector's own version.
    async fn version(&self) -> &str {
        &self.0.1
    }
}

/// A dataset that is kept elsewhere.
#[derive(SimpleObject, Debug, Clone)]
pub struct ExternalDataset {
    /// What it was called when the version was logged.
    name: String,
    /// Free text.
    description: Option<String>,
}

/// One trained or uploaded model, immutable: what may change is its description, visibility, tags and aliases.
#[derive(Debug, Clone)]
pub struct Version(pub VersionRecord);

impl Version {
    /// The maps that came along with the record, or those that a batch finds.
    async fn maps(&self, ctx: &Context<'_>) -> Result<Arc<Maps>, ApiError> {
        match &self.0.maps {
            Some(maps) => Ok(maps.clone()),
            None => Ok(ctx.load(MapsOf(self.0.row)).await?.unwrap_or_default()),
        }
    }
}

/// The entries with one of `keys`, if any are given.
fn chosen<'a, T: Clone>(
    entries: &'a [T],
    keys: Option<&'a [String]>,
    key: impl Fn(&T) -> &String + 'a,
) -> impl Iterator<Item = T> + 'a {
    entries.iter().filter(move |entry| keys.is_none_or(|keys| keys.contains(key(entry)))).cloned()
}

impl From<VersionRecord> for Version {
    fn from(record: VersionRecord) -> Self {
        Self(record)
    }
}

/// One trained or uploaded model, immutable: what may change is its description, visibility, tags and aliases.
#[Object]
impl Version {
    /// `ver_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// 1, 2, 3… within the model.
    async fn number(&self) -> Int64 {
        Int64(self.0.number)
    }

    /// Free text; empty when none was given.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// How far it is.
    async fn status(&self) -> VersionStatus {
        self.0.status.into()
    }

    /// Who may see it.
    async fn visibility(&self) -> Visibility {
        self.0.visibility.into()
    }

    /// The model that it is a version of.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>, ApiError> {
        Ok(ctx.load(self.0.model).await?.map(Model::from))
    }

    /// The project that it is in.
    async fn project(&self, ctx: &Context<'_>) -> Result<Option<Project>, ApiError> {
        Ok(ctx.load(self.0.project).await?.map(Project::from))
    }

    /// Who logged it or asked for the training.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.created_by).await?.map(User::from))
    }

    /// When it was registered.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// When its description or visibility last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at.to_utc()
    }

    /// The detector that it was trained with, if known.
    async fn detector(&self) -> Option<DetectorUsed> {
        self.0.detector.clone().map(DetectorUsed)
    }

    /// What was chosen before training, by key.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn hyperparameters(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only these; all where it is left out.")] keys: Option<Vec<String>>,
    ) -> Result<PlainList<Hyperparameter>, ApiError> {
        if let Some(values) = &self.maps(ctx).await?.hyperparameters {
            return Ok(PlainList::of(chosen(values, keys.as_deref(), |(key, _)| key), Hyperparameter));
        }
        let found = ctx.load(HyperparametersOf(self.0.row, keys)).await?.unwrap_or_default();
        Ok(PlainList::of(found, Hyperparameter))
    }

    /// What was learned or noted besides, by key.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn parameters(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only these; all where it is left out.")] keys: Option<Vec<String>>,
    ) -> Result<PlainList<Parameter>, ApiError> {
        if let Some(values) = &self.maps(ctx).await?.parameters {
            return Ok(PlainList::of(chosen(values, keys.as_deref(), |(key, _)| key), Parameter));
        }
        let found = ctx.load(ParametersOf(self.0.row, keys)).await?.unwrap_or_default();
        Ok(PlainList::of(found, Parameter))
    }

    /// What was measured, by key.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only these; all where it is left out.")] keys: Option<Vec<String>>,
    ) -> Result<PlainList<Metric>, ApiError> {
        if let Some(metrics) = &self.maps(ctx).await?.metrics {
            return Ok(PlainList::of(chosen(metrics, keys.as_deref(), |metric| &metric.key), Metric::from));
        }
        let found = ctx.load(MetricsOf(self.0.row, keys)).await?.unwrap_or_default();
        Ok(PlainList::of(found, Metric::from))
    }

    /// Its tags, by name.
    async fn tags(&self, ctx: &Context<'_>) -> Result<PlainList<Tag>, ApiError> {
        Ok(PlainList::of(ctx.load(TagsOf(self.0.row)).await?.unwrap_or_default(), Tag::from))
    }

    /// The aliases that point at it, by name.
    async fn aliases(&self, ctx: &Context<'_>) -> Result<PlainList<Alias>, ApiError> {
        Ok(PlainList::of(ctx.load(AliasesOf(self.0.row)).await?.unwrap_or_default(), Alias::from))
    }

    /// The data that it was trained on, where they are kept here and you may read datasets.
    async fn dataset_version(&self, ctx: &Context<'_>) -> Result<Option<DatasetVersion>, ApiError> {
        let Some(id) = self.0.dataset_version else { return Ok(None) };
        Ok(ctx.load(id).await?.map(DatasetVersion::from))
    }

    /// The data that it was trained on, where they are kept elsewhere.
    async fn external_dataset(&self) -> Option<ExternalDataset> {
        let description = self.0.dataset_description.clone();
        self.0.dataset_name.clone().map(|name| ExternalDataset { name, description })
    }

    /// The working copy that it was made from, if known.
    async fn git(&self) -> Option<Git> {
        self.0.git.clone().map(Git)
    }

    /// Its file, if it has one.
    async fn artifact(&self) -> Option<Artifact> {
        self.0.artifact.as_ref().map(|artifact| Artifact::of(self.0.id, artifact))
    }

    /// The score above which it calls a row an anomaly.
    async fn threshold(&self) -> Option<f64> {
        self.0.threshold
    }

    /// The columns that it expects, as JSON.
    async fn input_schema(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>, ApiError> {
        Ok(ctx.load(DocumentsOf(self.0.row)).await?.and_then(|documents| documents.input_schema).map(Json))
    }

    /// Anything about where it was trained: packages, host, Python version.
    async fn environment(&self, ctx: &Context<'_>) -> Result<Option<Json<Value>>, ApiError> {
        Ok(ctx.load(DocumentsOf(self.0.row)).await?.and_then(|documents| documents.environment).map(Json))
    }

    /// The plots that were published with it.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn figures(&self, ctx: &Context<'_>) -> Result<Vec<Figure>, ApiError> {
        Ok(ctx.load(FiguresOf(self.0.row)).await?.unwrap_or_default().into_iter().map(Figure::from).collect())
    }

    /// The job that made it, if one did and you may read jobs.
    async fn job(&self, ctx: &Context<'_>) -> Result<Option<Job>, ApiError> {
        let Some(id) = self.0.job else { return Ok(None) };
        Ok(ctx.load(id).await?.map(Job::from))
    }

    /// The version that it was made from, if it was made from another that you may see.
    async fn parent(&self, ctx: &Context<'_>) -> Result<Option<Version>, ApiError> {
        let Some(row) = self.0.parent_row else { return Ok(None) };
        Ok(ctx.load(VersionRow(row)).await?.map(Version::from))
    }

    /// The versions that were made from it, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn children(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<VersionConnection, ApiError> {
        let page = page_request(first, after, last, before)?;
        let page = ctx.store().version_children(ctx.actor(), &self.0, &page).await?;
        Ok(VersionConnection::new(page, VersionsOf::ChildrenOf(Box::new(self.0.clone()))))
    }

    /// The comparisons by which it got an alias, or did not, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn promotions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Promotion>, ApiError> {
        let page = page_request(first, after, last, before)?;
        Ok(connection(ctx.store().promotion_page(ctx.actor(), &self.0, &page).await?, Promotion::from))
    }

    /// What it was applied to, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn predictions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, Prediction>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let filter = PredictionFilter { version: Some(self.0.id), ..PredictionFilter::default() };
        let page = ctx.store().prediction_page(ctx.actor(), &filter, &page).await?;
        Ok(connection(page, Prediction::from))
    }
}
