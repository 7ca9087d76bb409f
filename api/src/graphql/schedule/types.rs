use async_graphql::{Context, Enum, ID, Object, connection::Connection};
use chrono::{DateTime, Utc};
use nunatak_domain::{Cron, ScheduleState as State};
use nunatak_store::schedules::{PromoteRule, ScheduleRecord, Trigger};

use super::{
    super::{
        connection::{connection, page_cost, page_request},
        context::ContextExt,
        error::ApiError,
        metric::MetricDirection,
        project::Project,
        viewer::User,
    },
    data::ScheduleData,
    loaders::LastRun,
    run::ScheduleRun,
    task::ScheduleTask,
    trigger::ScheduleTrigger,
};

/// Whether a schedule fires.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::ScheduleState")]
pub enum ScheduleState {
    /// It does.
    Active,
    /// Somebody paused it.
    Paused,
    /// Its owner lost the right to what it does; `suspendedBecause` says which.
    Suspended,
}

/// Work that is asked for again and again: by the clock, with new data, or when a metric gets worse.
#[derive(Debug, Clone)]
pub struct Schedule(pub ScheduleRecord);

impl From<ScheduleRecord> for Schedule {
    fn from(record: ScheduleRecord) -> Self {
        Self(record)
    }
}

/// Work that is asked for again and again: by the clock, with new data, or when a metric gets worse.
#[Object]
impl Schedule {
    /// `sch_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Unique in its project.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The project that it belongs to.
    async fn project(&self, ctx: &Context<'_>) -> Result<Option<Project>, ApiError> {
        Ok(ctx.load(self.0.project).await?.map(Project::from))
    }

    /// Whether it fires.
    async fn state(&self) -> ScheduleState {
        self.0.state.into()
    }

    /// Why it was suspended, and what to do.
    async fn suspended_because(&self) -> Option<&str> {
        self.0.suspended_because.as_deref()
    }

    /// What is done each time.
    async fn task(&self) -> ScheduleTask {
        (&self.0.task).into()
    }

    /// When it is done.
    async fn trigger(&self) -> ScheduleTrigger {
        (&self.0.trigger).into()
    }

    /// The alias that a new version gets if it is better.
    async fn promotion_rule(&self) -> Option<PromotionRule> {
        self.0.promote.clone().map(PromotionRule)
    }

    /// The next moment at which it fires by the clock.
    async fn next_run_at(&self) -> Option<DateTime<Utc>> {
        self.0.next_fire_at.filter(|_| self.0.state == State::Active).map(|at| at.to_utc())
    }

    /// The next moments of the clock, as far as it is active.
    async fn upcoming(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 20.", default = 5)] count: i32,
    ) -> Result<Vec<DateTime<Utc>>, ApiError> {
        let count = usize::try_from(count).ok().filter(|count| (1..=20).contains(count));
        let count = count.ok_or_else(|| ApiError::refused("OUT_OF_RANGE", "`count` is 1 to 20"))?;
        let Trigger::Cron { expression, time_zone } = &self.0.trigger else { return Ok(Vec::new()) };
        let cron = Cron::parse(expression, time_zone).map_err(nunatak_store::StoreError::from)?;
        let first = self.0.next_fire_at.filter(|_| self.0.state == State::Active);
        let moments = std::iter::successors(first, |at| cron.next_after((*at).max(ctx.store().now())));
        Ok(moments.take(count).map(|at| at.to_utc()).collect())
    }

    /// When it last fired.
    async fn last_fired_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_fired_at.map(|at| at.to_utc())
    }

    /// What it fired last.
    async fn last_run(&self, ctx: &Context<'_>) -> Result<Option<ScheduleRun>, ApiError> {
        Ok(ctx.load(LastRun(self.0.id)).await?.map(ScheduleRun::from))
    }

    /// What it has fired, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100 (20 unless said).")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Continue before this cursor.")] before: Option<String>,
    ) -> Result<Connection<String, ScheduleRun>, ApiError> {
        let page = page_request(first, after, last, before)?;
        Ok(connection(ctx.store().run_page(ctx.actor(), self.0.id, &page).await?, ScheduleRun::from))
    }

    /// In whose name it works: who made it, or changed or resumed it last. It may as much as this user may.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.owner).await?.map(User::from))
    }

    /// Who made it.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.created_by).await?.map(User::from))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at.to_utc()
    }

    /// When it was last changed, paused, resumed or suspended.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at.to_utc()
    }
}

/// The alias that a new version gets if it is better than the one that the alias names.
#[derive(Debug, Clone)]
pub struct PromotionRule(PromoteRule);

/// The alias that a new version gets if it is better than the one that the alias names.
#[Object]
impl PromotionRule {
    /// The alias.
    async fn alias(&self) -> &str {
        self.0.alias.as_str()
    }

    /// The metric by which they are compared.
    async fn metric(&self) -> &str {
        self.0.metric.as_str()
    }

    /// Which end of it is good; null for what the project declares of the metric.
    async fn direction(&self) -> Option<MetricDirection> {
        self.0.direction.map(Into::into)
    }

    /// By how much the new one must be better at least.
    async fn min_improvement(&self) -> f64 {
        self.0.min_improvement
    }

    /// The rows on which both are evaluated; null for those that the new one was trained on.
    async fn evaluate_on(&self) -> Option<ScheduleData> {
        self.0.evaluate_on.map(ScheduleData)
    }
}
