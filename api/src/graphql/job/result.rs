use async_graphql::{ID, InputObject, Json, OneofObject};
use nunatak_domain::{Key, Problem, Scalar};
use nunatak_store::{
    StoreError,
    jobs::{JobResult, ReportedMetric, ScoredResult, TrainedResult},
};
use serde_json::{Map, Value};

use super::super::{context::parse_id, figure::FigureInput, metric::MetricInput, scalars::Int64};

/// What came of a job: exactly one, of the job's kind.
#[derive(OneofObject, Debug)]
pub enum JobResultInput {
    /// Of a training.
    Train(TrainResultInput),
    /// Of a prediction.
    Predict(PredictResultInput),
    /// Of an evaluation.
    Evaluate(EvaluateResultInput),
}

/// A trained version.
#[derive(InputObject, Debug)]
pub struct TrainResultInput {
    /// The completed upload with the version's file, `upl_…`.
    artifact_upload: ID,
    /// What is in the file.
    #[graphql(default = "nunatak.artifact/1")]
    artifact_format: String,
    /// An object: the hyperparameters as the detector took them. What is missing is as the job has it.
    hyperparameters: Option<Json<Value>>,
    /// An object: learned values worth showing.
    parameters: Option<Json<Value>>,
    /// Measured values.
    #[graphql(default)]
    metrics: Vec<MetricInput>,
    /// Plots, in order.
    #[graphql(default)]
    figures: Vec<FigureInput>,
    /// A row is an anomaly when its score is greater.
    threshold: Option<f64>,
    /// A list of `{name, type}`: the feature columns in the order of training. Predictions are checked against it.
    input_schema: Option<Json<Value>>,
    /// Anything about where it was trained: packages, host.
    environment: Option<Json<Value>>,
}

/// A dataset with a score for each row.
#[derive(InputObject, Debug)]
pub struct PredictResultInput {
    /// The completed upload with the scores, `upl_…`: a safetensors file with the arrays `score` (f64) and
    /// `label` (u8), an entry for each row.
    scores_upload: ID,
    /// As many as the dataset has.
    row_count: Int64,
    /// How many labels are 1.
    anomaly_count: Int64,
    /// A row is an anomaly when its score is greater.
    threshold: f64,
    /// Measured values, where the dataset has labels.
    #[graphql(default)]
    metrics: Vec<MetricInput>,
    /// Plots, in order.
    #[graphql(default)]
    figures: Vec<FigureInput>,
}

/// How well scores agree with labels.
#[derive(InputObject, Debug)]
pub struct EvaluateResultInput {
    /// As many as the dataset has.
    row_count: Int64,
    /// How many scores are above the threshold.
    anomaly_count: Int64,
    /// A row is an anomaly when its score is greater.
    threshold: f64,
    /// Measured values.
    metrics: Vec<MetricInput>,
    /// Plots, in order.
    #[graphql(default)]
    figures: Vec<FigureInput>,
}

impl JobResultInput {
    /// The field's name in the schema.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Train(_) => "train",
            Self::Predict(_) => "predict",
            Self::Evaluate(_) => "evaluate",
        }
    }

    pub(super) fn parse(self) -> Result<JobResult, StoreError> {
        match self {
            Self::Train(input) => Ok(JobResult::Train(Box::new(input.parse()?))),
            Self::Predict(input) => {
                let upload = parse_id(&input.scores_upload, "scoresUpload")?;
                let scored =
                    scored(input.row_count, input.anomaly_count, input.threshold, &input.metrics, input.figures)?;
                Ok(JobResult::Predict(upload, scored))
            }
            Self::Evaluate(input) => {
                scored(input.row_count, input.anomaly_count, input.threshold, &input.metrics, input.figures)
                    .map(JobResult::Evaluate)
            }
        }
    }
}

impl TrainResultInput {
    fn parse(self) -> Result<TrainedResult, StoreError> {
        let value = |(name, value): (String, Value)| {
            let at = |problem: Problem| problem.at(&name).at("parameters");
            Ok((Key::parse(&name).map_err(at)?, Scalar::from_json(value).map_err(at)?))
        };
        let parameters = object(self.parameters, "parameters")?.into_iter().map(value);
        Ok(TrainedResult {
            artifact: parse_id(&self.artifact_upload, "artifactUpload")?,
            artifact_format: self.artifact_format,
            hyperparameters: object(self.hyperparameters, "hyperparameters")?,
            parameters: parameters.collect::<Result<_, Problem>>()?,
            metrics: metrics(&self.metrics)?,
            figures: self.figures.into_iter().map(Into::into).collect(),
            threshold: self.threshold,
            input_schema: self.input_schema.map(|schema| schema.0),
            environment: self.environment.map(|environment| environment.0),
        })
    }
}

fn scored(
    row_count: Int64,
    anomaly_count: Int64,
    threshold: f64,
    measured: &[MetricInput],
    figures: Vec<FigureInput>,
) -> Result<ScoredResult, StoreError> {
    Ok(ScoredResult {
        row_count: row_count.0,
        anomaly_count: anomaly_count.0,
        threshold,
        metrics: metrics(measured)?,
        figures: figures.into_iter().map(Into::into).collect(),
    })
}

fn object(given: Option<Json<Value>>, field: &str) -> Result<Map<String, Value>, Problem> {
    match given.map(|given| given.0) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(_) => Err(Problem::new("WRONG_TYPE", "expected a JSON object").at(field)),
    }
}

pub(super) fn metrics(given: &[MetricInput]) -> Result<Vec<ReportedMetric>, Problem> {
    let parsed = given.iter().enumerate().map(|(place, metric)| {
        let (key, value, step) = metric.parse().map_err(|problem| problem.at(place.to_string()).at("metrics"))?;
        Ok(ReportedMetric { key, value, step })
    });
    parsed.collect()
}
