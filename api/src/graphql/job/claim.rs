use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};
use nunatak_store::jobs::{Claim, ClaimedArtifact, ClaimedDataset};

use super::{
    super::scalars::{Int64, Sha256},
    Job,
};

/// A job, and all that a runner needs to begin.
#[derive(SimpleObject, Debug)]
pub struct JobClaim {
    /// What to do: kind, detector, hyperparameters, seed.
    pub job: Job,
    /// The job's project, `prj_…`: uploads of results go there.
    pub project: ID,
    /// Counts the claims of this job; every report names it.
    pub attempt: i32,
    /// For downloads, uploads and reports of this attempt: `Authorization: Bearer …`. Good for this job alone.
    pub token: String,
    /// Report before then, or another runner gets the job.
    pub lease_expires_at: DateTime<Utc>,
    /// The rows to train on or to score.
    pub dataset: ClaimDataset,
    /// The trained version to apply; null for a training.
    pub artifact: Option<ClaimArtifact>,
}

/// The rows of a claimed job.
#[derive(SimpleObject, Debug)]
pub struct ClaimDataset {
    /// `dsv_…`
    pub version: ID,
    /// Where to download it, with the claim's token.
    pub url: String,
    /// Of the file: what has been downloaded before need not be again.
    pub sha256: Sha256,
    /// Bytes.
    pub size: Int64,
    /// `PARQUET`: columns of numbers as DOUBLE, of words as UTF8, of times as TIMESTAMP in microseconds, UTC; what is missing
    /// is null. Or `CSV`, for versions that were made before there was Parquet.
    pub format: String,
    /// Rows after the header; a result must have as many.
    pub row_count: Int64,
    /// The columns of numbers that a detector looks at, in the file's order. Of the others only those count that the
    /// hyperparameter `preprocessing.one_hot`, or the version's input schema, names as categories.
    pub feature_columns: Vec<String>,
    /// The column that orders the rows.
    pub time_column: Option<String>,
    /// The column of labels: 0 and 1, or names of classes. Only supervised detectors learn from it; for the others it
    /// gives metrics.
    pub label_column: Option<String>,
}

/// The trained version of a claimed job.
#[derive(SimpleObject, Debug)]
pub struct ClaimArtifact {
    /// `ver_…`
    pub version: ID,
    /// Where to download it, with the claim's token.
    pub url: String,
    /// Of the file.
    pub sha256: Sha256,
    /// Bytes.
    pub size: Int64,
    /// `nunatak.artifact/1` for what Nunatak's own runners write.
    pub format: Option<String>,
    /// A row is an anomaly when its score is greater. Holds instead of what the file says: it can be set anew.
    pub threshold: Option<f64>,
}

impl JobClaim {
    pub(super) fn new(claim: Claim, token: String) -> Self {
        Self {
            project: claim.job.project.to_string().into(),
            attempt: claim.job.attempt,
            token,
            lease_expires_at: claim.lease_expires_at.to_utc(),
            dataset: claim.dataset.into(),
            artifact: claim.artifact.map(Into::into),
            job: claim.job.into(),
        }
    }
}

impl From<ClaimedDataset> for ClaimDataset {
    fn from(dataset: ClaimedDataset) -> Self {
        Self {
            version: dataset.version.to_string().into(),
            url: format!("/datasets/{}/data", dataset.version),
            sha256: Sha256(dataset.sha256),
            size: Int64(dataset.size),
            format: dataset.format,
            row_count: Int64(dataset.row_count),
            feature_columns: dataset.feature_columns,
            time_column: dataset.time_column,
            label_column: dataset.label_column,
        }
    }
}

impl From<ClaimedArtifact> for ClaimArtifact {
    fn from(artifact: ClaimedArtifact) -> Self {
        Self {
            version: artifact.version.to_string().into(),
            url: format!("/models/{}/artifact", artifact.version),
            sha256: Sha256(artifact.sha256),
            size: Int64(artifact.size),
            format: artifact.format,
            threshold: artifact.threshold,
        }
    }
}
