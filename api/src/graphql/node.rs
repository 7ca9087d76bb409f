//! `node(id:)`: anything by its id.

use async_graphql::{Context, ID, Interface, Object};
use nunatak_domain::{
    DatasetId, DatasetVersionId, DetectorId, JobId, ModelId, PredictionId, ProjectId, PromotionId, RunnerId,
    ScheduleId, ScheduleRunId, SweepId, UploadId, UserId, VersionId, WorkspaceId, ids::prefix_of,
};

use super::{
    context::{ContextExt, parse_id},
    dataset::{Dataset, DatasetVersion},
    detector::Detector,
    error::ApiError,
    job::Job,
    model::Model,
    prediction::Prediction,
    project::Project,
    promotion::Promotion,
    runner::Runner,
    schedule::{Schedule, ScheduleRun},
    sweep::Sweep,
    upload::Upload,
    version::Version,
    viewer::User,
    workspace::Workspace,
};

/// Anything that has an id.
#[derive(Interface, Debug)]
#[graphql(field(name = "id", ty = "ID", desc = "The id, with a prefix that tells the type: `ver_01j…`."))]
pub enum Node {
    User(User),
    Workspace(Workspace),
    Project(Project),
    Upload(Upload),
    Dataset(Dataset),
    DatasetVersion(DatasetVersion),
    Detector(Detector),
    Runner(Runner),
    Job(Job),
    Sweep(Sweep),
    Prediction(Prediction),
    Schedule(Schedule),
    ScheduleRun(ScheduleRun),
    Promotion(Promotion),
    Model(Model),
    Version(Version),
}

#[derive(Default, Debug)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything by its id; null where there is nothing that you may see.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the thing.")] id: ID,
    ) -> Result<Option<Node>, ApiError> {
        Ok(match prefix_of(&id) {
            UserId::PREFIX => ctx.load(parse_id::<UserId>(&id, "id")?).await?.map(|user| Node::User(user.into())),
            WorkspaceId::PREFIX => {
                ctx.load(parse_id::<WorkspaceId>(&id, "id")?).await?.map(|found| Node::Workspace(found.into()))
            }
            ProjectId::PREFIX => {
                ctx.load(parse_id::<ProjectId>(&id, "id")?).await?.map(|found| Node::Project(found.into()))
            }
            UploadId::PREFIX => {
                ctx.load(parse_id::<UploadId>(&id, "id")?).await?.map(|found| Node::Upload(found.into()))
            }
            DatasetId::PREFIX => {
                ctx.load(parse_id::<DatasetId>(&id, "id")?).await?.map(|found| Node::Dataset(found.into()))
            }
            DatasetVersionId::PREFIX => ctx
                .load(parse_id::<DatasetVersionId>(&id, "id")?)
                .await?
                .map(|found| Node::DatasetVersion(found.into())),
            DetectorId::PREFIX => {
                ctx.load(parse_id::<DetectorId>(&id, "id")?).await?.map(|found| Node::Detector(found.into()))
            }
            RunnerId::PREFIX => {
                ctx.load(parse_id::<RunnerId>(&id, "id")?).await?.map(|found| Node::Runner(found.into()))
            }
            JobId::PREFIX => ctx.load(parse_id::<JobId>(&id, "id")?).await?.map(|found| Node::Job(found.into())),
            SweepId::PREFIX => ctx.load(parse_id::<SweepId>(&id, "id")?).await?.map(|found| Node::Sweep(found.into())),
            PredictionId::PREFIX => {
                ctx.load(parse_id::<PredictionId>(&id, "id")?).await?.map(|found| Node::Prediction(found.into()))
            }
            ScheduleId::PREFIX => {
                ctx.load(parse_id::<ScheduleId>(&id, "id")?).await?.map(|found| Node::Schedule(found.into()))
            }
            ScheduleRunId::PREFIX => {
                ctx.load(parse_id::<ScheduleRunId>(&id, "id")?).await?.map(|found| Node::ScheduleRun(found.into()))
            }
            PromotionId::PREFIX => {
                ctx.load(parse_id::<PromotionId>(&id, "id")?).await?.map(|found| Node::Promotion(found.into()))
            }
            ModelId::PREFIX => ctx.load(parse_id::<ModelId>(&id, "id")?).await?.map(|found| Node::Model(found.into())),
            VersionId::PREFIX => {
                ctx.load(parse_id::<VersionId>(&id, "id")?).await?.map(|found| Node::Version(found.into()))
            }
            _ => None,
        })
    }
}
