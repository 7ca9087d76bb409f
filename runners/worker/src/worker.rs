//! From the first sign of life to the last job.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use nunatak_client::Client;
use nunatak_detector::Detector;
use tokio::task::JoinSet;

use crate::claims::claim_jobs;
use crate::crew::Crew;
use crate::{WorkerOptions, catalogue};

/// How long jobs that were told to stop may take to give themselves back. A detector looks at its cancel flag once an
/// iteration, but the attempt does not wait for it: this is for the one call that gives the job back.
const GIVE_BACK: Duration = Duration::from_secs(10);

/// A server that is away must not hold up the end.
const GOODBYE: Duration = Duration::from_secs(2);

/// A runner: a client with a runner's token, the detectors it offers, and how it behaves.
#[derive(Debug)]
pub struct Worker {
    pub client: Client,
    pub detectors: Vec<Box<dyn Detector>>,
    pub options: WorkerOptions,
}

impl Worker {
    /// Registers and works until `shutdown` completes; then stops claiming, lets running jobs finish for
    /// `options.drain`, and gives the others back.
    ///
    /// Waits for a server that is not there, at the start as later.
    ///
    /// # Errors
    /// When the cache directory cannot be used, or the server refuses the token or the registration.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { client, detectors, options } = self;
        tokio::pin!(shutdown);
        let registration = tokio::select! {
            () = &mut shutdown => return Ok(()),
            registration = catalogue::register(&client, &options, &detectors) => registration?,
        };
        let (concurrency, drain) = (options.concurrency.max(1), options.drain);
        let crew = Arc::new(Crew::new(client, detectors, options, registration)?);

        let mut loops = JoinSet::new();
        for _ in 0..concurrency {
            loops.spawn(claim_jobs(Arc::clone(&crew)));
        }
        let early = tokio::select! {
            () = &mut shutdown => Ok(()),
            ended = all(&mut loops) => ended,
        };
        crew.closing.cancel();
        say_goodbye(&crew).await;
        tracing::info!(drain.max_ms = drain.as_millis() as u64, "stopped claiming jobs");
        let drained = match tokio::time::timeout(drain, all(&mut loops)).await {
            Ok(drained) => drained,
            Err(_) => {
                crew.give_up.cancel();
                tokio::time::timeout(GIVE_BACK, all(&mut loops)).await.unwrap_or(Ok(()))
            }
        };
        early.and(drained)
    }
}

/// So that the server counts on this runner no more. Where it does not come through, silence says the same later.
async fn say_goodbye(crew: &Crew) {
    let runner = crew.registration().runner;
    let told = tokio::time::timeout(GOODBYE, crew.client.drain_runner(&runner)).await;
    if !matches!(told, Ok(Ok(()))) {
        tracing::debug!("the server could not be told that this runner ends");
    }
}

/// Waits for every loop; ends at the first error, with the others still running.
async fn all(loops: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(ended) = loops.join_next().await {
        ended.context("a claim loop stopped")??;
    }
    Ok(())
}
