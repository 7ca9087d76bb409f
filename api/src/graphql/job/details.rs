//! What a job's page shows of it: its attempts, its log, its live metrics.

use async_graphql::{Context, Object};
use chrono::{DateTime, Utc};
use nunatak_domain::Special;
use nunatak_store::jobs::{AttemptRecord, LiveMetric, LogLine};

use super::{
    super::{
        context::ContextExt,
        error::ApiError,
        runner::Runner,
        scalars::{Int64, NonFinite},
    },
    JobStatus,
    alive::LogLevel,
    types::JobError,
};

/// One attempt at a job.
#[derive(Debug, Clone)]
pub struct JobAttempt(pub AttemptRecord);

/// One attempt at a job.
#[Object]
impl JobAttempt {
    /// Counts from 1.
    async fn number(&self) -> i32 {
        self.0.number
    }

    /// RUNNING, SUCCEEDED, FAILED or CANCELLED.
    async fn status(&self) -> JobStatus {
        self.0.status.into()
    }

    /// The runner that had it.
    async fn runner(&self, ctx: &Context<'_>) -> Result<Option<Runner>, ApiError> {
        let Some(runner) = self.0.runner else { return Ok(None) };
        Ok(ctx.load(runner).await?.map(Runner::from))
    }

    /// When it was claimed.
    async fn started_at(&self) -> DateTime<Utc> {
        self.0.started_at.to_utc()
    }

    /// When it was over.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.ended_at.map(|at| at.to_utc())
    }

    /// Why it failed.
    async fn error(&self) -> Option<JobError> {
        self.0.error.clone().map(JobError::from)
    }

    /// How many lines its runner wrote to the log, kept or not.
    async fn log_lines(&self) -> Int64 {
        Int64(self.0.log_lines)
    }
}

/// A line of a job's log.
#[derive(Debug, Clone)]
pub struct JobLogLine(pub LogLine);

/// A line of a job's log.
#[Object]
impl JobLogLine {
    /// The attempt that wrote it.
    async fn attempt(&self) -> i32 {
        self.0.attempt
    }

    /// From 0 in its attempt.
    async fn line(&self) -> Int64 {
        Int64(self.0.line)
    }

    /// When it was written, by the runner's clock.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at.to_utc()
    }

    /// How much it matters.
    async fn level(&self) -> LogLevel {
        self.0.level.into()
    }

    /// What it says.
    async fn message(&self) -> &str {
        &self.0.message
    }
}

/// What was measured while a job ran.
#[derive(Debug, Clone)]
pub struct JobMetric(pub LiveMetric);

/// What was measured while a job ran.
#[Object]
impl JobMetric {
    /// Its name.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// When in a series of values it was measured: an epoch, a batch.
    async fn step(&self) -> Int64 {
        Int64(self.0.step)
    }

    /// When it was reported.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at.to_utc()
    }

    /// The value, where it is a finite number.
    async fn value(&self) -> Option<f64> {
        Some(self.0.value).filter(|value| value.is_finite())
    }

    /// What the value is where it is no finite number.
    async fn special(&self) -> Option<NonFinite> {
        Special::of(self.0.value).map(Into::into)
    }
}
