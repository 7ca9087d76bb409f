use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Json, Object, connection::Connection};
use chrono::{DateTime, Utc};
use nunatak_domain::{DatasetVersionId, Problem};
use nunatak_store::{
    StoreError,
    sweeps::{Reason, Rung, Strategy, SweepDetector as Planned, SweepRecord},
};
use serde_json::Value;

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::{ContextExt, parse_id},
        error::ApiError,
        metric::MetricDirection,
        project::Project,
        scalars::Int64,
        viewer::User,
    },
    loaders::{BestOf, ProgressOf},
    parts::{SweepDataset, SweepDetector, SweepProgress, SweepPromotion, SweepReason, SweepRung},
    trial::{SweepTrial, SweepTrialOrder},
};

/// How far a sweep is.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::SweepStatus")]
pub enum SweepStatus {
    /// Trials wait or run.
    Running,
    /// All trials are over.
    Succeeded,
    /// It ended early, by its budget or a rule; `reason` says by which.
    Stopped,
    /// Somebody cancelled it.
    Cancelled,
    /// No trial has succeeded, too many have failed, or it may not go on; `reason` says what.
    Failed,
}

/// How a sweep chooses its trials.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepStrategy {
    /// Every combination.
    Grid,
    /// Some combinations.
    Random,
    /// Many with little of a resource, the best of them with more.
    SuccessiveHalving,
}

/// Many trainings that differ in detector and hyperparameters, compared by one metric.
#[derive(Debug, Clone)]
pub struct Sweep(Arc<SweepRecord>);

impl From<SweepRecord> for Sweep {
    fn from(record: SweepRecord) -> Self {
        Self(Arc::new(record))
    }
}

/// Many trainings that differ in detector and hyperparameters, compared by one metric.
#[Object]
impl Sweep {
    /// `swp_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The project that it belongs to.
    async fn project(&self, ctx: &Context<'_>) -> Result<Option<Project>, ApiError> {
        Ok(ctx.load(self.0.project).await?.map(Project::from))
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// How far it is.
    async fn status(&self) -> SweepStatus {
        self.0.status.into()
    }

    /// How it will have ended once the runners of its last trials have stopped; null unless it is about to end.
    async fn ends_as(&self) -> Option<SweepStatus> {
        self.0.ending.map(Into::into)
    }

    /// Why it ended, or is about to, other than with all of its trials.
    async fn reason(&self) -> Option<SweepReason> {
        self.0.reason.clone().map(|Reason { code, message }| SweepReason { code, message })
    }

    /// How its trials are chosen.
    async fn strategy(&self) -> SweepStrategy {
        match self.0.plan.strategy {
            Strategy::Grid { .. } => SweepStrategy::Grid,
            Strategy::Random { .. } => SweepStrategy::Random,
            Strategy::SuccessiveHalving { .. } => SweepStrategy::SuccessiveHalving,
        }
    }

    /// The hyperparameter that grows from rung to rung; null without successive halving.
    async fn resource(&self) -> Option<&str> {
        match &self.0.plan.strategy {
            Strategy::SuccessiveHalving { resource, .. } => Some(resource),
            _ => None,
        }
    }

    /// How many trials there are on each data set; one rung for each round of successive halving, else one.
    async fn rungs(&self) -> Vec<SweepRung> {
        let halves = matches!(self.0.plan.strategy, Strategy::SuccessiveHalving { .. });
        let rung = |rung: &Rung| SweepRung {
            trials: i32::try_from(rung.trials).unwrap_or(i32::MAX),
            resource: halves.then_some(rung.resource),
        };
        self.0.plan.rungs.iter().map(rung).collect()
    }

    /// The detectors that it compares.
    async fn detectors(&self) -> Vec<SweepDetector> {
        let json = |value: &Value| Some(value.clone()).filter(|value| !value.is_null()).map(Json);
        let detector = |Planned { name, version, hyperparameters, space }: &Planned| SweepDetector {
            name: name.clone(),
            version: version.clone(),
            hyperparameters: json(hyperparameters),
            space: json(space),
        };
        self.0.plan.detectors.iter().map(detector).collect()
    }

    /// What it trains on, each with its own model.
    async fn datasets(&self) -> Vec<SweepDataset> {
        self.0.plan.targets.iter().cloned().map(SweepDataset).collect()
    }

    /// The metric by which trials are compared.
    async fn metric(&self) -> &str {
        &self.0.metric
    }

    /// Which end of it is good.
    async fn direction(&self) -> MetricDirection {
        self.0.direction.into()
    }

    /// Of the choice of trials, and of each training.
    async fn seed(&self) -> Int64 {
        Int64(self.0.plan.seed)
    }

    /// How many of its jobs wait or run at once.
    async fn concurrency(&self) -> i32 {
        i32::try_from(self.0.plan.concurrency).unwrap_or(i32::MAX)
    }

    /// How many trials are in which state.
    async fn progress(&self, ctx: &Context<'_>) -> Result<SweepProgress, ApiError> {
        let progress = ctx.load(ProgressOf(self.0.id)).await?.unwrap_or_default();
        Ok(SweepProgress::new(&self.0, progress))
    }

    /// The trial with the best score on a data set; null as long as there is none.
    async fn best(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of its dataset versions, `dsv_…`; the first unless given.")] dataset: Option<ID>,
    ) -> Result<Option<SweepTrial>, ApiError> {
        let place = self.place(dataset.as_ref())?.unwrap_or(0);
        let best = ctx.load(BestOf(self.0.id)).await?.unwrap_or_default();
        let best = best.into_iter().find(|trial| trial.place == place);
        Ok(best.map(|trial| SweepTrial::new(self.0.clone(), trial)))
    }

    /// The leaderboard.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn trials(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "On this dataset version only, `dsv_…`.")] dataset: Option<ID>,
        #[graphql(desc = "In which order.", default_with = "SweepTrialOrder::Score")] order_by: SweepTrialOrder,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, SweepTrial>, ApiError> {
        let page = page_request(first, after, last, before)?;
        let which = (order_by.into(), self.place(dataset.as_ref())?);
        let trials = ctx.store().trials(ctx.actor(), self.0.id, which, &page).await?;
        Ok(connection(trials, |trial| SweepTrial::new(self.0.clone(), trial)))
    }

    /// What came of the rule of promotion, in the order of time; empty without one, and before it was applied.
    async fn promotions(&self) -> Vec<SweepPromotion> {
        self.0.promotions.iter().cloned().map(SweepPromotion).collect()
    }

    /// Who asked for it.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.created_by).await?.map(User::from))
    }

    /// When it began.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// When its last trial was over.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at.map(|at| at.to_utc())
    }
}

impl Sweep {
    /// Which of its data sets that is.
    fn place(&self, dataset: Option<&ID>) -> Result<Option<usize>, StoreError> {
        let Some(dataset) = dataset else { return Ok(None) };
        let dataset: DatasetVersionId = parse_id(dataset, "dataset")?;
        let place = self.0.plan.targets.iter().position(|target| target.dataset == dataset);
        let absent = || Problem::new("NOT_FOUND", "the sweep does not train on this dataset version").at("dataset");
        place.ok_or_else(|| absent().into()).map(Some)
    }
}
