//! What a runner says while it works, and when it gives up. Everything is refused once another attempt has begun.

use std::time::Duration;

use nunatak_authz::{Action, Actor, Permit};
use nunatak_domain::{JobId, JobStatus, Problem, ProjectId, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Value};

use tokio::time::{Instant, timeout_at};

use super::{JobRecord, ReportedMetric, attempts, live};
use crate::{AttemptEnd, Event, Heard, Listener, Store, StoreError, db, scope};

/// What a runner is told when it reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// Somebody wants it to stop: end the work and call `fail`.
    pub cancel_requested: bool,
    /// Report again well before.
    pub lease_expires_at: Timestamp,
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Upper snake case: `INPUT_SCHEMA`, `NUMERIC`, `CANCELLED`…
    pub code: String,
    /// A sentence for the user; what is past 4 KiB is cut off.
    pub message: String,
    /// Another attempt could succeed.
    pub retryable: bool,
}

const MAX_MESSAGE_BYTES: usize = 4096;
const MAX_PROGRESS_BYTES: usize = 500;
const MAX_CODE_CHARS: usize = 60;
/// A connection that says nothing for longer is cut by many a proxy.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// What another server did is noticed within this time while its events are not heard.
const TICK: Duration = Duration::from_secs(2);
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// One attempt of one job: what every report is fenced by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) job: JobId,
    pub(super) number: i32,
    pub(super) project: (i64, ProjectId),
}

impl Attempt {
    /// The attempt that the permit's token was made for.
    pub(super) fn of(permit: &Permit) -> Result<Self, StoreError> {
        scope::require(permit, Action::ReportJob)?;
        match permit.actor() {
            Actor::Job { id, attempt, .. } => {
                Ok(Self { job: *id, number: *attempt, project: scope::project_of(permit)? })
            }
            Actor::Anonymous | Actor::User { .. } => Err(StoreError::NotFound("job")),
        }
    }

    pub(super) fn lost(self) -> StoreError {
        let message = format!(
            "attempt {} of this job is over: its lease ran out, or the job has ended; drop the work",
            self.number
        );
        Problem::new("LEASE_LOST", message).at("attempt").into()
    }
}

/// 2 s, 4 s, 8 s… after the first, second, third attempt, a minute at most.
fn backoff(attempt: i32) -> Duration {
    let seconds = 2_u64.checked_pow(attempt.max(0).unsigned_abs()).unwrap_or(u64::MAX);
    Duration::from_secs(seconds).min(MAX_BACKOFF)
}

