use async_graphql::{Context, ID, InputObject, Json, Object, OneofObject, Union};
use nunatak_domain::{AliasName, Name, Problem};
use nunatak_store::{
    StoreError,
    schedules::{PredictTask, Task, TrainTask},
};
use serde_json::Value;

use super::{
    super::{
        context::{ContextExt, parse_id},
        error::ApiError,
        model::Model,
        scalars::Int64,
    },
    data::{ScheduleData, ScheduleDataInput},
    input::within,
};

/// What is done each time.
#[derive(OneofObject, Debug)]
pub enum ScheduleTaskInput {
    /// Train a new version of a model.
    Train(ScheduleTrainInput),
    /// Score rows with the version that an alias names at that time.
    Predict(SchedulePredictInput),
}

/// A training, as in `trainModel`.
#[derive(InputObject, Debug)]
pub struct ScheduleTrainInput {
    /// The name of the model that gets the versions; the model is made where it is missing.
    model: String,
    /// The detector's name, `isolation_forest`.
    detector: String,
    /// The newest at that time unless given.
    detector_version: Option<String>,
    /// An object by the detector's `hyperparameterSchema`; what is left out takes its default.
    hyperparameters: Option<Json<Value>>,
    /// What to train on, of the same project.
    dataset: ScheduleDataInput,
    /// The same seed, data and detector give the same model, bit for bit.
    #[graphql(default_with = "Int64(0)")]
    seed: Int64,
    /// Names of tags for the versions; those that are missing are made.
    #[graphql(default)]
    tags: Vec<String>,
    /// -100 to 100; higher goes first.
    #[graphql(default = 0)]
    priority: i32,
    /// After how many attempts a job fails for good, 1 to 10.
    #[graphql(default = 3)]
    max_attempts: i32,
}

/// A prediction, as in `predict`.
#[derive(InputObject, Debug)]
pub struct SchedulePredictInput {
    /// The model, `mdl_…`.
    model: ID,
    /// The alias of the version to apply.
    #[graphql(default = "champion")]
    alias: String,
    /// What to score, of the same project.
    dataset: ScheduleDataInput,
    /// -100 to 100; higher goes first.
    #[graphql(default = 0)]
    priority: i32,
}

impl ScheduleTaskInput {
    pub(super) fn parse(&self) -> Result<Task, StoreError> {
        match self {
            Self::Train(input) => Ok(Task::Train(Box::new(input.parse().map_err(|error| within(error, "train"))?))),
            Self::Predict(input) => Ok(Task::Predict(input.parse().map_err(|error| within(error, "predict"))?)),
        }
    }
}

impl ScheduleTrainInput {
    fn parse(&self) -> Result<TrainTask, StoreError> {
        let tag = |(place, tag): (usize, &String)| {
            Name::parse(tag).map_err(|problem| problem.at(place.to_string()).at("tags"))
        };
        Ok(TrainTask {
            model: Name::parse(&self.model).map_err(|problem| problem.at("model"))?,
            detector: self.detector.clone(),
            detector_version: self.detector_version.clone(),
            hyperparameters: self.hyperparameters.as_ref().map_or(Value::Null, |given| given.0.clone()),
            data: self.dataset.parse().map_err(|error| within(error, "dataset"))?,
            seed: self.seed.0,
            tags: self.tags.iter().enumerate().map(tag).collect::<Result<_, Problem>>()?,
            priority: self.priority,
            max_attempts: self.max_attempts,
        })
    }
}

impl SchedulePredictInput {
    fn parse(&self) -> Result<PredictTask, StoreError> {
        Ok(PredictTask {
            model: parse_id(&self.model, "model")?,
            alias: AliasName::parse(&self.alias).map_err(|problem| problem.at("alias"))?,
            data: self.dataset.parse().map_err(|error| within(error, "dataset"))?,
            priority: self.priority,
        })
    }
}

/// What is done each time.
#[derive(Union, Debug)]
pub enum ScheduleTask {
    Train(ScheduledTraining),
    Predict(ScheduledPrediction),
}

impl From<&Task> for ScheduleTask {
    fn from(task: &Task) -> Self {
        match task {
            Task::Train(task) => Self::Train(ScheduledTraining((**task).clone())),
            Task::Predict(task) => Self::Predict(ScheduledPrediction(task.clone())),
        }
    }
}

/// A new version of a model each time.
#[derive(Debug)]
pub struct ScheduledTraining(TrainTask);

/// A new version of a model each time.
#[Object]
impl ScheduledTraining {
    /// The name of the model that gets the versions.
    async fn model_name(&self) -> &str {
        self.0.model.as_str()
    }

    /// The detector's name.
    async fn detector(&self) -> &str {
        &self.0.detector
    }

    /// The detector's version; null for the newest at that time.
    async fn detector_version(&self) -> Option<&str> {
        self.0.detector_version.as_deref()
    }

    /// As they were given, without defaults; null for defaults only.
    async fn hyperparameters(&self) -> Option<Json<Value>> {
        Some(self.0.hyperparameters.clone()).filter(|given| !given.is_null()).map(Json)
    }

    /// What it is trained on.
    async fn dataset(&self) -> ScheduleData {
        ScheduleData(self.0.data)
    }

    /// The same seed, data and detector give the same model, bit for bit.
    async fn seed(&self) -> Int64 {
        Int64(self.0.seed)
    }

    /// The names of the tags that the versions get.
    async fn tags(&self) -> Vec<&str> {
        self.0.tags.iter().map(Name::as_str).collect()
    }

    /// Higher goes first, among jobs that wait.
    async fn priority(&self) -> i32 {
        self.0.priority
    }

    /// After how many attempts a job fails for good.
    async fn max_attempts(&self) -> i32 {
        self.0.max_attempts
    }
}

/// A prediction with the version that an alias names, each time.
#[derive(Debug)]
pub struct ScheduledPrediction(PredictTask);

/// A prediction with the version that an alias names, each time.
#[Object]
impl ScheduledPrediction {
    /// The model whose version is applied.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>, ApiError> {
        Ok(ctx.load(self.0.model).await?.map(Model::from))
    }

    /// The alias of that version.
    async fn alias(&self) -> &str {
        self.0.alias.as_str()
    }

    /// What is scored.
    async fn dataset(&self) -> ScheduleData {
        ScheduleData(self.0.data)
    }

    /// Higher goes first, among jobs that wait.
    async fn priority(&self) -> i32 {
        self.0.priority
    }
}
