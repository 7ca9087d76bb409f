//! The job queue: who asked for what, which runner is at work on it, and how it ended.
//!
//! A job is QUEUED, claimed by a runner with a lease (RUNNING), and ends SUCCEEDED, FAILED or CANCELLED. Every
//! claim raises `attempt`; what a runner reports carries the attempt it was given and is refused once another
//! has begun (`LEASE_LOST`). A runner that falls silent loses its lease, and the job goes to another one.
//!
//! - submit: `train_model`, `predict`, `evaluate`, in the transaction that checks them;
//! - turn and claim: whose turn it is, and one statement, so that two runners never get the same job;
//! - report, logs, live and complete: what the runner says, fenced by the attempt; attempts: what became of each;
//! - control: cancel, retry, and the reaper of lost leases;
//! - time: what leases are counted in, whatever the clocks of several servers say.

mod attempts;
pub(crate) mod checks;
mod claim;
mod complete;
mod control;
mod health;
pub(crate) mod hyperparameters;
mod live;
mod logs;
mod queue;
mod read;
mod report;
mod request;
mod submit;
mod time;
mod turn;

use std::time::Duration;

pub use attempts::AttemptRecord;
pub(crate) use claim::job_event;
pub use claim::{Claim, ClaimedArtifact, ClaimedDataset};
pub use complete::{JobResult, ReportedMetric, ScoredResult, TrainedResult};
pub use health::{DetectorQueue, QueueState, RunnerCounts};
pub use live::{LiveMetric, MAX_LIVE_POINTS};
pub use logs::{LogLine, MAX_LINES_AT_ONCE};
use nunatak_authz::{Action, Actor};
use nunatak_domain::{
    DatasetVersionId, JobId, JobKind, JobStatus, ModelId, Page, ProjectId, RunnerId, Timestamp, UserId, VersionId,
};
pub use read::JobFilter;
pub(crate) use read::records;
pub use report::{Failure, Pulse};
pub use request::{ApplyRequest, Cause, TrainRequest};
use sea_orm::{ColumnTrait, Condition, entity::prelude::Uuid};
use serde_json::Value;
pub(crate) use time::CommonTime;

use crate::{Event, Store, StoreError, entities::jobs, scope};

/// How long a silent runner keeps its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobOptions {
    /// How long a claim or heartbeat holds. Longer: a crash is noticed later. Shorter: a slow network loses jobs.
    pub lease: Duration,
    /// How often runners are told to report: a third of the lease survives two lost messages.
    pub heartbeat: Duration,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self { lease: Duration::from_secs(30), heartbeat: Duration::from_secs(10) }
    }
}

/// One training, prediction or evaluation that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    pub id: JobId,
    pub project: ProjectId,
    pub kind: JobKind,
    pub status: JobStatus,
    /// Higher goes first.
    pub priority: i32,
    pub detector_name: String,
    pub detector_version: String,
    /// The full set, defaults filled in; `None` where nothing is trained.
    pub hyperparameters: Option<Value>,
    pub seed: i64,
    /// The names of the tags that the version gets.
    pub tags: Vec<String>,
    /// Only a runner that has all of these gets it.
    pub labels: Vec<String>,
    pub model: Option<ModelId>,
    /// Made by a training, applied by the others.
    pub version: Option<VersionId>,
    pub dataset_version: DatasetVersionId,
    /// How often it has been claimed.
    pub attempt: i32,
    pub max_attempts: i32,
    /// The runner that has it or had it last.
    pub runner: Option<RunnerId>,
    pub lease_expires_at: Option<Timestamp>,
    /// Not claimed earlier: the pause after a failure.
    pub not_before: Timestamp,
    pub cancel_requested: bool,
    /// 0 to 1.
    pub progress: f64,
    pub progress_message: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<JobError>,
    /// What asked for it by itself.
    pub cause: Cause,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobError {
    pub code: String,
    pub message: String,
    /// The runner thought that another attempt could succeed.
    pub retryable: bool,
}

impl JobRecord {
    fn from_row(row: jobs::Model, version: Option<Uuid>) -> Result<Self, StoreError> {
        let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of job {}", JobId(row.id)));
        let kind = JobKind::from_number(row.kind).ok_or_else(|| corrupt("kind"))?;
        let hyperparameters: Value = serde_json::from_str(&row.hyperparameters).map_err(|_| corrupt("settings"))?;
        let error = row.error_code.map(|code| JobError {
            code,
            message: row.error_message.unwrap_or_default(),
            retryable: row.error_retryable.unwrap_or(false),
        });
        Ok(Self {
            id: row.id.into(),
            project: row.project_id.into(),
            kind,
            status: JobStatus::from_number(row.status).ok_or_else(|| corrupt("status"))?,
            priority: row.priority,
            detector_name: row.detector_name,
            detector_version: row.detector_version,
            hyperparameters: Some(hyperparameters).filter(|_| kind == JobKind::Train),
            seed: row.seed,
            tags: serde_json::from_str(&row.tags).map_err(|_| corrupt("tags"))?,
            labels: serde_json::from_str(&row.labels).map_err(|_| corrupt("labels"))?,
            model: row.model_id.map(Into::into),
            version: version.map(Into::into),
            dataset_version: row.dataset_version_id.into(),
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            runner: row.runner_id.map(Into::into),
            lease_expires_at: row.lease_expires_at.map(Timestamp::from_micros),
            not_before: Timestamp::from_micros(row.not_before),
            cancel_requested: row.cancel_requested,
            progress: row.progress,
            progress_message: row.progress_message,
            error,
            cause: Cause { sweep: row.sweep_id.map(Into::into), schedule: row.schedule_id.map(Into::into) },
            created_by: row.created_by.into(),
            created_at: Timestamp::from_micros(row.created_at),
            started_at: row.started_at.map(Timestamp::from_micros),
            finished_at: row.finished_at.map(Timestamp::from_micros),
        })
    }
}

/// Holds for jobs that the actor may see: those of its projects; for a job's own token that job alone.
pub(crate) fn visible(store: &Store, actor: &Actor) -> Condition {
    if let Actor::Job { id, .. } = actor {
        return Condition::all().add(jobs::Column::Id.eq(id.0));
    }
    scope::project_ids(jobs::Column::ProjectId, store.authorizer().reach(actor, Action::ReadJobs))
}

impl Store {
    /// How long leases are and how often runners report.
    #[must_use]
    pub fn job_options(&self) -> JobOptions {
        self.0.jobs
    }

    /// When a lease given now ends.
    fn lease_end(&self) -> Timestamp {
        self.lease_now().plus(self.0.jobs.lease)
    }

    pub(crate) fn job_changed(&self, job: JobId, project: ProjectId) {
        self.bus().publish(Event::JobChanged { job, project });
    }

    /// Wakes the runners that wait for a job. Call after the commit, besides [`Store::job_changed`].
    pub(crate) fn job_queued(&self, project: ProjectId) {
        self.bus().publish(Event::JobQueued { project });
    }
}

/// [`Page::map`] with records that may turn out damaged.
pub(crate) fn try_page<T, U>(
    page: Page<T>,
    convert: impl Fn(T) -> Result<U, StoreError>,
) -> Result<Page<U>, StoreError> {
    let items = page.items.into_iter().map(|(cursor, item)| Ok((cursor, convert(item)?)));
    Ok(Page {
        items: items.collect::<Result<_, StoreError>>()?,
        has_previous: page.has_previous,
        has_next: page.has_next,
    })
}