/// At most `bytes` of it, whole characters, without the NUL that PostgreSQL cannot keep.
pub(super) fn cut(text: &str, bytes: usize) -> String {
    let text = text.replace('\0', "");
    let end = (0..=bytes.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text[..end].to_owned()
}

impl Store {
    /// The permit to report on an attempt: only the token that came with the claim has it.
    ///
    /// # Errors
    /// `NotFound` for every other actor, job or attempt.
    pub async fn report_permit(&self, actor: &Actor, job: JobId, attempt: i32) -> Result<Permit, StoreError> {
        match actor {
            Actor::Job { id, attempt: own, project, .. } if *id == job && *own == attempt => {
                self.project_permit(actor, Action::ReportJob, *project).await
            }
            _ => Err(StoreError::NotFound("job")),
        }
    }

    /// Keeps the lease, and then waits for `wait` (20 s at most) whether the job is to be cancelled: a runner that
    /// always has one such call open hears of it at once. The lease counts from the beginning of the call.
    ///
    /// # Errors
    /// `LEASE_LOST`, also when that happens while it waits.
    pub async fn heartbeat(&self, permit: &Permit, wait: Duration) -> Result<Pulse, StoreError> {
        // Before the first look: what happens between a look and the wait is heard of.
        let mut events = self.bus().listen();
        let mut pulse = self.extend_lease(permit, "", Vec::new()).await?;
        let (attempt, deadline) = (Attempt::of(permit)?, Instant::now() + wait.min(MAX_WAIT));
        while !pulse.cancel_requested && Instant::now() < deadline {
            let until = deadline.min(Instant::now() + TICK);
            // Time is up: look all the same, for what another server did while its events are not heard.
            let _ = timeout_at(until, changed(&mut events, attempt.job)).await;
            pulse.cancel_requested = self.cancel_requested(attempt).await?;
        }
        Ok(pulse)
    }

    async fn cancel_requested(&self, attempt: Attempt) -> Result<bool, StoreError> {
        let db = self.0.db.read();
        let text = "SELECT cancel_requested FROM jobs WHERE id = $1 AND attempt = $2 AND status = 1";
        let row = db.query_one_raw(db::sql(db, text, vec![attempt.job.0.into(), attempt.number.into()])).await?;
        Ok(row.ok_or_else(|| attempt.lost())?.try_get("", "cancel_requested")?)
    }

    /// Says how far the work is, 0 to 1, and keeps the lease. The metrics are shown on the job, not on what it makes.
    ///
    /// # Errors
    /// `OUT_OF_RANGE`, `LIMIT_EXCEEDED`, `LEASE_LOST`.
    pub async fn report_progress(
        &self,
        permit: &Permit,
        progress: f64,
        message: Option<&str>,
        metrics: &[ReportedMetric],
    ) -> Result<Pulse, StoreError> {
        if !(0.0..=1.0).contains(&progress) {
            return Err(Problem::new("OUT_OF_RANGE", "progress is a number from 0 to 1").at("progress").into());
        }
        live::check(metrics)?;
        let message = message.map(|message| cut(message, MAX_PROGRESS_BYTES));
        let also = ", progress = $4, progress_message = COALESCE($5, progress_message)";
        let pulse = self.extend_lease(permit, also, vec![progress.into(), message.into()]).await?;
        let attempt = Attempt::of(permit)?;
        live::insert(self.0.db.write(), attempt, metrics, self.now()).await?;
        self.job_changed(attempt.job, attempt.project.1);
        Ok(pulse)
    }

    async fn extend_lease(&self, permit: &Permit, also: &str, values: Vec<Value>) -> Result<Pulse, StoreError> {
        let attempt = Attempt::of(permit)?;
        let db = self.0.db.write();
        let lease_expires_at = self.lease_end();
        let text = format!(
            "UPDATE jobs SET lease_expires_at = $3{also} WHERE id = $1 AND attempt = $2 AND status = 1 \
             RETURNING cancel_requested, runner_id"
        );
        let mut all: Vec<Value> = vec![attempt.job.0.into(), attempt.number.into(), lease_expires_at.micros().into()];
        all.extend(values);
        let row = db.query_one_raw(db::sql(db, &text, all)).await?.ok_or_else(|| attempt.lost())?;
        if let Some(runner) = row.try_get("", "runner_id")? {
            self.runner_seen(db, runner).await?;
        }
        Ok(Pulse { cancel_requested: row.try_get("", "cancel_requested")?, lease_expires_at })
    }

    /// Gives the job back: to be tried again after a pause where that may help and attempts are left, else
    /// FAILED; CANCELLED where that was asked for.
    ///
    /// # Errors
    /// `LEASE_LOST`.
    pub async fn fail_job(&self, permit: &Permit, failure: &Failure) -> Result<JobRecord, StoreError> {
        let attempt = Attempt::of(permit)?;
        let text = "UPDATE jobs SET \
            status = CASE WHEN cancel_requested THEN 4 WHEN $3 AND attempt < max_attempts THEN 0 ELSE 3 END, \
            finished_at = CASE WHEN NOT cancel_requested AND $3 AND attempt < max_attempts THEN NULL ELSE $4 END, \
            not_before = $5, lease_expires_at = NULL, error_code = $6, error_message = $7, error_retryable = $3 \
            WHERE id = $1 AND attempt = $2 AND status = 1 RETURNING id";
        let code: String = failure.code.replace('\0', "").chars().take(MAX_CODE_CHARS).collect();
        let values = vec![
            attempt.job.0.into(),
            attempt.number.into(),
            failure.retryable.into(),
            self.now().micros().into(),
            self.lease_now().plus(backoff(attempt.number)).micros().into(),
            code.into(),
            cut(&failure.message, MAX_MESSAGE_BYTES).into(),
        ];
        let txn = self.0.db.begin().await?;
        if txn.query_one_raw(db::sql(&txn, text, values)).await?.is_none() {
            return Err(attempt.lost());
        }
        let job = self.ended(&txn, permit, attempt).await?;
        txn.commit().await?;
        self.job_changed(job.id, job.project);
        if job.status == JobStatus::Queued {
            self.job_queued(job.project);
        }
        Ok(job)
    }

    /// The job after an attempt, noted with the attempt and in the audit.
    pub(super) async fn ended(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        attempt: Attempt,
    ) -> Result<JobRecord, StoreError> {
        let job = self.job_in(txn, attempt.job).await?;
        let error = job.error.as_ref().filter(|_| job.status != JobStatus::Succeeded);
        let status = if job.status == JobStatus::Queued { JobStatus::Failed } else { job.status };
        attempts::end(txn, (attempt.job, attempt.number), status, error, self.now()).await?;
        self.0.db.stats().0.attempt(match status {
            JobStatus::Succeeded => AttemptEnd::Succeeded,
            JobStatus::Cancelled => AttemptEnd::Cancelled,
            _ => AttemptEnd::Failed,
        });
        let code = error.map(|error| error.code.as_str());
        let detail = serde_json::json!({"attempt": attempt.number, "status": job.status, "error": code});
        self.audit(txn, permit, attempt.job, detail).await?;
        Ok(job)
    }
}

/// Returns when something happened to the job, or when events were missed.
async fn changed(events: &mut Listener, job: JobId) {
    loop {
        match events.hear().await {
            Heard::Event(Event::JobChanged { job: changed, .. }) if changed == job => return,
            Heard::Missed { .. } => return,
            Heard::Event(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute() {
        let seconds: Vec<u64> = [1, 2, 5, 6, 40].map(|attempt| backoff(attempt).as_secs()).into();
        assert_eq!(seconds, [2, 4, 32, 60, 60]);
    }

    #[test]
    fn a_cut_leaves_whole_characters() {
        assert_eq!(cut("aé\0b", 2), "a");
        assert_eq!(cut("aé\0b", 99), "aéb");
    }
}
