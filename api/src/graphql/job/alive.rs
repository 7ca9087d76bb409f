//! What a runner says while it works, with the token that came with the claim: that it is alive, how far it is, its log.

use std::time::Duration;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use nunatak_authz::{Actor, Permit};
use nunatak_domain::Problem;
use nunatak_store::{StoreError, jobs::Pulse};

use super::{
    super::{context::ContextExt, error::ApiError, metric::MetricInput, payload::UserError},
    report::permit,
    result::metrics,
};

/// Which attempt is alive.
#[derive(InputObject, Debug)]
pub struct HeartbeatInput {
    /// `job_…`
    job: ID,
    /// The claim's.
    attempt: i32,
    /// How long to hold the answer back unless the job is cancelled meanwhile, 0 to 20 seconds. A runner that always
    /// has one such call open hears of it at once. The lease counts from the call.
    #[graphql(default = 0.0, validator(minimum = 0.0, maximum = 20.0))]
    wait_seconds: f64,
}

/// How far an attempt is.
#[derive(InputObject, Debug)]
pub struct ReportProgressInput {
    /// `job_…`
    job: ID,
    /// The claim's.
    attempt: i32,
    /// From 0 to 1.
    progress: f64,
    /// What is being done, in a few words; what was said before stays unless given.
    message: Option<String>,
    /// What was measured on the way, at most 100 values: shown on the job at once, and not kept with what it makes. A key
    /// and step that was reported before is replaced. Of an attempt 10,000 values are kept.
    #[graphql(default)]
    metrics: Vec<MetricInput>,
}

/// How much a line of a log matters.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_domain::LogLevel")]
pub enum LogLevel {
    /// For the detector's author.
    Debug,
    /// What happens.
    Info,
    /// Something to look at.
    Warn,
    /// Something failed.
    Error,
}

/// A line of a job's log.
#[derive(InputObject, Debug)]
pub struct LogLineInput {
    /// When it was written, by the runner's clock.
    at: DateTime<Utc>,
    /// How much it matters.
    level: LogLevel,
    /// 2000 bytes of it are kept.
    message: String,
}

/// More of an attempt's log.
#[derive(InputObject, Debug)]
pub struct ReportLogsInput {
    /// `job_…`
    job: ID,
    /// The claim's.
    attempt: i32,
    /// How many lines of this attempt were sent before: a call that is repeated adds nothing twice.
    offset: i32,
    /// At most 500, in order. Of an attempt 10,000 are kept; the others are counted.
    lines: Vec<LogLineInput>,
}

/// What a runner is told when it reports.
#[derive(SimpleObject, Debug)]
#[graphql(complex)]
pub struct HeartbeatPayload {
    /// Stop, and call `failJob`. Null when the attempt is over.
    pub cancel_requested: Option<bool>,
    /// Report again before then. Null when the attempt is over.
    pub lease_expires_at: Option<DateTime<Utc>>,
    /// `LEASE_LOST`: another attempt has begun or the job has ended; drop the work.
    pub user_errors: Vec<UserError>,
}

#[async_graphql::ComplexObject]
impl HeartbeatPayload {
    /// A fresh token for this attempt, in place of the one in use: so an attempt may take longer than a token lives.
    /// Null when the attempt is over.
    async fn token(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let (Actor::Job { id, attempt, project, on_behalf_of }, Some(_)) = (ctx.actor(), self.lease_expires_at) else {
            return Ok(None);
        };
        let state = ctx.state();
        let (names, life) = ((*id, *attempt, *project), state.options.job_token_lifetime);
        Ok(Some(state.keys.job_token(names, *on_behalf_of, ctx.store().now(), life)?))
    }
}

/// What a runner is told when it reports.
#[derive(SimpleObject, Debug)]
pub struct ReportProgressPayload {
    /// Stop, and call `failJob`. Null when the attempt is over.
    pub cancel_requested: Option<bool>,
    /// Report again before then. Null when the attempt is over.
    pub lease_expires_at: Option<DateTime<Utc>>,
    /// `LEASE_LOST`: another attempt has begun or the job has ended; drop the work.
    pub user_errors: Vec<UserError>,
}

/// How much of the log has arrived.
#[derive(SimpleObject, Debug)]
pub struct ReportLogsPayload {
    /// How many lines of this attempt have been sent in all: the next call's `offset`.
    pub stored: Option<i32>,
    /// `LEASE_LOST`: another attempt has begun or the job has ended; drop the work.
    pub user_errors: Vec<UserError>,
}

/// The value, or what is wrong with the input.
fn or_problems<T>(result: Result<T, StoreError>) -> Result<(Option<T>, Vec<UserError>), ApiError> {
    match result {
        Ok(value) => Ok((Some(value), Vec::new())),
        Err(StoreError::Invalid(problems)) => Ok((None, problems.iter().map(Into::into).collect())),
        Err(error) => Err(error.into()),
    }
}

type Told = (Option<bool>, Option<DateTime<Utc>>, Vec<UserError>);

fn told(result: Result<Pulse, StoreError>) -> Result<Told, ApiError> {
    let (pulse, user_errors) = or_problems(result)?;
    let cancel_requested = pulse.map(|pulse| pulse.cancel_requested);
    Ok((cancel_requested, pulse.map(|pulse| pulse.lease_expires_at.to_utc()), user_errors))
}

#[derive(Default, Debug)]
pub struct JobAliveMutation;

#[Object]
impl JobAliveMutation {
    /// Keeps the lease of a running job. Call it as often as `registerRunner` says.
    async fn heartbeat(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which attempt.")] input: HeartbeatInput,
    ) -> Result<HeartbeatPayload, ApiError> {
        let permit = permit(ctx, &input.job, input.attempt).await?;
        let wait = Duration::try_from_secs_f64(input.wait_seconds).unwrap_or_default();
        let (cancel_requested, lease_expires_at, user_errors) = told(ctx.store().heartbeat(&permit, wait).await)?;
        Ok(HeartbeatPayload { cancel_requested, lease_expires_at, user_errors })
    }

    /// Says how far a running job is; keeps its lease as `heartbeat` does.
    async fn report_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How far it is.")] input: ReportProgressInput,
    ) -> Result<ReportProgressPayload, ApiError> {
        let permit = permit(ctx, &input.job, input.attempt).await?;
        let (cancel_requested, lease_expires_at, user_errors) = told(progress(ctx, &permit, &input).await)?;
        Ok(ReportProgressPayload { cancel_requested, lease_expires_at, user_errors })
    }

    /// Adds lines to the log of a running job. Safe to send again.
    async fn report_logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The lines.")] input: ReportLogsInput,
    ) -> Result<ReportLogsPayload, ApiError> {
        let permit = permit(ctx, &input.job, input.attempt).await?;
        let lines = input.lines.into_iter().map(|line| (line.at.into(), line.level.into(), line.message));
        let lines: Vec<_> = lines.collect();
        let (total, user_errors) =
            or_problems(ctx.store().report_logs(&permit, i64::from(input.offset), &lines).await)?;
        Ok(ReportLogsPayload { stored: total.map(|total| i32::try_from(total).unwrap_or(i32::MAX)), user_errors })
    }
}

async fn progress(ctx: &Context<'_>, permit: &Permit, input: &ReportProgressInput) -> Result<Pulse, StoreError> {
    let metrics = metrics(&input.metrics).map_err(|problem: Problem| StoreError::from(problem))?;
    ctx.store().report_progress(permit, input.progress, input.message.as_deref(), &metrics).await
}
