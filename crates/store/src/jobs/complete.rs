//! What a runner hands in at the end. The job's end and what it made are one transaction: both are there, or neither.

use std::collections::BTreeMap;

use nunatak_authz::Permit;
use nunatak_domain::{JobKind, JobStatus, Key, Name, PredictionId, Problem, Scalar, UploadId, VersionId, Visibility};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use serde_json::{Map, Value};

use super::{JobRecord, checks, report::Attempt};
use crate::{
    Event, Store, StoreError, db,
    files::{BlobRecord, Sender},
    predictions::{self, NewPrediction},
    versions::{
        Artifact, DatasetOrigin, MetricPoint, NewFigure, NewVersion, TargetModel, VersionRecord,
        register::{Batch, Found},
    },
};

/// What came of a job.
#[derive(Debug, Clone)]
pub enum JobResult {
    Train(Box<TrainedResult>),
    /// The upload holds the scores: safetensors with `score` (f64) and `label` (u8), an entry for each row.
    Predict(UploadId, ScoredResult),
    Evaluate(ScoredResult),
}

/// A trained version.
#[derive(Debug, Clone)]
pub struct TrainedResult {
    pub artifact: UploadId,
    /// `nunatak.artifact/1`, or what another runner writes.
    pub artifact_format: String,
    /// As the detector took them; what is missing is as the job was submitted.
    pub hyperparameters: Map<String, Value>,
    /// Learned values worth showing.
    pub parameters: Vec<(Key, Scalar)>,
    pub metrics: Vec<ReportedMetric>,
    pub figures: Vec<NewFigure>,
    pub threshold: Option<f64>,
    /// `[{"name": …, "type": …}]`, the columns in the order of training.
    pub input_schema: Option<Value>,
    pub environment: Option<Value>,
}

/// A dataset with a score for each row.
#[derive(Debug, Clone)]
pub struct ScoredResult {
    pub row_count: i64,
    pub anomaly_count: i64,
    pub threshold: f64,
    pub metrics: Vec<ReportedMetric>,
    pub figures: Vec<NewFigure>,
}

/// One measured value, NaN and infinities included.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedMetric {
    pub key: Key,
    pub value: f64,
    pub step: i64,
}

impl JobResult {
    const fn kind(&self) -> JobKind {
        match self {
            Self::Train(_) => JobKind::Train,
            Self::Predict(..) => JobKind::Predict,
            Self::Evaluate(_) => JobKind::Evaluate,
        }
    }
}

impl Store {
    /// Ends a job with its result. Handing the same attempt in twice registers it once and answers the same job.
    ///
    /// # Errors
    /// `LEASE_LOST`; problems with the result, after which the attempt still runs: `WRONG_KIND`, `ROW_COUNT`,
    /// `BAD_SCORES`, `UPLOAD_INCOMPLETE`…
    pub async fn complete_job(&self, permit: &Permit, result: &JobResult) -> Result<JobRecord, StoreError> {
        let attempt = Attempt::of(permit)?;
        let job = self.job_in(self.0.db.read(), attempt.job).await?;
        if let Some(done) = settled(&job, attempt)? {
            return Ok(done);
        }
        if job.kind != result.kind() {
            let message = format!("this job is to {:?}; the result is of another kind", job.kind);
            return Err(Problem::new("WRONG_KIND", message).at("result").into());
        }
        // Before the transaction: reading a file would hold up all other writers.
        let scores = self.check_result(&job, result).await?;
        let trained = match result {
            JobResult::Train(trained) => Some(self.new_version(&job, trained).await?),
            JobResult::Predict(..) | JobResult::Evaluate(_) => None,
        };
        let batch = self.prepare_versions(trained.iter().map(|(model, new)| (model, new)), false).await?;

        let txn = self.0.db.begin().await?;
        if !self.finish(&txn, attempt).await? {
            let job = self.job_in(&txn, attempt.job).await?;
            return settled(&job, attempt)?.ok_or_else(|| attempt.lost());
        }
        let version = match result {
            JobResult::Train(_) => self.insert_trained(&txn, &job, attempt, &batch).await?,
            JobResult::Predict(_, scored) | JobResult::Evaluate(scored) => {
                self.insert_scored(&txn, &job, attempt, scored, scores).await?;
                None
            }
        };
        let job = self.ended(&txn, permit, attempt).await?;
        txn.commit().await?;
        self.job_changed(job.id, job.project);
        if let Some(version) = version {
            let (model, project) = (version.model, version.project);
            self.bus().publish(Event::VersionRegistered { version: version.id, model, project });
        }
        Ok(job)
    }

