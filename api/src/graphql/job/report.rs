//! The runner's side: claim, report, end. All but the claim need the token that came with it.

use std::time::Duration;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use nunatak_authz::Permit;
use nunatak_domain::RunnerId;
use nunatak_store::{
    StoreError,
    jobs::{Failure, Pulse},
};

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        payload::{UserError, payload},
    },
    Job,
    claim::JobClaim,
    result::JobResultInput,
};

/// Who asks for work.
#[derive(InputObject, Debug)]
pub struct ClaimJobInput {
    /// What `registerRunner` answered, `rnr_…`.
    runner: ID,
    /// How long to wait for a job, 0 to 30 seconds.
    #[graphql(default = 0, validator(minimum = 0, maximum = 30))]
    wait_seconds: i32,
}

/// The job to work on, if there is one.
#[derive(SimpleObject, Debug)]
pub struct ClaimJobPayload {
    /// Null when no job turned up in time: ask again.
    pub claim: Option<JobClaim>,
    /// What is wrong with the input; empty when all went well.
    pub user_errors: Vec<UserError>,
}

/// Which attempt is alive.
#[derive(InputObject, Debug)]
pub struct HeartbeatInput {
    /// `job_…`
    job: ID,
    /// The claim's.
    attempt: i32,
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
}

/// What a runner is told when it reports.
#[derive(SimpleObject, Debug)]
pub struct HeartbeatPayload {
    /// Stop, and call `failJob`. Null when the attempt is over.
    pub cancel_requested: Option<bool>,
    /// Report again before then. Null when the attempt is over.
    pub lease_expires_at: Option<DateTime<Utc>>,
    /// `LEASE_LOST`: another attempt has begun or the job has ended; drop the work.
    pub user_errors: Vec<UserError>,
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

/// What came of an attempt.
#[derive(InputObject, Debug)]
pub struct CompleteJobInput {
    /// `job_…`
    job: ID,
    /// The claim's.
    attempt: i32,
    /// Of the job's kind.
    result: JobResultInput,
}

/// Why an attempt failed.
#[derive(InputObject, Debug)]
pub struct FailJobInput {
    /// `job_…`
    job: ID,
    /// The claim's.
    attempt: i32,
    /// Upper snake case: `INPUT_SCHEMA`, `NUMERIC`…
    code: String,
    /// A sentence for the user that says what to do; 4096 bytes of it are kept.
    message: String,
    /// Another attempt could succeed: a network failure, not wrong data.
    retryable: bool,
}

payload! {
    /// What `completeJob` ended.
    CompleteJobPayload {
        /// The job, SUCCEEDED, with its `version` or `prediction`.
        job: Job
    }
}
payload! {
    /// What `failJob` gave back.
    FailJobPayload {
        /// QUEUED where it is tried again after a pause, else FAILED, or CANCELLED where that was asked for.
        job: Job
    }
}

async fn permit(ctx: &Context<'_>, job: &ID, attempt: i32) -> Result<Permit, StoreError> {
    ctx.store().report_permit(ctx.actor(), parse_id(job, "job")?, attempt).await
}

type Told = (Option<bool>, Option<DateTime<Utc>>, Vec<UserError>);

fn told(result: Result<Pulse, StoreError>) -> Result<Told, ApiError> {
    match result {
        Ok(pulse) => Ok((Some(pulse.cancel_requested), Some(pulse.lease_expires_at.to_utc()), Vec::new())),
        Err(StoreError::Invalid(problems)) => Ok((None, None, problems.iter().map(Into::into).collect())),
        Err(error) => Err(error.into()),
    }
}

#[derive(Default, Debug)]
pub struct JobReportMutation;

#[Object]
impl JobReportMutation {
    /// Gives a runner its next job: of a project in which the runner's user is a maintainer, for a detector that
    /// the runner has. Waits for one as long as asked. Needs a session or a token with the scope RUNNER.
    async fn claim_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who asks.")] input: ClaimJobInput,
    ) -> Result<ClaimJobPayload, ApiError> {
        let runner: RunnerId = parse_id(&input.runner, "runner")?;
        let wait = Duration::from_secs(input.wait_seconds.unsigned_abs().into());
        let Some(claim) = ctx.store().claim_job(ctx.actor(), runner, wait).await? else {
            return Ok(ClaimJobPayload { claim: None, user_errors: Vec::new() });
        };
        let (state, job) = (ctx.state(), &claim.job);
        let names = (job.id, job.attempt, job.project);
        let token = state.keys.job_token(names, job.created_by, ctx.store().now(), state.options.job_token_lifetime)?;
        Ok(ClaimJobPayload { claim: Some(JobClaim::new(claim, token)), user_errors: Vec::new() })
    }

    /// Keeps the lease of a running job. Call it as often as `registerRunner` says.
    async fn heartbeat(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which attempt.")] input: HeartbeatInput,
    ) -> Result<HeartbeatPayload, ApiError> {
        let permit = permit(ctx, &input.job, input.attempt).await?;
        let (cancel_requested, lease_expires_at, user_errors) = told(ctx.store().heartbeat(&permit).await)?;
        Ok(HeartbeatPayload { cancel_requested, lease_expires_at, user_errors })
    }

    /// Says how far a running job is; keeps its lease as `heartbeat` does.
    async fn report_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How far it is.")] input: ReportProgressInput,
    ) -> Result<ReportProgressPayload, ApiError> {
        let permit = permit(ctx, &input.job, input.attempt).await?;
        let reported = ctx.store().report_progress(&permit, input.progress, input.message.as_deref()).await;
        let (cancel_requested, lease_expires_at, user_errors) = told(reported)?;
        Ok(ReportProgressPayload { cancel_requested, lease_expires_at, user_errors })
    }

    /// Ends a job with its result. Safe to send again: a result is registered once.
    async fn complete_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What came of it.")] input: CompleteJobInput,
    ) -> Result<CompleteJobPayload, ApiError> {
        CompleteJobPayload::of(
            async {
                let permit = permit(ctx, &input.job, input.attempt).await?;
                let kind = input.result.word();
                let completed = match input.result.parse() {
                    Ok(result) => ctx.store().complete_job(&permit, &result).await,
                    Err(error) => Err(error),
                };
                Ok(completed.map_err(|error| inside_result(error, kind))?.into())
            }
            .await,
        )
    }

    /// Gives a job back: to be tried again where that may help, else to fail for good.
    async fn fail_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Why.")] input: FailJobInput,
    ) -> Result<FailJobPayload, ApiError> {
        FailJobPayload::of(
            async {
                let permit = permit(ctx, &input.job, input.attempt).await?;
                let failure = Failure { code: input.code, message: input.message, retryable: input.retryable };
                Ok(ctx.store().fail_job(&permit, &failure).await?.into())
            }
            .await,
        )
    }
}

/// Problems with a part of the result are inside of `result.train`, `result.predict` or `result.evaluate`.
fn inside_result(error: StoreError, kind: &str) -> StoreError {
    let outside = |path: &[String]| path.first().is_some_and(|first| first == "attempt" || first == "result");
    match error {
        StoreError::Invalid(problems) => {
            let located = problems.into_iter().map(|problem| match outside(&problem.path) {
                true => problem,
                false => problem.at(kind).at("result"),
            });
            StoreError::Invalid(located.collect())
        }
        other => other,
    }
}
