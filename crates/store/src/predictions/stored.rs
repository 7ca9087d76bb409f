use std::collections::HashMap;

use nunatak_domain::{Key, PredictionId, Problem, ProjectId, Special, Timestamp};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, entity::prelude::Uuid};
use serde::{Deserialize, Serialize};

use super::PredictionRecord;
use crate::{
    Store, StoreError,
    entities::predictions,
    figures,
    files::BlobRecord,
    jobs::{JobRecord, ReportedMetric, ScoredResult},
};

/// A job's scores on their way into the database; checked before.
pub(crate) struct NewPrediction<'a> {
    pub(crate) job: &'a JobRecord,
    pub(crate) project: ProjectId,
    pub(crate) version_row: i64,
    pub(crate) scored: &'a ScoredResult,
    pub(crate) scores: Option<BlobRecord>,
}

/// A metric as the row keeps it: JSON has no word for NaN and the infinities.
#[derive(Serialize, Deserialize)]
struct StoredMetric {
    key: String,
    value: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    special: Option<Special>,
    step: i64,
}

const MAX_METRICS: usize = 1000;
const MAX_FIGURES: usize = 50;

/// Writes a prediction with its figures. `job_id` is unique: a job makes one.
pub(crate) async fn insert(
    store: &Store,
    txn: &DatabaseTransaction,
    new: &NewPrediction<'_>,
) -> Result<PredictionId, StoreError> {
    let scored = new.scored;
    for (field, got, max) in
        [("metrics", scored.metrics.len(), MAX_METRICS), ("figures", scored.figures.len(), MAX_FIGURES)]
    {
        if got > max {
            let message = format!("`{field}` has {got} entries; at most {max} are allowed");
            return Err(Problem::new("LIMIT_EXCEEDED", message).at(field).into());
        }
    }
    let now = store.now();
    let id = PredictionId::new(now);
    let row = predictions::ActiveModel {
        id: Set(id.0),
        project_id: Set(new.project.0),
        version_row: Set(new.version_row),
        dataset_version_id: Set(new.job.dataset_version.0),
        job_id: Set(new.job.id.0),
        row_count: Set(scored.row_count),
        anomaly_count: Set(scored.anomaly_count),
        threshold: Set(scored.threshold),
        metrics: Set(to_text(&scored.metrics)?),
        sha256: Set(new.scores.as_ref().map(|blob| blob.sha256.clone())),
        size: Set(new.scores.as_ref().map(|blob| blob.size)),
        created_by: Set(new.job.created_by.0),
        created_at: Set(now.micros()),
    };
    row.insert(txn).await?;
    figures::insert(store, txn, figures::Owner::Prediction(id), &scored.figures).await?;
    Ok(id)
}

pub(super) fn record(row: predictions::Model, versions: &HashMap<i64, Uuid>) -> Result<PredictionRecord, StoreError> {
    let id = PredictionId(row.id);
    let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of {id}"));
    let version = versions.get(&row.version_row).copied().ok_or_else(|| corrupt("version"))?;
    let metrics = from_text(&row.metrics).ok_or_else(|| corrupt("metrics"))?;
    let scores = row.sha256.zip(row.size);
    Ok(PredictionRecord {
        id,
        project: row.project_id.into(),
        version: version.into(),
        dataset_version: row.dataset_version_id.into(),
        job: row.job_id.into(),
        row_count: row.row_count,
        anomaly_count: row.anomaly_count,
        threshold: row.threshold,
        metrics,
        scores: scores.map(|(sha256, size)| BlobRecord { sha256, size, file_name: format!("{id}.safetensors") }),
        created_by: row.created_by.into(),
        created_at: Timestamp::from_micros(row.created_at),
    })
}

/// The value of one metric in a row's text, of the highest step.
pub(crate) fn metric_in(text: &str, key: &Key) -> Result<Option<f64>, StoreError> {
    let metrics = from_text(text).ok_or_else(|| StoreError::Corrupt("metrics of a prediction".to_owned()))?;
    let of_key = metrics.into_iter().filter(|metric| metric.key == *key);
    Ok(of_key.max_by_key(|metric| metric.step).map(|metric| metric.value))
}

fn to_text(metrics: &[ReportedMetric]) -> Result<String, StoreError> {
    let rows: Vec<StoredMetric> = metrics
        .iter()
        .map(|metric| StoredMetric {
            key: metric.key.to_string(),
            value: Some(metric.value).filter(|value| value.is_finite()),
            special: Special::of(metric.value),
            step: metric.step,
        })
        .collect();
    serde_json::to_string(&rows).map_err(|error| StoreError::Corrupt(format!("metrics: {error}")))
}

fn from_text(text: &str) -> Option<Vec<ReportedMetric>> {
    let rows: Vec<StoredMetric> = serde_json::from_str(text).ok()?;
    let metrics = rows.into_iter().map(|row| {
        let value = row.value.or_else(|| row.special.map(Special::value))?;
        Some(ReportedMetric { key: Key::parse(&row.key).ok()?, value, step: row.step })
    });
    metrics.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_cannot_say_comes_back() {
        let values = [0.1 + 0.2, f64::INFINITY, f64::NEG_INFINITY, -0.0];
        let metrics: Vec<_> = values
            .into_iter()
            .map(|value| ReportedMetric { key: Key::parse("roc_auc").unwrap(), value, step: 3 })
            .collect();
        assert_eq!(from_text(&to_text(&metrics).unwrap()).unwrap(), metrics);
        let nan = ReportedMetric { value: f64::NAN, ..metrics[0].clone() };
        assert!(from_text(&to_text(&[nan]).unwrap()).unwrap()[0].value.is_nan());
    }
}
