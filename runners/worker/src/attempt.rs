//! One claim from beginning to end.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nunatak_client::runner::{
    Claim, ClaimedArtifact, ClaimedDataset, ClaimedJob, CompleteJobInput, FailJobInput, JobKind, JobResultInput,
    Registration,
};
use nunatak_client::{Backoff, Client, ClientError};
use tokio::sync::watch;
use tracing::Instrument;

use crate::crew::Crew;
use crate::failure::{Failure, Told};
use crate::progress::{self, Progress};
use crate::stop::{Stop, StopSignal};
use crate::{jobs, lease};

/// Everything that a job in work needs.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) crew: Arc<Crew>,
    /// With the token of the claim, which sees only this job's data.
    pub(crate) client: Client,
    pub(crate) job: ClaimedJob,
    /// Where results are uploaded to.
    pub(crate) project: String,
    pub(crate) dataset: ClaimedDataset,
    /// The version to apply; none for a training.
    pub(crate) artifact: Option<ClaimedArtifact>,
    pub(crate) number: i64,
    pub(crate) stop: StopSignal,
    pub(crate) progress: watch::Sender<Progress>,
}

/// Runs the claimed job, tells the server how it went, and logs it. Errors end here.
pub(crate) async fn run(crew: Arc<Crew>, claim: Claim) {
    let span =
        tracing::info_span!("job", job.id = %claim.job.id, job.kind = ?claim.job.kind, job.attempt = claim.attempt);
    let registration = crew.registration();
    let attempt = Attempt {
        client: crew.client.with_token(&claim.token),
        crew,
        job: claim.job,
        project: claim.project,
        dataset: claim.dataset,
        artifact: claim.artifact,
        number: claim.attempt,
        stop: StopSignal::new(),
        progress: watch::Sender::default(),
    };
    let run = async {
        let started = Instant::now();
        tracing::info!("started");
        tokio::select! {
            biased;
            () = attempt.work_and_tell() => {}
            () = attempt.watch(&registration) => {}
        }
        tracing::info!(duration_ms = started.elapsed().as_millis() as u64, "ended");
    };
    run.instrument(span).await;
}

impl Attempt {
    /// Beside the work, until it ends: keeps the lease, shows progress, hears the shutdown.
    async fn watch(&self, registration: &Registration) {
        let beat = || self.client.heartbeat(&self.job.id, self.number);
        let report = async |progress: Progress| {
            let Progress { fraction, message } = progress;
            let answer = self.client.report_progress(&self.job.id, self.number, fraction, &message).await;
            lease::heed(answer, &self.stop);
        };
        let shutdown = async {
            self.crew.give_up.cancelled().await;
            self.stop.stop(Stop::Shutdown);
        };
        tokio::join!(
            lease::keep(registration, &self.stop, beat),
            progress::forward(self.progress.subscribe(), progress::EVERY, report),
            shutdown,
        );
    }

    async fn work_and_tell(&self) {
        let Err(failure) = self.work().await else { return };
        let Some(told) = self.what_to_tell(failure) else { return };
        // Without the message: a detector may quote the cell at fault, and the server has it anyway.
        tracing::warn!(error.code = %told.code, job.retryable = told.retryable, "failed");
        let Told { code, message, retryable } = told;
        let input = FailJobInput { job: self.job.id.clone(), attempt: self.number, code, message, retryable };
        if let Err(failure) = self.until_answered(|| self.client.fail_job(input.clone())).await {
            tracing::warn!(?failure, "cannot give the job back; its lease will run out");
        }
    }

    async fn work(&self) -> Result<(), Failure> {
        let result = match self.job.kind {
            JobKind::Train => JobResultInput::Train(jobs::train(self).await?),
            JobKind::Predict => JobResultInput::Predict(jobs::predict(self).await?),
            JobKind::Evaluate => JobResultInput::Evaluate(jobs::evaluate(self).await?),
            JobKind::Unknown => {
                return Err(Failure::retry("UNSUPPORTED_JOB", "This runner is too old for this kind of job."));
            }
        };
        let input = CompleteJobInput { job: self.job.id.clone(), attempt: self.number, result };
        self.until_answered(|| self.client.complete_job(input.clone())).await?;
        tracing::info!("completed");
        Ok(())
    }

    /// Why the attempt was stopped outranks how that showed; `None` when there is nobody to tell.
    fn what_to_tell(&self, failure: Failure) -> Option<Told> {
        let failure = match (self.stop.reason(), failure) {
            (Some(Stop::LeaseLost), _) | (_, Failure::LeaseLost) => {
                tracing::info!("the lease is lost; the work is dropped");
                return None;
            }
            (Some(Stop::Cancelled), _) => Failure::fail("CANCELLED", "The job was cancelled."),
            (Some(Stop::Shutdown), _) => {
                Failure::retry("RUNNER_SHUTDOWN", "The runner was shut down before the job was done.")
            }
            (None, Failure::Stopped) => Failure::retry("STOPPED", "The detector stopped before it was done."),
            (None, told) => told,
        };
        match failure {
            Failure::Told(told) => Some(told),
            Failure::LeaseLost | Failure::Stopped => None,
        }
    }

    /// Calls until the server is there to answer: a finished training survives a restart of the server. Once there is a
    /// reason to stop (the heartbeat sees to that when the lease has run out) the call at hand is the last one; it is
    /// still worth its while, because the server takes a late result when nobody else has claimed the job.
    pub(crate) async fn until_answered<T, F>(&self, call: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
        loop {
            match call().await {
                Err(ClientError::Unreachable { .. }) if self.stop.reason().is_none() => {
                    tokio::select! {
                        () = tokio::time::sleep(backoff.next_delay()) => {}
                        () = self.stop.stopped() => return Err(Failure::Stopped),
                    }
                }
                result => return result.map_err(Failure::from),
            }
        }
    }
}
