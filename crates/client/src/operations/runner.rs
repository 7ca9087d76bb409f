//! The runner's side of jobs: register, claim, keep the lease, deliver.
//!
//! All but [`Client::register_runner`], [`Client::claim_job`] and [`Client::drain_runner`] are called with the token of the claim. A user error with
//! code [`LEASE_LOST`] says that the job is no longer this runner's: stop, drop everything, claim the next.

use std::time::Duration;

use graphql_client::GraphQLQuery;

pub use self::claim_job::{Claim, ClaimedArtifact, ClaimedDataset, ClaimedJob};
pub use self::complete_job::{
    CompleteJobInput, EvaluateResultInput, FigureInput, JobResultInput, MetricInput, PredictResultInput,
    TrainResultInput,
};
pub use self::fail_job::FailJobInput;
pub use self::register_runner::{DetectorInput, RegisterRunnerInput};
pub use self::report_logs::LogLineInput;
pub use self::report_progress::MetricInput as LiveMetricInput;
pub use super::enums::{InputKind, JobKind, JobStatus, LogLevel, NonFinite};
use crate::{Client, ClientError};

/// The code of the user error that ends an attempt.
pub const LEASE_LOST: &str = "LEASE_LOST";

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/runner.graphql",
    custom_scalars_module = "crate::scalars",
    extern_enums("InputKind"),
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct RegisterRunner;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/runner.graphql",
    custom_scalars_module = "crate::scalars",
    extern_enums("JobKind"),
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct ClaimJob;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/runner.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct Heartbeat;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/runner.graphql",
    custom_scalars_module = "crate::scalars",
    extern_enums("NonFinite"),
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct ReportProgress;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/runner.graphql",
    custom_scalars_module = "crate::scalars",
    extern_enums("LogLevel"),
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct ReportLogs;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/runner.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct DrainRunner;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/runner.graphql",
    custom_scalars_module = "crate::scalars",
    extern_enums("JobStatus", "NonFinite"),
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct CompleteJob;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/runner.graphql",
    custom_scalars_module = "crate::scalars",
    extern_enums("JobStatus"),
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct FailJob;

/// A registered runner and the rhythm that the server asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    pub runner: String,
    /// How long a claim lives without a sign of life.
    pub lease: Duration,
    /// How often to give one.
    pub heartbeat: Duration,
}

/// What the server says to a sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// Someone asked to cancel the job.
    pub cancel_requested: bool,
    /// To be used from now on.
    pub token: Option<String>,
}

impl Client {
    /// Makes the runner and its catalogue of detectors known, or brings both up to date.
    pub async fn register_runner(&self, input: RegisterRunnerInput) -> Result<Registration, ClientError> {
        let payload = self.query::<RegisterRunner>(register_runner::Variables { input }).await?.register_runner;
        Ok(Registration {
            runner: payload.runner.ok_or_else(|| ClientError::missing("registerRunner"))?.id,
            lease: seconds(payload.lease_seconds),
            heartbeat: seconds(payload.heartbeat_seconds),
        })
    }

    /// The next job for `runner`, or none when none came within `wait`.
    pub async fn claim_job(&self, runner: &str, wait: Duration) -> Result<Option<Claim>, ClientError> {
        let input = claim_job::ClaimJobInput { runner: runner.into(), wait_seconds: wait.as_secs() as i64 };
        // The server holds the answer back for `wait`, and then has to send it.
        let timeout = wait + self.options().timeout;
        let data = self.query_within::<ClaimJob>(claim_job::Variables { input }, timeout).await?;
        Ok(data.claim_job.claim)
    }

    /// Prolongs the lease. The server holds its answer back for `wait`, unless the job is to be cancelled.
    pub async fn heartbeat(&self, job: &str, attempt: i64, wait: Duration) -> Result<Beat, ClientError> {
        let input = heartbeat::HeartbeatInput { job: job.into(), attempt, wait_seconds: wait.as_secs_f64() };
        let timeout = wait + self.options().timeout;
        let beat = self.query_within::<Heartbeat>(heartbeat::Variables { input }, timeout).await?.heartbeat;
        Ok(Beat { cancel_requested: beat.cancel_requested.unwrap_or(false), token: beat.token })
    }

    /// Shows how far the job is, `progress` from 0 to 1, and what was measured on the way (100 values at most), and
    /// prolongs the lease; `true` when someone asked to cancel it.
    pub async fn report_progress(
        &self,
        job: &str,
        attempt: i64,
        progress: f64,
        message: &str,
        metrics: Vec<LiveMetricInput>,
    ) -> Result<bool, ClientError> {
        let message = Some(message.into());
        let input = report_progress::ReportProgressInput { job: job.into(), attempt, progress, message, metrics };
        let data = self.query::<ReportProgress>(report_progress::Variables { input }).await?;
        Ok(data.report_progress.cancel_requested.unwrap_or(false))
    }

    /// Adds lines (500 at most) to the job's log, after the first `offset`.
    pub async fn report_logs(
        &self,
        job: &str,
        attempt: i64,
        offset: i64,
        lines: Vec<LogLineInput>,
    ) -> Result<(), ClientError> {
        let input = report_logs::ReportLogsInput { job: job.into(), attempt, offset, lines };
        self.query::<ReportLogs>(report_logs::Variables { input }).await.map(drop)
    }

    /// Says that the runner claims no more.
    pub async fn drain_runner(&self, runner: &str) -> Result<(), ClientError> {
        let input = drain_runner::DrainRunnerInput { runner: runner.into() };
        self.query::<DrainRunner>(drain_runner::Variables { input }).await.map(drop)
    }

    /// Delivers the result.
    pub async fn complete_job(&self, input: CompleteJobInput) -> Result<(), ClientError> {
        self.query::<CompleteJob>(complete_job::Variables { input }).await.map(drop)
    }

    /// Gives the job back with a reason; with `retryable` another runner may try.
    pub async fn fail_job(&self, input: FailJobInput) -> Result<(), ClientError> {
        self.query::<FailJob>(fail_job::Variables { input }).await.map(drop)
    }
}

/// At least a moment, so that a mistaken server does not make us spin.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default().max(Duration::from_millis(100))
}
