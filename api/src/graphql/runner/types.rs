use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};
use nunatak_store::runners::RunnerRecord;

use super::{
    super::{
        context::ContextExt,
        detector::{Detector, DetectorsOfRunner},
        error::ApiError,
        job::Job,
        viewer::User,
    },
    loaders::{ActiveJobs, JobsOfRunner},
};

/// Whether a runner has been heard of lately.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerStatus {
    /// Within the last three leases.
    Online,
    /// The same, but it finishes what it has and claims no more.
    Draining,
    /// Not for longer.
    Offline,
}

/// A program that carries out jobs.
#[derive(Debug, Clone)]
pub struct Runner(pub RunnerRecord);

impl From<RunnerRecord> for Runner {
    fn from(record: RunnerRecord) -> Self {
        Self(record)
    }
}

/// A program that carries out jobs.
#[Object]
impl Runner {
    /// `rnr_…`
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Unique among its user's runners.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Words about the machine, `gpu`, `hall-3`.
    async fn labels(&self) -> &[String] {
        &self.0.labels
    }

    /// Whether it has been heard of lately.
    async fn status(&self) -> RunnerStatus {
        match (self.0.online, self.0.draining) {
            (true, false) => RunnerStatus::Online,
            (true, true) => RunnerStatus::Draining,
            (false, _) => RunnerStatus::Offline,
        }
    }

    /// How many jobs it takes at once.
    async fn capacity(&self) -> i32 {
        self.0.capacity
    }

    /// When it last registered, asked for work or reported; to about five seconds.
    async fn last_seen_at(&self) -> DateTime<Utc> {
        self.0.last_seen_at.to_utc()
    }

    /// When it first registered.
    async fn registered_at(&self) -> DateTime<Utc> {
        self.0.registered_at.to_utc()
    }

    /// The user in whose name it works: it gets the jobs of projects in which that user is a maintainer.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        Ok(ctx.load(self.0.user).await?.map(User::from))
    }

    /// What it offers: it gets only jobs of these detectors, in these versions.
    async fn detectors(&self, ctx: &Context<'_>) -> Result<Vec<Detector>, ApiError> {
        let detectors = ctx.load(DetectorsOfRunner(self.0.id)).await?.unwrap_or_default();
        Ok(detectors.into_iter().map(Detector::from).collect())
    }

    /// The jobs that you may see and that it is at work on, the newest first, at most 100.
    async fn jobs(&self, ctx: &Context<'_>) -> Result<Vec<Job>, ApiError> {
        Ok(ctx.load(JobsOfRunner(self.0.id)).await?.unwrap_or_default().into_iter().map(Job::from).collect())
    }

    /// How many jobs that you may see it is at work on.
    async fn active_jobs(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let jobs = ctx.load(ActiveJobs(self.0.id)).await?.unwrap_or_default();
        Ok(i32::try_from(jobs).unwrap_or(i32::MAX))
    }
}
