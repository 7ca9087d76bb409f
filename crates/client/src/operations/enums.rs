//! The schema's enums, shared by all operations. A value that a newer server added reads as `Unknown`.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UploadStatus {
    Pending,
    Completed,
    Aborted,
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InputKind {
    Tabular,
    Series,
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobKind {
    Train,
    Predict,
    Evaluate,
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
    #[serde(other)]
    Unknown,
}

impl JobStatus {
    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// How much a line of a job's log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
    #[serde(other)]
    Unknown,
}

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TokenScope {
    Read,
    Write,
    Runner,
    #[serde(other)]
    Unknown,
}

/// The floating-point values that JSON cannot write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NonFinite {
    Nan,
    PosInf,
    NegInf,
    #[serde(other)]
    Unknown,
}

/// Which of a metric's values counts; `Best` as the project declares for the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MetricAggregate {
    Last,
    Min,
    Max,
    Best,
    #[serde(other)]
    Unknown,
}

/// Which way to order. Missing values come last either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SortDirection {
    Asc,
    Desc,
    #[serde(other)]
    Unknown,
}

/// Something that every version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VersionOrderField {
    CreatedAt,
    Number,
    Name,
    Detector,
    #[serde(other)]
    Unknown,
}

/// Who may see a version: its project's members, or its author and the maintainers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Visibility {
    Public,
    Private,
    #[serde(other)]
    Unknown,
}

/// Whether a version's file is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VersionStatus {
    Pending,
    Ready,
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::{JobStatus, NonFinite};

    #[test]
    fn unknown_values_are_read_and_known_ones_round_trip() {
        assert_eq!(serde_json::from_str::<JobStatus>("\"PAUSED\"").unwrap(), JobStatus::Unknown);
        assert_eq!(serde_json::from_str::<JobStatus>("\"SUCCEEDED\"").unwrap(), JobStatus::Succeeded);
        assert_eq!(serde_json::to_string(&NonFinite::PosInf).unwrap(), "\"POS_INF\"");
    }
}
