//! Jobs: ask for a training or a prediction, and watch it.

use std::time::Duration;

use graphql_client::GraphQLQuery;

pub use self::job::{JobState, PredictionSummary};
pub use self::predict::PredictInput;
pub use self::train_model::TrainModelInput;
pub use super::enums::{JobKind, JobStatus, NonFinite};
use crate::{Client, ClientError, keyed};

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/jobs.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct TrainModel;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/jobs.graphql",
    custom_scalars_module = "crate::scalars",
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct Predict;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "../../schema.graphql",
    query_path = "operations/jobs.graphql",
    custom_scalars_module = "crate::scalars",
    extern_enums("JobKind", "JobStatus", "NonFinite"),
    variables_derives = "Debug, Clone",
    response_derives = "Debug, Clone",
    skip_serializing_none
)]
pub struct Job;

/// How often [`Client::wait_for_job`] looks: often enough for a progress bar, seldom enough for any server.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl TrainModelInput {
    /// A training of `model` (a name; made where it is missing) in `project` with `detector` (a name) on `dataset` (the id
    /// of a dataset version), with the API's defaults for all the rest.
    pub fn new(project: &str, model: &str, detector: &str, dataset: &str) -> Self {
        Self {
            project: project.into(),
            model: model.into(),
            detector: detector.into(),
            detector_version: None,
            hyperparameters: None,
            dataset: dataset.into(),
            seed: 0.into(),
            tags: Vec::new(),
            labels: Vec::new(),
            priority: 0,
            max_attempts: 3,
            idempotency_key: None,
        }
    }
}

impl Client {
    /// Queues a training and gives the id of its job. Without an idempotency key in `input` one is made.
    pub async fn train_model(&self, input: TrainModelInput) -> Result<String, ClientError> {
        let input = TrainModelInput { idempotency_key: keyed(input.idempotency_key), ..input };
        let payload = self.query::<TrainModel>(train_model::Variables { input }).await?.train_model;
        Ok(payload.job.ok_or_else(|| ClientError::missing("trainModel"))?.id)
    }

    /// Queues the scoring of a dataset version by a model version (both ids) and gives the id of its job.
    pub async fn predict(&self, version: &str, dataset: &str) -> Result<String, ClientError> {
        let input = PredictInput {
            version: version.into(),
            dataset: dataset.into(),
            labels: Vec::new(),
            priority: 0,
            idempotency_key: keyed(None),
        };
        let payload = self.query::<Predict>(predict::Variables { input }).await?.predict;
        Ok(payload.job.ok_or_else(|| ClientError::missing("predict"))?.id)
    }

    /// The job with this id, if there is one that you may see.
    pub async fn job(&self, id: &str) -> Result<Option<JobState>, ClientError> {
        Ok(self.query::<Job>(job::Variables { id: id.into() }).await?.job)
    }

    /// Looks at the job until it is over, showing `watch` each state, and gives the last one. A job that failed is not an
    /// error: see its `status`.
    pub async fn wait_for_job(&self, id: &str, mut watch: impl FnMut(&JobState)) -> Result<JobState, ClientError> {
        loop {
            let job = self.job(id).await?.ok_or_else(|| ClientError::protocol(format!("there is no job {id}")))?;
            watch(&job);
            if job.status.is_final() {
                return Ok(job);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
