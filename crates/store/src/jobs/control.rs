//! What people and time do to jobs: cancel, retry, and taking back what silent runners hold.

use nunatak_authz::{Action, Actor, Permit};
use nunatak_domain::{JobId, JobKind, JobStatus, Problem, ProjectId};
use sea_orm::{ConnectionTrait, entity::prelude::Uuid};
use serde_json::json;

use super::{JobRecord, attempts, request::DEFAULT_ATTEMPTS};
use crate::{AttemptEnd, Store, StoreError, db, scope};

/// A pass of the reaper stays short; the next one takes the rest.
const REAPED_AT_ONCE: i64 = 500;
/// [`attempts::SILENT`] of the last attempt: nobody tries a job for ever that may be what crashes its runners.
const SILENT_AT_LAST: &str = "the runner fell silent in the last attempt, too: the job may be what ends it (out of \
     memory, for one); see the runner's log before you retry it";

impl Store {
    /// The permit to cancel a job.
    ///
    /// # Errors
    /// `NotFound` where the actor does not see the job, [`StoreError::Denied`] where it may only look.
    pub async fn cancel_permit(&self, actor: &Actor, id: JobId) -> Result<Permit, StoreError> {
        let job = self.job(actor, id).await?.ok_or(StoreError::NotFound("job"))?;
        self.project_permit(actor, Action::CancelJobs, job.project).await
    }

    /// The permit to retry a job: whoever may ask for it anew may.
    ///
    /// # Errors
    /// `NotFound` where the actor does not see the job, [`StoreError::Denied`] where it may only look.
    pub async fn retry_permit(&self, actor: &Actor, id: JobId) -> Result<Permit, StoreError> {
        let job = self.job(actor, id).await?.ok_or(StoreError::NotFound("job"))?;
        self.project_permit(actor, submits(job.kind), job.project).await
    }

    /// Ends a waiting job at once, and asks the runner of a running one to stop. Cancelling twice is fine.
    ///
    /// # Errors
    /// `FINISHED` for a job that has succeeded or failed.
    pub async fn cancel_job(&self, permit: &Permit, id: JobId) -> Result<JobRecord, StoreError> {
        scope::require(permit, Action::CancelJobs)?;
        let (_, project) = scope::project_of(permit)?;
        let text = "UPDATE jobs SET cancel_requested = TRUE, \
            status = CASE WHEN status = 0 THEN 4 ELSE status END, \
            finished_at = CASE WHEN status = 0 THEN $3 ELSE finished_at END \
            WHERE id = $1 AND project_id = $2 AND status IN (0, 1) RETURNING id";
        let txn = self.0.db.begin().await?;
        let values = vec![id.0.into(), project.0.into(), self.now().micros().into()];
        let changed = txn.query_one_raw(db::sql(&txn, text, values)).await?.is_some();
        let job = self.job_of(&txn, id, project).await?;
        match (changed, job.status) {
            (true, _) => {}
            (false, JobStatus::Cancelled) => return Ok(job),
            (false, status) => {
                let message = format!("this job has {} already; there is nothing to cancel", ended(status));
                return Err(Problem::new("FINISHED", message).at("id").into());
            }
        }
        self.audit(&txn, permit, id, json!({"status": job.status})).await?;
        txn.commit().await?;
        self.job_changed(id, project);
        Ok(job)
    }

