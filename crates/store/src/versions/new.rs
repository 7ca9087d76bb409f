use nunatak_domain::{DatasetVersionId, JobId, Key, Name, Scalar, Timestamp, UserId, VersionId, Visibility};
use serde_json::Value;

/// All that a version is registered with. Checked before it gets here; immutable afterwards.
#[derive(Debug, Clone)]
pub struct NewVersion {
    pub created_by: UserId,
    pub description: String,
    pub visibility: Visibility,
    /// Name and version of the detector.
    pub detector: Option<(String, String)>,
    pub dataset: DatasetOrigin,
    pub git: Option<Git>,
    /// Anything JSON about where it was trained: packages, host, Python version.
    pub environment: Option<Value>,
    pub input_schema: Option<Value>,
    pub artifact: Option<Artifact>,
    pub threshold: Option<f64>,
    pub job: Option<JobId>,
    pub parent: Option<VersionId>,
    pub hyperparameters: Vec<(Key, Scalar)>,
    pub parameters: Vec<(Key, Scalar)>,
    pub metrics: Vec<MetricPoint>,
    pub tags: Vec<Name>,
    pub figures: Vec<NewFigure>,
}

/// What it was trained on: a dataset version kept here, or the name of one kept elsewhere, or unknown.
#[derive(Debug, Clone, Default)]
pub enum DatasetOrigin {
    #[default]
    Unknown,
    Here(DatasetVersionId),
    Elsewhere {
        name: String,
        description: Option<String>,
    },
}

/// The state of the working copy that the version was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Git {
    pub branch: Option<String>,
    pub commit: Option<String>,
    pub dirty: Option<bool>,
    /// Name and URL of each remote.
    pub remotes: Vec<(String, String)>,
}

/// A stored file and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    pub sha256: String,
    pub size: i64,
    /// The file name it was uploaded with.
    pub name: String,
    /// `nunatak.artifact/1` for what the runners write, else whatever the client says, `onnx`…
    pub format: String,
}

/// One measured value: any float, NaN and infinities included.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPoint {
    pub key: Key,
    pub value: f64,
    pub step: i64,
    pub at: Timestamp,
}

/// A plot as a Vega-Lite document.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFigure {
    pub name: String,
    pub title: String,
    pub spec: Value,
}
