use async_graphql::{Context, ID, InputObject, Json, Object};
use nunatak_authz::Action;
use nunatak_domain::{JobId, Name, Problem, ProjectId};
use nunatak_store::{
    IdempotencyKey, StoreError,
    jobs::{ApplyRequest, TrainRequest},
};
use serde_json::Value;

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        payload::payload,
        scalars::Int64,
    },
    Job,
};

/// What to train, on what.
#[derive(InputObject, Debug)]
pub struct TrainModelInput {
    /// The project that the model belongs to, `prj_…`.
    project: ID,
    /// The name of the model that gets a new version; the model is made where it is missing.
    model: String,
    /// The detector's name, `isolation_forest`.
    detector: String,
    /// The newest unless given.
    detector_version: Option<String>,
    /// An object by the detector's `hyperparameterSchema`; what is left out takes its default.
    hyperparameters: Option<Json<Value>>,
    /// The dataset version to train on, `dsv_…`, of the same project.
    dataset: ID,
    /// The same seed, data and detector give the same model, bit for bit.
    #[graphql(default_with = "Int64(0)")]
    seed: Int64,
    /// Names of tags for the version; those that are missing are made.
    #[graphql(default)]
    tags: Vec<String>,
    /// Only a runner that has all of these labels gets it, at most 20.
    #[graphql(default)]
    labels: Vec<String>,
    /// -100 to 100; higher goes first.
    #[graphql(default = 0)]
    priority: i32,
    /// After how many attempts it fails for good, 1 to 10.
    #[graphql(default = 3)]
    max_attempts: i32,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    idempotency_key: Option<String>,
}

impl TrainModelInput {
    fn request(&self) -> Result<TrainRequest, StoreError> {
        let tag = |(place, tag): (usize, &String)| {
            Name::parse(tag).map_err(|problem| problem.at(place.to_string()).at("tags"))
        };
        let model = Name::parse(&self.model).map_err(|problem| problem.at("model"))?;
        let request = TrainRequest::new(model, &self.detector, parse_id(&self.dataset, "dataset")?);
        Ok(TrainRequest {
            detector_version: self.detector_version.clone(),
            hyperparameters: self.hyperparameters.as_ref().map_or(Value::Null, |given| given.0.clone()),
            seed: self.seed.0,
            tags: self.tags.iter().enumerate().map(tag).collect::<Result<_, _>>()?,
            labels: self.labels.clone(),
            priority: self.priority,
            max_attempts: self.max_attempts,
            ..request
        })
    }
}

/// Which version to apply to which rows.
#[derive(InputObject, Debug)]
pub struct PredictInput {
    /// A version with a file that a detector made, `ver_…`.
    version: ID,
    /// The dataset version to score, `dsv_…`, of the same project. It must have the feature columns that the
    /// version was trained on, in any order.
    dataset: ID,
    /// Only a runner that has all of these labels gets it, at most 20.
    #[graphql(default)]
    labels: Vec<String>,
    /// -100 to 100; higher goes first.
    #[graphql(default = 0)]
    priority: i32,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    idempotency_key: Option<String>,
}

/// Which version to judge by which labelled rows.
#[derive(InputObject, Debug)]
pub struct EvaluateInput {
    /// A version with a file that a detector made, `ver_…`.
    version: ID,
    /// The dataset version to score, `dsv_…`, of the same project, with a label column that has both 0 and 1.
    dataset: ID,
    /// Only a runner that has all of these labels gets it, at most 20.
    #[graphql(default)]
    labels: Vec<String>,
    /// -100 to 100; higher goes first.
    #[graphql(default = 0)]
    priority: i32,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    idempotency_key: Option<String>,
}

/// Which job.
#[derive(InputObject, Debug)]
pub struct CancelJobInput {
    /// `job_…`
    id: ID,
}

/// Which job.
#[derive(InputObject, Debug)]
pub struct RetryJobInput {
    /// `job_…`
    id: ID,
}