    /// Queues a failed or cancelled job again, with fresh attempts. The attempt's number goes on, so that what
    /// an old runner still says stays refused.
    ///
    /// # Errors
    /// `NOT_RETRYABLE` for a job that is waiting, running or has succeeded.
    pub async fn retry_job(&self, permit: &Permit, id: JobId) -> Result<JobRecord, StoreError> {
        let (_, project) = scope::project_of(permit)?;
        let txn = self.0.db.begin().await?;
        let job = self.job_of(&txn, id, project).await?;
        scope::require(permit, submits(job.kind))?;
        let text = "UPDATE jobs SET status = 0, cancel_requested = FALSE, max_attempts = attempt + $3, \
            not_before = $4, progress = 0, progress_message = NULL, runner_id = NULL, lease_expires_at = NULL, \
            started_at = NULL, finished_at = NULL, error_code = NULL, error_message = NULL, error_retryable = NULL \
            WHERE id = $1 AND project_id = $2 AND status IN (3, 4) RETURNING id";
        let values = vec![id.0.into(), project.0.into(), DEFAULT_ATTEMPTS.into(), self.lease_now().micros().into()];
        if txn.query_one_raw(db::sql(&txn, text, values)).await?.is_none() {
            let message = "only a failed or cancelled job can be retried";
            return Err(Problem::new("NOT_RETRYABLE", message).at("id").into());
        }
        self.audit(&txn, permit, id, json!({"retry": true})).await?;
        let job = self.job_in(&txn, id).await?;
        txn.commit().await?;
        self.job_changed(id, project);
        self.job_queued(project);
        Ok(job)
    }

    /// Takes jobs back from runners that have been silent for a lease: cancelled where that was asked for, failed
    /// where no attempt is left, else queued again. Answers how many. To be called every few seconds.
    ///
    /// # Errors
    /// Database.
    pub async fn reap_jobs(&self) -> Result<usize, StoreError> {
        self.adjust_common_time().await?;
        let text = "UPDATE jobs SET \
            status = CASE WHEN cancel_requested THEN 4 WHEN attempt >= max_attempts THEN 3 ELSE 0 END, \
            finished_at = CASE WHEN cancel_requested OR attempt >= max_attempts THEN $5 ELSE NULL END, \
            error_code = 'LEASE_EXPIRED', error_retryable = TRUE, \
            error_message = CASE WHEN attempt >= max_attempts THEN CAST($4 AS TEXT) ELSE CAST($2 AS TEXT) END, \
            not_before = $1, lease_expires_at = NULL \
            WHERE status = 1 AND lease_expires_at < $1 AND id IN \
            (SELECT id FROM jobs WHERE status IN (0, 1) AND status = 1 AND lease_expires_at < $1 LIMIT $3) \
            RETURNING id, project_id, status";
        let now = self.now();
        let txn = self.0.db.begin().await?;
        let values = vec![
            self.lease_now().micros().into(),
            attempts::SILENT.into(),
            REAPED_AT_ONCE.into(),
            SILENT_AT_LAST.into(),
            now.micros().into(),
        ];
        let mut reaped = Vec::new();
        for row in txn.query_all_raw(db::sql(&txn, text, values)).await? {
            let (id, project): (Uuid, Uuid) = (row.try_get("", "id")?, row.try_get("", "project_id")?);
            let status: i16 = row.try_get("", "status")?;
            let cancelled = status == JobStatus::Cancelled.number();
            let attempt = if cancelled { JobStatus::Cancelled } else { JobStatus::Failed };
            attempts::expire(&txn, id.into(), attempt, now).await?;
            reaped.push((JobId(id), ProjectId(project), status == JobStatus::Queued.number()));
        }
        txn.commit().await?;
        for &(id, project, queued) in &reaped {
            tracing::warn!(job.id = %id, "lease expired");
            self.0.db.stats().0.attempt(AttemptEnd::Expired);
            self.job_changed(id, project);
            if queued {
                self.job_queued(project);
            }
        }
        Ok(reaped.len())
    }

    async fn job_of(&self, db: &impl ConnectionTrait, id: JobId, project: ProjectId) -> Result<JobRecord, StoreError> {
        let job = self.job_in(db, id).await?;
        if job.project == project { Ok(job) } else { Err(StoreError::NotFound("job")) }
    }
}

/// The action by which a job of this kind is asked for.
const fn submits(kind: JobKind) -> Action {
    match kind {
        JobKind::Train => Action::Train,
        JobKind::Predict | JobKind::Evaluate => Action::Predict,
    }
}

const fn ended(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Succeeded => "succeeded",
        JobStatus::Failed => "failed",
        JobStatus::Cancelled => "been cancelled",
        JobStatus::Queued | JobStatus::Running => "not ended",
    }
}
