//! `jobQueue`: what waits, what runs, and whether there is somebody to do it.

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use nunatak_store::jobs::{DetectorQueue as Record, QueueState};

use super::super::{
    context::{ContextExt, parse_optional_id},
    error::ApiError,
};

/// The jobs that are not over, as far as you may see them.
#[derive(SimpleObject, Debug)]
pub struct JobQueue {
    /// How many wait for a runner.
    queued: i32,
    /// How many a runner is at work on.
    running: i32,
    /// When the oldest of those that wait was asked for.
    oldest_queued_at: Option<DateTime<Utc>>,
    /// How many wait although no runner that is online offers their detector.
    without_runner: i32,
    /// By detector, those with the most waiting jobs first; only detectors with jobs.
    detectors: Vec<DetectorQueue>,
}

/// The jobs of one version of a detector, and who can do them.
#[derive(SimpleObject, Debug)]
pub struct DetectorQueue {
    /// The detector's name.
    name: String,
    /// The detector's version.
    version: String,
    /// How many wait for a runner.
    queued: i32,
    /// How many a runner is at work on.
    running: i32,
    /// When the oldest of those that wait was asked for.
    oldest_queued_at: Option<DateTime<Utc>>,
    /// How many runners that are online offer it; those that drain do not count.
    runners: i32,
    /// How many jobs these runners take together, of this and of other detectors.
    capacity: i32,
}

fn int(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

impl From<Record> for DetectorQueue {
    fn from(record: Record) -> Self {
        Self {
            name: record.name,
            version: record.version,
            queued: int(record.queued),
            running: int(record.running),
            oldest_queued_at: record.oldest_queued_at.map(|at| at.to_utc()),
            runners: int(record.runners),
            capacity: int(record.capacity),
        }
    }
}

impl From<QueueState> for JobQueue {
    fn from(state: QueueState) -> Self {
        let stuck = state.detectors.iter().filter(|detector| detector.runners == 0);
        Self {
            queued: int(state.queued),
            running: int(state.running),
            oldest_queued_at: state.oldest_queued_at.map(|at| at.to_utc()),
            without_runner: int(stuck.map(|detector| detector.queued).sum()),
            detectors: state.detectors.into_iter().map(Into::into).collect(),
        }
    }
}

#[derive(Default, Debug)]
pub struct JobQueueQuery;

#[Object]
impl JobQueueQuery {
    /// How the queue stands: the jobs that are not over, of the projects whose jobs you may see.
    async fn job_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only jobs of this project.")] project: Option<ID>,
    ) -> Result<JobQueue, ApiError> {
        let project = parse_optional_id(project.as_ref(), "project")?;
        Ok(ctx.store().queue_state(ctx.actor(), project).await?.into())
    }
}
