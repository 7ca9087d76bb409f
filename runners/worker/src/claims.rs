//! One loop of a worker: ask for a job, run it, ask for the next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nunatak_client::runner::{Claim, FailJobInput};
use nunatak_client::{Backoff, ClientError};

use crate::attempt;
use crate::crew::Crew;

/// How long the server may hold the question back until there is a job.
const CLAIM_WAIT: Duration = Duration::from_secs(20);

/// Claims and runs jobs until the worker closes.
///
/// # Errors
/// When the server no longer accepts the runner's token.
pub(crate) async fn claim_jobs(crew: Arc<Crew>) -> anyhow::Result<()> {
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
    // For a server that answers "nothing" at once instead of waiting: a second, less a random part.
    let mut idle = Backoff::new(Duration::from_secs(1), Duration::from_secs(1));
    loop {
        let (runner, asked) = (crew.registration().runner, Instant::now());
        let claim = tokio::select! {
            biased;
            () = crew.closing.cancelled() => return Ok(()),
            claim = crew.client.claim_job(&runner, CLAIM_WAIT) => claim,
        };
        let wait = match claim {
            Ok(Some(claim)) => {
                backoff.reset();
                run_apart(&crew, claim).await;
                continue;
            }
            Ok(None) => {
                backoff.reset();
                if asked.elapsed() >= Duration::from_secs(1) {
                    continue;
                }
                idle.next_delay()
            }
            Err(ClientError::Unauthenticated) => {
                return Err(ClientError::Unauthenticated).context("cannot claim jobs");
            }
            Err(error) => {
                let wait = backoff.next_delay();
                tracing::warn!(%error, retry.wait_ms = wait.as_millis() as u64, "cannot claim a job");
                if is_unknown_runner(&error) {
                    crew.register_again().await?;
                }
                wait
            }
        };
        tokio::select! {
            () = crew.closing.cancelled() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn is_unknown_runner(error: &ClientError) -> bool {
    matches!(error, ClientError::UserErrors(_))
        || matches!(error, ClientError::Rejected { code, .. } if code == "NOT_FOUND")
}

/// Runs the job in a task of its own, so that a panic in our own code ends that job and not the loop.
async fn run_apart(crew: &Arc<Crew>, claim: Claim) {
    let client = crew.client.with_token(&claim.token);
    let input = FailJobInput {
        job: claim.job.id.clone(),
        attempt: claim.attempt,
        code: "PANIC".into(),
        message: "The runner failed unexpectedly; its log has the details.".into(),
        retryable: true,
    };
    let run = tokio::spawn(attempt::run(Arc::clone(crew), claim)).await;
    if let Err(error) = run {
        tracing::error!(job.id = %input.job, %error, "an attempt panicked");
        if let Err(error) = client.fail_job(input).await {
            tracing::warn!(%error, "cannot give the job back; its lease will run out");
        }
    }
}