    /// Marks the job as done; false where the attempt is over.
    async fn finish(&self, txn: &DatabaseTransaction, attempt: Attempt) -> Result<bool, StoreError> {
        let text = "UPDATE jobs SET status = 2, progress = 1, finished_at = $3, lease_expires_at = NULL, \
                    error_code = NULL, error_message = NULL, error_retryable = NULL \
                    WHERE id = $1 AND attempt = $2 AND status = 1";
        let values = vec![attempt.job.0.into(), attempt.number.into(), self.now().micros().into()];
        Ok(txn.execute_raw(db::sql(txn, text, values)).await?.rows_affected() == 1)
    }

    /// What can be checked of the result; the file of the scores.
    async fn check_result(&self, job: &JobRecord, result: &JobResult) -> Result<Option<BlobRecord>, StoreError> {
        let finite = |threshold: f64| match threshold.is_finite() {
            true => Ok(()),
            false => Err(Problem::new("OUT_OF_RANGE", "the threshold must be a finite number").at("threshold")),
        };
        match result {
            JobResult::Train(trained) => {
                trained.threshold.map_or(Ok(()), finite)?;
                trained.input_schema.as_ref().map_or(Ok(()), checks::is_input_schema)?;
                Ok(None)
            }
            JobResult::Predict(upload, scored) => {
                finite(scored.threshold)?;
                let blob = self.completed_upload(self.0.db.read(), *upload, job.project, Sender::Job(job.id)).await?;
                let rows = self.check_rows(job, scored).await?;
                predictions::check_scores(self, &blob, rows).await?;
                Ok(Some(blob))
            }
            JobResult::Evaluate(scored) => {
                finite(scored.threshold)?;
                self.check_rows(job, scored).await?;
                Ok(None)
            }
        }
    }

    /// The number of rows, where the result has as many as the dataset.
    async fn check_rows(&self, job: &JobRecord, scored: &ScoredResult) -> Result<i64, StoreError> {
        let rows = checks::row_count(self.0.db.read(), job.dataset_version).await?;
        if scored.row_count != rows {
            let message = format!("the dataset has {rows} rows, the result {}", scored.row_count);
            return Err(Problem::new("ROW_COUNT", message).at("rowCount").into());
        }
        if !(0..=rows).contains(&scored.anomaly_count) {
            let message = format!("{} of {rows} rows cannot be anomalies", scored.anomaly_count);
            return Err(Problem::new("OUT_OF_RANGE", message).at("anomalyCount").into());
        }
        Ok(rows)
    }

    async fn insert_trained(
        &self,
        txn: &DatabaseTransaction,
        job: &JobRecord,
        attempt: Attempt,
        batch: &Batch<'_>,
    ) -> Result<Option<VersionRecord>, StoreError> {
        let found = [Found::default()];
        let inserted = self.insert_versions(txn, attempt.project, batch, &found, None).await;
        let mut versions = inserted.map_err(|error| match error.problems() {
            [problem] if problem.path == ["model"] => {
                Problem::new("NOT_FOUND", "the model was deleted while the training ran").into()
            }
            _ => error,
        })?;
        let version = versions.pop();
        let text = "UPDATE jobs SET version_row = $2 WHERE id = $1";
        let row = version.as_ref().map(|version| version.row);
        txn.execute_raw(db::sql(txn, text, vec![job.id.0.into(), row.into()])).await?;
        Ok(version)
    }

