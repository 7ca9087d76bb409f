//! The runner's side: claim and end. All but the claim need the token that came with it.

use std::time::Duration;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use nunatak_authz::Permit;
use nunatak_domain::RunnerId;
use nunatak_store::{StoreError, jobs::Failure};

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

pub(super) async fn permit(ctx: &Context<'_>, job: &ID, attempt: i32) -> Result<Permit, StoreError> {
    ctx.store().report_permit(ctx.actor(), parse_id(job, "job")?, attempt).await
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
