//! One claim from beginning to end.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use nunatak_client::runner::{
    Claim, ClaimedArtifact, ClaimedDataset, ClaimedJob, CompleteJobInput, FailJobInput, JobKind, JobResultInput,
    LogLevel, LogLineInput, Registration,
};
use nunatak_client::{Backoff, Client, ClientError};
use tokio::sync::watch;
use tracing::Instrument;

use crate::crew::Crew;
use crate::failure::{Failure, Told};
use crate::journal::Journal;
use crate::progress::{self, Progress};
use crate::stop::{Stop, StopSignal};
use crate::{jobs, lease};

/// Everything that a job in work needs.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) crew: Arc<Crew>,
    /// With the token of the claim, which sees only this job's data; each heartbeat brings a fresh one.
    client: RwLock<Client>,
    pub(crate) job: ClaimedJob,
    /// Where results are uploaded to.
    pub(crate) project: String,
    pub(crate) dataset: ClaimedDataset,
    /// The version to apply; none for a training.
    pub(crate) artifact: Option<ClaimedArtifact>,
    pub(crate) number: i64,
    pub(crate) stop: StopSignal,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) journal: Journal,
}

/// The last lines of a log are worth so much of the time until the job counts as done.
const LAST_LINES: Duration = Duration::from_secs(5);

/// Runs the claimed job, tells the server how it went, and logs it. Errors end here.
pub(crate) async fn run(crew: Arc<Crew>, claim: Claim) {
    let span =
        tracing::info_span!("job", job.id = %claim.job.id, job.kind = ?claim.job.kind, job.attempt = claim.attempt);
    let registration = crew.registration();
    let attempt = Attempt {
        client: RwLock::new(crew.client.with_token(&claim.token)),
        crew,
        job: claim.job,
        project: claim.project,
        dataset: claim.dataset,
        artifact: claim.artifact,
        number: claim.attempt,
        stop: StopSignal::new(),
        progress: watch::Sender::default(),
        journal: Journal::default(),
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
        let beat = async |wait: Duration| {
            let beat = self.client().heartbeat(&self.job.id, self.number, wait).await?;
            if let Some(token) = beat.token {
                self.renew(&token);
            }
            Ok(beat.cancel_requested)
        };
        let shutdown = async {
            self.crew.give_up.cancelled().await;
            self.stop.stop(Stop::Shutdown);
        };
        tokio::join!(
            lease::keep(registration, &self.stop, beat),
            progress::forward(self.progress.subscribe(), progress::EVERY, |progress| self.report(progress)),
            self.journal.forward(|offset, lines| self.send_lines(offset, lines)),
            shutdown,
        );
    }

    async fn report(&self, Progress { fraction, message, .. }: Progress) {
        loop {
            let metrics = self.journal.take_metrics();
            let client = self.client();
            let told = client.report_progress(&self.job.id, self.number, fraction, &message, metrics.clone()).await;
            let arrived = lease::heed(told, &self.stop);
            match (metrics.is_empty(), arrived) {
                // More may have come meanwhile, and there may be more than one call takes.
                (false, true) => {}
                (false, false) => return self.journal.restore_metrics(metrics),
                (true, _) => return,
            }
        }
    }

    async fn send_lines(&self, offset: i64, lines: Vec<LogLineInput>) -> Result<(), ClientError> {
        self.client().report_logs(&self.job.id, self.number, offset, lines).await
    }

    /// Tells what is still in the journal, before the attempt is over and takes no more.
    async fn close_journal(&self) {
        let Progress { fraction, message, .. } = self.progress.borrow().clone();
        let last = async {
            if self.journal.has_metrics() {
                self.report(Progress { fraction, message, ..Progress::default() }).await;
            }
            self.journal.flush(|offset, lines| self.send_lines(offset, lines)).await
        };
        if !matches!(tokio::time::timeout(LAST_LINES, last).await, Ok(Ok(()))) {
            tracing::debug!("the last lines of the log did not come through");
        }
    }

    /// The client with the token that is good now.
    pub(crate) fn client(&self) -> Client {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn renew(&self, token: &str) {
        let renewed = self.client().with_token(token);
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = renewed;
    }

    /// A line for the job's log.
    pub(crate) fn log(&self, message: &str) {
        self.journal.log(LogLevel::Info, message);
    }

    async fn work_and_tell(&self) {
        let Err(failure) = self.work().await else { return };
        let Some(told) = self.what_to_tell(failure) else { return };
        // Without the message: a detector may quote the cell at fault, and the server has it anyway.
        tracing::warn!(error.code = %told.code, job.retryable = told.retryable, "failed");
        let Told { code, message, retryable } = told;
        self.journal.log(LogLevel::Error, &format!("{code}: {message}"));
        self.close_journal().await;
        let input = FailJobInput { job: self.job.id.clone(), attempt: self.number, code, message, retryable };
        let give_back = || {
            let (client, input) = (self.client(), input.clone());
            async move { client.fail_job(input).await }
        };
        if let Err(failure) = self.until_answered(give_back).await {
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
        self.close_journal().await;
        let input = CompleteJobInput { job: self.job.id.clone(), attempt: self.number, result };
        let complete = || {
            let (client, input) = (self.client(), input.clone());
            async move { client.complete_job(input).await }
        };
        self.until_answered(complete).await?;
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