payload! {
    /// What `trainModel` queued.
    TrainModelPayload {
        /// The training, waiting for a runner.
        job: Job
    }
}
payload! {
    /// What `predict` queued.
    PredictPayload {
        /// The prediction, waiting for a runner.
        job: Job
    }
}
payload! {
    /// What `evaluate` queued.
    EvaluatePayload {
        /// The evaluation, waiting for a runner.
        job: Job
    }
}
payload! {
    /// What `cancelJob` stopped.
    CancelJobPayload {
        /// CANCELLED if it was waiting; else RUNNING with `cancelRequested`, until its runner hears of it.
        job: Job
    }
}
payload! {
    /// What `retryJob` queued again.
    RetryJobPayload {
        /// The job, waiting for a runner.
        job: Job
    }
}

fn key(text: Option<&String>, request: &impl std::fmt::Debug) -> Result<Option<IdempotencyKey>, Problem> {
    text.map(|text| IdempotencyKey::new(text.clone(), request)).transpose()
}

#[derive(Default, Debug)]
pub struct JobMutation;

#[Object]
impl JobMutation {
    /// Asks for a training: a new version of a model. Hyperparameters and data are checked at once, so what is
    /// queued will most likely succeed. Developers and above.
    async fn train_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to train.")] input: TrainModelInput,
    ) -> Result<TrainModelPayload, ApiError> {
        TrainModelPayload::of(
            async {
                let project: ProjectId = parse_id(&input.project, "project")?;
                let permit = ctx.store().project_permit(ctx.actor(), Action::Train, project).await?;
                let key = key(input.idempotency_key.as_ref(), &input)?;
                Ok(ctx.store().train_model(&permit, &input.request()?, key.as_ref()).await?.into())
            }
            .await,
        )
    }

    /// Asks for the scores of a dataset by a version. Columns are compared at once. Developers and above.
    async fn predict(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to score.")] input: PredictInput,
    ) -> Result<PredictPayload, ApiError> {
        PredictPayload::of(
            async {
                let version = parse_id(&input.version, "version")?;
                let request = ApplyRequest::new(version, parse_id(&input.dataset, "dataset")?);
                let permit = ctx.store().predict_permit(ctx.actor(), version).await?;
                let key = key(input.idempotency_key.as_ref(), &input)?;
                let request = ApplyRequest { priority: input.priority, labels: input.labels.clone(), ..request };
                Ok(ctx.store().predict(&permit, &request, key.as_ref()).await?.into())
            }
            .await,
        )
    }

    /// Asks how well a version's scores agree with a dataset's labels. Developers and above.
    async fn evaluate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to judge.")] input: EvaluateInput,
    ) -> Result<EvaluatePayload, ApiError> {
        EvaluatePayload::of(
            async {
                let version = parse_id(&input.version, "version")?;
                let request = ApplyRequest::new(version, parse_id(&input.dataset, "dataset")?);
                let permit = ctx.store().predict_permit(ctx.actor(), version).await?;
                let key = key(input.idempotency_key.as_ref(), &input)?;
                let request = ApplyRequest { priority: input.priority, labels: input.labels.clone(), ..request };
                Ok(ctx.store().evaluate(&permit, &request, key.as_ref()).await?.into())
            }
            .await,
        )
    }

    /// Stops a job: at once while it waits, soon while it runs. Developers and above.
    async fn cancel_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: CancelJobInput,
    ) -> Result<CancelJobPayload, ApiError> {
        CancelJobPayload::of(
            async {
                let id: JobId = parse_id(&input.id, "id")?;
                let permit = ctx.store().cancel_permit(ctx.actor(), id).await?;
                Ok(ctx.store().cancel_job(&permit, id).await?.into())
            }
            .await,
        )
    }

    /// Queues a failed or cancelled job again, with three more attempts. Developers and above.
    async fn retry_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: RetryJobInput,
    ) -> Result<RetryJobPayload, ApiError> {
        RetryJobPayload::of(
            async {
                let id: JobId = parse_id(&input.id, "id")?;
                let permit = ctx.store().retry_permit(ctx.actor(), id).await?;
                Ok(ctx.store().retry_job(&permit, id).await?.into())
            }
            .await,
        )
    }
}
