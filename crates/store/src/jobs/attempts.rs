//! What became of each attempt at a job: who had it, when, and why it ended. A job that is given up after its last attempt
//! keeps the reasons of all.

use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::{JobId, JobStatus, RunnerId, Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult, entity::prelude::Uuid};

use super::{JobError, JobRecord};
use crate::{Store, StoreError, db, versions::sql::Binds};

/// One attempt at a job.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptRecord {
    pub number: i32,
    pub runner: Option<RunnerId>,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// RUNNING, SUCCEEDED, FAILED or CANCELLED.
    pub status: JobStatus,
    pub error: Option<JobError>,
    /// Lines of its log, kept or not.
    pub log_lines: i64,
}

#[derive(FromQueryResult)]
struct Row {
    job_id: Uuid,
    number: i32,
    runner_id: Option<Uuid>,
    started_at: i64,
    ended_at: Option<i64>,
    status: i16,
    error_code: Option<String>,
    error_message: Option<String>,
    error_retryable: Option<bool>,
    log_lines: i64,
}

impl Row {
    fn into_record(self) -> Result<AttemptRecord, StoreError> {
        let corrupt = || StoreError::Corrupt(format!("status of an attempt at {}", JobId(self.job_id)));
        Ok(AttemptRecord {
            number: self.number,
            runner: self.runner_id.map(Into::into),
            started_at: Timestamp::from_micros(self.started_at),
            ended_at: self.ended_at.map(Timestamp::from_micros),
            status: JobStatus::from_number(self.status).ok_or_else(corrupt)?,
            error: self.error_code.map(|code| JobError {
                code,
                message: self.error_message.unwrap_or_default(),
                retryable: self.error_retryable.unwrap_or(false),
            }),
            log_lines: self.log_lines,
        })
    }
}

impl Store {
    /// The attempts at those of `jobs` that the actor may see, the first one first.
    ///
    /// # Errors
    /// Database.
    pub async fn attempts_of(
        &self,
        actor: &Actor,
        jobs: &[JobId],
    ) -> Result<HashMap<JobId, Vec<AttemptRecord>>, StoreError> {
        let seen = self.jobs_by_ids(actor, jobs).await?;
        if seen.is_empty() {
            return Ok(HashMap::new());
        }
        let mut binds = Binds::default();
        let ids = binds.list(seen.keys().map(|id| id.0));
        let text = format!("SELECT * FROM job_attempts WHERE job_id IN ({ids}) ORDER BY job_id, number");
        let db = self.0.db.read();
        let mut found: HashMap<JobId, Vec<AttemptRecord>> = HashMap::new();
        for row in db.query_all_raw(db::sql(db, &text, binds.into_values())).await? {
            let row = Row::from_query_result(&row, "")?;
            found.entry(row.job_id.into()).or_default().push(row.into_record()?);
        }
        Ok(found)
    }
}

const EXPIRED: &str = "LEASE_EXPIRED";
pub(super) const SILENT: &str = "the runner fell silent: it has crashed, lost its connection or was stopped";

/// Notes that an attempt has begun, and that the one before it, should it not have ended, is over.
pub(super) async fn begin(db: &impl ConnectionTrait, job: &JobRecord, now: Timestamp) -> Result<(), StoreError> {
    if job.attempt > 1 {
        expire(db, job.id, JobStatus::Failed, now).await?;
    }
    let text = "INSERT INTO job_attempts (job_id, number, runner_id, started_at, status) VALUES ($1, $2, $3, $4, 1)";
    let runner = job.runner.map(|runner| runner.0);
    let values = vec![job.id.0.into(), job.attempt.into(), runner.into(), now.micros().into()];
    db.execute_raw(db::sql(db, text, values)).await?;
    Ok(())
}

/// The attempt that still counts as running was lost.
pub(super) async fn expire(
    db: &impl ConnectionTrait,
    job: JobId,
    status: JobStatus,
    now: Timestamp,
) -> Result<(), StoreError> {
    let text = "UPDATE job_attempts SET status = $3, ended_at = $2, error_code = $4, error_message = $5, \
                error_retryable = TRUE WHERE job_id = $1 AND status = 1";
    let values = vec![job.0.into(), now.micros().into(), status.number().into(), EXPIRED.into(), SILENT.into()];
    db.execute_raw(db::sql(db, text, values)).await?;
    Ok(())
}

/// How the attempt ended, as its runner says.
pub(super) async fn end(
    db: &impl ConnectionTrait,
    (job, number): (JobId, i32),
    status: JobStatus,
    error: Option<&JobError>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let text = "UPDATE job_attempts SET status = $3, ended_at = $4, error_code = $5, error_message = $6, \
                error_retryable = $7 WHERE job_id = $1 AND number = $2";
    let values = vec![
        job.0.into(),
        number.into(),
        status.number().into(),
        now.micros().into(),
        error.map(|error| error.code.clone()).into(),
        error.map(|error| error.message.clone()).into(),
        error.map(|error| error.retryable).into(),
    ];
    db.execute_raw(db::sql(db, text, values)).await?;
    Ok(())
}
