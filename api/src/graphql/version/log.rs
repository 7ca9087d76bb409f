use async_graphql::{ID, InputObject, Json, OneofObject};
use nunatak_domain::{Name, Problem, Timestamp, UserId};
use nunatak_store::{
    StoreError,
    versions::{DatasetOrigin, LogVersion, MAX_BATCH, NewVersion, TargetModel},
};
use serde_json::Value;

use super::{
    super::{
        context::{parse_id, parse_optional_id},
        figure::FigureInput,
        metric::{MetricPointInput, parse_points},
        tag::parse_tags,
    },
    Visibility,
    git::GitInput,
    values::{KeyValueInput, parse_values},
};

/// A version that was trained anywhere.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct LogVersionInput {
    /// The project, `prj_…`.
    pub(super) project: ID,
    #[graphql(flatten)]
    pub(super) version: VersionInput,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    pub(super) idempotency_key: Option<String>,
}

/// Versions that were trained anywhere, of one project.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct LogVersionsInput {
    /// The project, `prj_…`.
    pub(super) project: ID,
    /// 1 to 500, numbered in this order.
    pub(super) versions: Vec<VersionInput>,
    /// Send the same key again when unsure whether the first request arrived: it is carried out once.
    pub(super) idempotency_key: Option<String>,
}

/// One of several versions that were trained anywhere.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct VersionInput {
    /// The model that it is a version of.
    model: ModelTarget,
    /// Free text.
    #[graphql(default)]
    description: String,
    /// Who may see it.
    #[graphql(default_with = "Visibility::Public")]
    visibility: Visibility,
    /// The detector that it was trained with.
    detector: Option<DetectorUsedInput>,
    /// What it was trained on.
    dataset: Option<DatasetOriginInput>,
    /// The working copy that it was made from.
    git: Option<GitInput>,
    /// Anything about where it was trained: packages, host, Python version.
    environment: Option<Json<Value>>,
    /// The columns that it expects.
    input_schema: Option<Json<Value>>,
    /// Its file: a completed upload, `upl_…`.
    upload: Option<ID>,
    /// What the file is: `onnx`, `joblib`…
    #[graphql(default)]
    format: String,
    /// The score above which it calls a row an anomaly.
    threshold: Option<f64>,
    /// The version that it was made from, `ver_…`.
    parent: Option<ID>,
    /// What was chosen before training; at most 1000, each key once.
    #[graphql(default)]
    hyperparameters: Vec<KeyValueInput>,
    /// What was learned or noted besides; at most 1000, each key once.
    #[graphql(default)]
    parameters: Vec<KeyValueInput>,
    /// What was measured; at most 1000 keys and 20,000 points, each step once.
    #[graphql(default)]
    metrics: Vec<MetricPointInput>,
    /// Names of tags, at most 20; those that the project does not know are made.
    #[graphql(default)]
    tags: Vec<String>,
    /// Plots, at most 50.
    #[graphql(default)]
    figures: Vec<FigureInput>,
}

/// A model: exactly one of these.
#[derive(OneofObject, Debug, Clone)]
pub(crate) enum ModelTarget {
    /// A model of the project, `mdl_…`.
    Id(ID),
    /// The project's model of that name; made if there is none.
    Name(String),
}

/// The detector that a version was trained with.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct DetectorUsedInput {
    /// `isolation_forest`
    name: String,
    /// The detector's own version.
    version: String,
}

/// What a version was trained on: exactly one of these.
#[derive(OneofObject, Debug, Clone)]
pub(crate) enum DatasetOriginInput {
    /// A dataset version of the same project, `dsv_…`.
    Version(ID),
    /// A dataset that is kept elsewhere.
    External(ExternalDatasetInput),
}

/// A dataset that is kept elsewhere.
#[derive(InputObject, Debug, Clone)]
pub(crate) struct ExternalDatasetInput {
    /// What to call it.
    name: String,
    /// Free text.
    description: Option<String>,
}

impl LogVersionsInput {
    /// # Errors
    /// What is wrong, and where.
    pub(super) fn parse(self, created_by: UserId, now: Timestamp) -> Result<Vec<LogVersion>, StoreError> {
        // Before all else: what is too much need not be looked at.
        if self.versions.len() > MAX_BATCH {
            let message = format!("at most {MAX_BATCH} versions a call; send the rest in further calls");
            return Err(Problem::new("LIMIT_EXCEEDED", message).at("versions").into());
        }
        let versions = self.versions.into_iter().enumerate().map(|(place, version)| {
            version.parse(created_by, now).map_err(|error| match error {
                StoreError::Invalid(problems) => {
                    let located = problems.into_iter().map(|problem| problem.at(place.to_string()).at("versions"));
                    StoreError::Invalid(located.collect())
                }
                other => other,
            })
        });
        versions.collect()
    }
}

impl VersionInput {
    /// # Errors
    /// What is wrong, and where.
    pub(super) fn parse(self, created_by: UserId, now: Timestamp) -> Result<LogVersion, StoreError> {
        let model = match self.model {
            ModelTarget::Id(id) => TargetModel::Id(parse_id(&id, "model")?),
            ModelTarget::Name(name) => {
                TargetModel::Named(Name::parse(&name).map_err(|problem: Problem| problem.at("name").at("model"))?)
            }
        };
        let dataset = match self.dataset {
            None => DatasetOrigin::Unknown,
            Some(DatasetOriginInput::Version(id)) => DatasetOrigin::Here(parse_id(&id, "dataset")?),
            Some(DatasetOriginInput::External(ExternalDatasetInput { name, description })) => {
                DatasetOrigin::Elsewhere { name, description }
            }
        };
        let version = NewVersion {
            created_by,
            description: self.description,
            visibility: self.visibility.into(),
            detector: self.detector.map(|detector| (detector.name, detector.version)),
            dataset,
            git: self.git.map(Into::into),
            environment: self.environment.map(|json| json.0),
            input_schema: self.input_schema.map(|json| json.0),
            artifact: None,
            threshold: self.threshold,
            job: None,
            parent: parse_optional_id(self.parent.as_ref(), "parent")?,
            hyperparameters: parse_values(self.hyperparameters, "hyperparameters")?,
            parameters: parse_values(self.parameters, "parameters")?,
            metrics: parse_points(&self.metrics, now)?,
            tags: parse_tags(&self.tags)?,
            figures: self.figures.into_iter().map(Into::into).collect(),
        };
        let upload = parse_optional_id(self.upload.as_ref(), "upload")?;
        Ok(LogVersion { model, upload: upload.map(|upload| (upload, self.format)), version })
    }
}