    /// The version that a training made, and of which model.
    async fn new_version(
        &self,
        job: &JobRecord,
        trained: &TrainedResult,
    ) -> Result<(TargetModel, NewVersion), StoreError> {
        let model = job.model.ok_or_else(|| StoreError::Corrupt(format!("{} trains no model", job.id)))?;
        let sender = Sender::Job(job.id);
        let blob = self.completed_upload(self.0.db.read(), trained.artifact, job.project, sender).await?;
        let now = self.now();
        let tags = job.tags.iter().map(|tag| Name::parse(tag)).collect::<Result<_, _>>()?;
        let points = trained.metrics.iter();
        let metrics = points.map(|m| MetricPoint { key: m.key.clone(), value: m.value, step: m.step, at: now });
        let new = NewVersion {
            created_by: job.created_by,
            description: String::new(),
            visibility: Visibility::Public,
            detector: Some((job.detector_name.clone(), job.detector_version.clone())),
            dataset: DatasetOrigin::Here(job.dataset_version),
            git: None,
            environment: trained.environment.clone(),
            input_schema: trained.input_schema.clone(),
            artifact: Some(Artifact {
                sha256: blob.sha256,
                size: blob.size,
                name: blob.file_name,
                format: trained.artifact_format.clone(),
            }),
            threshold: trained.threshold,
            job: Some(job.id),
            parent: None,
            hyperparameters: settings(job, trained)?,
            parameters: trained.parameters.clone(),
            metrics: metrics.collect(),
            tags,
            figures: trained.figures.clone(),
        };
        Ok((TargetModel::Id(model), new))
    }

    async fn insert_scored(
        &self,
        txn: &DatabaseTransaction,
        job: &JobRecord,
        attempt: Attempt,
        scored: &ScoredResult,
        scores: Option<BlobRecord>,
    ) -> Result<PredictionId, StoreError> {
        let version = job.version.ok_or_else(|| StoreError::Corrupt(format!("{} applies no version", job.id)))?;
        let version_row = version_row(txn, version).await?;
        let new = NewPrediction { job, project: attempt.project.1, version_row, scored, scores };
        predictions::insert(self, txn, &new).await
    }
}

/// The job, where this attempt has succeeded already; nothing, where it still runs.
fn settled(job: &JobRecord, attempt: Attempt) -> Result<Option<JobRecord>, StoreError> {
    match job.status {
        _ if job.attempt != attempt.number => Err(attempt.lost()),
        JobStatus::Succeeded => Ok(Some(job.clone())),
        JobStatus::Running => Ok(None),
        JobStatus::Queued | JobStatus::Failed | JobStatus::Cancelled => Err(attempt.lost()),
    }
}

/// What was submitted, overlaid with what the detector says that it took.
fn settings(job: &JobRecord, trained: &TrainedResult) -> Result<Vec<(Key, Scalar)>, StoreError> {
    let mut all: BTreeMap<&str, &Value> = BTreeMap::new();
    let submitted = job.hyperparameters.as_ref().and_then(Value::as_object);
    for (name, value) in submitted.into_iter().flatten().chain(&trained.hyperparameters) {
        all.insert(name, value);
    }
    let parsed = all.into_iter().map(|(name, value)| {
        let at = |problem: Problem| problem.at(name).at("hyperparameters");
        Ok((Key::parse(name).map_err(at)?, Scalar::from_json(value.clone()).map_err(at)?))
    });
    parsed.collect::<Result<_, Problem>>().map_err(StoreError::from)
}

async fn version_row(txn: &DatabaseTransaction, version: VersionId) -> Result<i64, StoreError> {
    let text = "SELECT row_id FROM versions WHERE id = $1";
    let row = txn.query_one_raw(db::sql(txn, text, vec![version.0.into()])).await?;
    Ok(row.ok_or(StoreError::NotFound("version"))?.try_get("", "row_id")?)
}
