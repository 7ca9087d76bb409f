//! `lineage`: where something comes from and what came of it.

use async_graphql::{Context, Enum, ID, Object, SimpleObject, Union};
use nunatak_domain::{DatasetVersionId, JobId, PredictionId, Problem, VersionId, ids::prefix_of};
use nunatak_store::{
    StoreError,
    lineage::{Lineage as Found, LineageEdge as FoundEdge, LineageNode as Place},
};

use super::{
    context::{ContextExt, parse_id},
    dataset::DatasetVersion,
    error::ApiError,
    job::Job,
    prediction::Prediction,
    version::Version,
};

/// Something that comes from something.
#[derive(Union, Debug)]
pub enum LineageNode {
    DatasetVersion(DatasetVersion),
    Job(Job),
    Version(Version),
    Prediction(Prediction),
}

/// What an arrow says.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_store::lineage::LineageKind")]
pub enum LineageKind {
    /// A dataset version was read by a job.
    ReadBy,
    /// A version was trained on a dataset version, elsewhere and without a job.
    TrainedInto,
    /// A job made a version or a prediction.
    Made,
    /// A version was applied by a job.
    AppliedBy,
    /// A version is another one's parent.
    ParentOf,
}

/// Which way to look.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_store::lineage::LineageDirection")]
pub enum LineageDirection {
    /// To what it comes from.
    Upstream,
    /// To what came of it.
    Downstream,
    /// To what it comes from and to what came of it, but not to what else came of the former.
    Both,
}

/// An arrow, in the direction in which data flows.
#[derive(SimpleObject, Debug)]
pub struct LineageEdge {
    /// The id of what it comes from.
    from: ID,
    /// What it says.
    kind: LineageKind,
    /// The id of what came of it.
    to: ID,
}

impl From<FoundEdge> for LineageEdge {
    fn from(edge: FoundEdge) -> Self {
        Self { from: id(edge.from), kind: edge.kind.into(), to: id(edge.to) }
    }
}

fn id(place: Place) -> ID {
    match place {
        Place::DatasetVersion(id) => id.to_string().into(),
        Place::Job(id) => id.to_string().into(),
        Place::Version(id) => id.to_string().into(),
        Place::Prediction(id) => id.to_string().into(),
    }
}

/// Where something comes from and what came of it, as far as you may see it.
#[derive(Debug)]
pub struct Lineage(Found);

/// Where something comes from and what came of it, as far as you may see it.
#[Object]
impl Lineage {
    /// What was found: begins with what was asked about, the nearest first, 500 at most.
    #[graphql(complexity = "50 * child_complexity + 1")]
    async fn nodes(&self, ctx: &Context<'_>) -> Result<Vec<LineageNode>, ApiError> {
        let loaded = self.0.nodes.iter().map(|place| load(ctx, *place));
        let loaded: Vec<_> = futures_util::future::try_join_all(loaded).await?;
        Ok(loaded.into_iter().flatten().collect())
    }

    /// The arrows between them.
    async fn edges(&self) -> Vec<LineageEdge> {
        self.0.edges.iter().copied().map(Into::into).collect()
    }

    /// There is more: ask with less depth, or start further on.
    async fn truncated(&self) -> bool {
        self.0.truncated
    }
}

async fn load(ctx: &Context<'_>, place: Place) -> Result<Option<LineageNode>, ApiError> {
    Ok(match place {
        Place::DatasetVersion(id) => ctx.load(id).await?.map(|found| LineageNode::DatasetVersion(found.into())),
        Place::Job(id) => ctx.load(id).await?.map(|found| LineageNode::Job(found.into())),
        Place::Version(id) => ctx.load(id).await?.map(|found| LineageNode::Version(found.into())),
        Place::Prediction(id) => ctx.load(id).await?.map(|found| LineageNode::Prediction(found.into())),
    })
}

#[derive(Default, Debug)]
pub struct LineageQuery;

#[Object]
impl LineageQuery {
    /// Where a dataset version, job, version or prediction comes from, and what came of it. Null where there is no such
    /// thing that you may see. The rows of a prediction are its `scores`.
    async fn lineage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`dsv_…`, `job_…`, `ver_…` or `prd_…`.")] id: ID,
        #[graphql(default_with = "LineageDirection::Both", desc = "Which way to look.")] direction: LineageDirection,
        #[graphql(
            default = 10,
            validator(minimum = 1, maximum = 20),
            desc = "How many arrows away at most, 1 to 20. From the data to a prediction there are four."
        )]
        depth: i32,
    ) -> Result<Option<Lineage>, ApiError> {
        let depth = usize::try_from(depth).unwrap_or(1);
        match ctx.store().lineage(ctx.actor(), place(&id)?, direction.into(), depth).await {
            Ok(found) => Ok(Some(Lineage(found))),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn place(id: &ID) -> Result<Place, StoreError> {
    match prefix_of(id) {
        DatasetVersionId::PREFIX => Ok(Place::DatasetVersion(parse_id(id, "id")?)),
        JobId::PREFIX => Ok(Place::Job(parse_id(id, "id")?)),
        VersionId::PREFIX => Ok(Place::Version(parse_id(id, "id")?)),
        PredictionId::PREFIX => Ok(Place::Prediction(parse_id(id, "id")?)),
        _ => {
            let message =
                "lineage is that of a dataset version, job, version or prediction: `dsv_…`, `job_…`, `ver_…`, `prd_…`";
            Err(Problem::new("INVALID_ID", message).at("id").into())
        }
    }
}
