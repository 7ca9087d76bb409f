use async_graphql::{Context, ID, InputObject, Object};
use nunatak_authz::Action;
use nunatak_domain::{Key, ProjectId};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        payload::payload,
        project::Project,
        version::{Version, version_permit},
    },
    MetricDirection, MetricPointInput, parse_points,
};

/// Further values of a version's metrics.
#[derive(InputObject, Debug)]
pub struct LogMetricsInput {
    /// `ver_…`
    version: ID,
    /// The values, at most 20,000, each step once. A step that is there already gets the new value: sending
    /// the same again does no harm.
    metrics: Vec<MetricPointInput>,
}

payload! {
    /// What `logMetrics` added to.
    LogMetricsPayload {
        /// The version.
        version: Version
    }
}

/// Which end of a metric is good in a project.
#[derive(InputObject, Debug)]
pub struct DeclareMetricInput {
    /// `prj_…`
    project: ID,
    /// The metric's name.
    key: String,
    /// Which end is good.
    direction: MetricDirection,
}

payload! {
    /// What `declareMetric` changed.
    DeclareMetricPayload {
        /// The project.
        project: Project
    }
}

#[derive(Default, Debug)]
pub struct MetricMutation;

#[Object]
impl MetricMutation {
    /// Notes further values of a version's metrics. Developers and above.
    async fn log_metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values.")] input: LogMetricsInput,
    ) -> Result<LogMetricsPayload, ApiError> {
        LogMetricsPayload::of(
            async {
                let points = parse_points(&input.metrics, ctx.store().now())?;
                let (id, permit) = version_permit(ctx, &input.version, "version", Action::AnnotateVersions).await?;
                Ok(ctx.store().log_metrics(&permit, id, &points).await?.into())
            }
            .await,
        )
    }

    /// Declares which end of a metric is good, for `best` and `BEST`; takes effect on all versions. Maintainers
    /// and above.
    async fn declare_metric(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The metric.")] input: DeclareMetricInput,
    ) -> Result<DeclareMetricPayload, ApiError> {
        let declared = async {
            let project: ProjectId = parse_id(&input.project, "project")?;
            let key = Key::parse(&input.key).map_err(|problem| problem.at("key"))?;
            let permit = ctx.store().project_permit(ctx.actor(), Action::UpdateProject, project).await?;
            ctx.store().declare_metric(&permit, &key, input.direction.into()).await?;
            Ok(project)
        };
        let project = match declared.await {
            Ok(project) => {
                ctx.load(project).await?.map(Project::from).ok_or(nunatak_store::StoreError::NotFound("project"))
            }
            Err(error) => Err(error),
        };
        DeclareMetricPayload::of(project)
    }
}
