//! Making the runner and its detectors known.

use std::time::Duration;

use anyhow::Context as _;
use nunatak_client::runner::{DetectorInput, InputKind, RegisterRunnerInput, Registration};
use nunatak_client::{Backoff, Client, ClientError};
use nunatak_detector::Detector;

use crate::WorkerOptions;

/// Registers, and keeps trying while the server is not there.
///
/// # Errors
/// When the server answers that it does not want this runner.
pub(crate) async fn register(
    client: &Client,
    options: &WorkerOptions,
    detectors: &[Box<dyn Detector>],
) -> anyhow::Result<Registration> {
    let input = RegisterRunnerInput {
        name: options.name.clone(),
        labels: options.labels.clone(),
        capacity: i64::try_from(options.concurrency.max(1)).unwrap_or(1000).min(1000),
        detectors: detectors.iter().map(|detector| detector_input(detector.as_ref())).collect(),
    };
    // A server needs a second or two to start; after 10 s a person is looking at the log.
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
    loop {
        match client.register_runner(input.clone()).await {
            Ok(registration) => {
                tracing::info!(
                    runner.id = %registration.runner, runner.name = %options.name, runner.n_detectors = detectors.len(),
                    lease_s = registration.lease.as_secs(), heartbeat_s = registration.heartbeat.as_secs(),
                    "registered"
                );
                return Ok(registration);
            }
            Err(error) if is_final(&error) => return Err(error).context("the server does not accept this runner"),
            Err(error) => {
                let wait = backoff.next_delay();
                tracing::warn!(%error, retry.wait_ms = wait.as_millis() as u64, "cannot register yet");
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// Whether the same registration would be refused again. A fault of the server may pass, and so may a page of a proxy.
fn is_final(error: &ClientError) -> bool {
    match error {
        ClientError::Unauthenticated | ClientError::UserErrors(_) => true,
        ClientError::Rejected { code, .. } => matches!(code.as_str(), "FORBIDDEN" | "NOT_FOUND" | "INVALID_INPUT"),
        _ => false,
    }
}

fn detector_input(detector: &dyn Detector) -> DetectorInput {
    let spec = detector.spec();
    DetectorInput {
        name: spec.name,
        version: spec.version,
        title: spec.title,
        summary: spec.summary,
        description: spec.description,
        input_kind: match spec.input_kind {
            nunatak_detector::InputKind::Tabular => InputKind::Tabular,
            nunatak_detector::InputKind::Series => InputKind::Series,
        },
        hyperparameter_schema: spec.hyperparameters,
    }
}
