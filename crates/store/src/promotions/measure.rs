//! Where the two values come from.

use nunatak_domain::{JobId, JobKind, KeyKind, VersionId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, entity::prelude::Uuid};

use super::PromotionRecord;
use crate::{
    Store, StoreError, db,
    jobs::{ApplyRequest, Cause},
    predictions,
    schedules::Rights,
};

/// What is known of the two versions on the same rows.
pub(super) enum Measured {
    Both {
        candidate: f64,
        incumbent: f64,
    },
    /// These evaluations are to be waited for.
    Wanted {
        candidate: Option<JobId>,
        incumbent: Option<JobId>,
    },
    /// They cannot be compared, as a sentence.
    Not(String),
}

/// What is known of one version.
enum Side {
    Value(f64),
    Unknown,
    Not(String),
}

impl Store {
    /// What the trainings reported, where both were on the rows to be compared on and have the metric.
    pub(super) async fn trained_values(
        &self,
        txn: &DatabaseTransaction,
        promotion: &PromotionRecord,
        incumbent: i64,
    ) -> Result<Option<(f64, f64)>, StoreError> {
        let candidate = reported(txn, promotion, promotion.candidate_row).await?;
        let Some(candidate) = candidate else { return Ok(None) };
        Ok(reported(txn, promotion, incumbent).await?.map(|incumbent| (candidate, incumbent)))
    }

    /// What evaluations of both say; those that are missing are queued.
    pub(super) async fn evaluated_values(
        &self,
        txn: &DatabaseTransaction,
        rights: &Rights,
        promotion: &PromotionRecord,
        incumbent: i64,
    ) -> Result<Measured, StoreError> {
        let candidate = self.side(txn, promotion, promotion.candidate_row, promotion.candidate_job).await?;
        let other = self.side(txn, promotion, incumbent, promotion.incumbent_job).await?;
        match (candidate, other) {
            (Side::Not(why), _) => Ok(Measured::Not(format!("the new version cannot be compared: {why}"))),
            (_, Side::Not(why)) => Ok(Measured::Not(format!("the version in place cannot be compared: {why}"))),
            (Side::Value(candidate), Side::Value(incumbent)) => Ok(Measured::Both { candidate, incumbent }),
            (candidate, other) => {
                let missing = |side: &Side, row: i64| matches!(side, Side::Unknown).then_some(row);
                let missing = [missing(&candidate, promotion.candidate_row), missing(&other, incumbent)];
                self.queue_evaluations(txn, rights, promotion, missing).await
            }
        }
    }

    /// Both or neither: one alone would be for nothing.
    async fn queue_evaluations(
        &self,
        txn: &DatabaseTransaction,
        rights: &Rights,
        promotion: &PromotionRecord,
        missing: [Option<i64>; 2],
    ) -> Result<Measured, StoreError> {
        let mut requests = [None, None];
        for (request, row) in requests.iter_mut().zip(missing) {
            let Some(row) = row else { continue };
            let apply = ApplyRequest::new(version_id(txn, row).await?, promotion.dataset_version);
            match self.check_application(txn, &rights.predict, &apply, JobKind::Evaluate).await {
                Ok(()) => *request = Some(apply),
                Err(StoreError::Invalid(problems)) => {
                    let messages: Vec<_> = problems.into_iter().map(|problem| problem.message).collect();
                    return Ok(Measured::Not(format!("they cannot be evaluated: {}", messages.join("; "))));
                }
                Err(fault) => return Err(fault),
            }
        }
        let cause = Cause { schedule: promotion.schedule, ..Cause::default() };
        let mut jobs = [None, None];
        for (job, request) in jobs.iter_mut().zip(&requests) {
            let Some(request) = request else { continue };
            let queued = self.queue_application(txn, &rights.predict, request, JobKind::Evaluate, cause).await?;
            *job = Some(queued.id);
        }
        let [candidate, incumbent] = jobs;
        Ok(Measured::Wanted { candidate, incumbent })
    }

    /// The newest evaluation of this version on these rows, whoever asked for it.
    async fn side(
        &self,
        txn: &DatabaseTransaction,
        promotion: &PromotionRecord,
        row: i64,
        asked: Option<JobId>,
    ) -> Result<Side, StoreError> {
        // Evaluations keep no scores.
        let text = "SELECT metrics FROM predictions WHERE version_row = $1 AND dataset_version_id = $2 \
                    AND sha256 IS NULL ORDER BY id DESC LIMIT 1";
        let values = vec![row.into(), promotion.dataset_version.0.into()];
        if let Some(row) = txn.query_one_raw(db::sql(txn, text, values)).await? {
            let metrics: String = row.try_get("", "metrics")?;
            let value = predictions::metric_in(&metrics, &promotion.metric)?;
            let absent = || Side::Not(format!("its evaluation has no metric `{}`", promotion.metric));
            return Ok(value.map_or_else(absent, Side::Value));
        }
        let Some(job) = asked else { return Ok(Side::Unknown) };
        let text = "SELECT error_code, error_message FROM jobs WHERE id = $1";
        let row = txn.query_one_raw(db::sql(txn, text, vec![job.0.into()])).await?;
        let row = row.ok_or(StoreError::NotFound("job"))?;
        let (code, message): (Option<String>, Option<String>) =
            (row.try_get("", "error_code")?, row.try_get("", "error_message")?);
        let why = code
            .map_or_else(|| "it was cancelled".to_owned(), |code| format!("{code}, {}", message.unwrap_or_default()));
        Ok(Side::Not(format!("its evaluation {job} failed: {why}")))
    }
}

async fn version_id(txn: &DatabaseTransaction, row: i64) -> Result<VersionId, StoreError> {
    let text = "SELECT id FROM versions WHERE row_id = $1";
    let row = txn.query_one_raw(db::sql(txn, text, vec![row.into()])).await?;
    Ok(row.ok_or(StoreError::NotFound("version"))?.try_get::<Uuid>("", "id")?.into())
}

/// What a training on these rows said of the metric. What was logged of the version later was measured on others.
async fn reported(txn: &DatabaseTransaction, promotion: &PromotionRecord, row: i64) -> Result<Option<f64>, StoreError> {
    let text = "SELECT p.value FROM versions v JOIN metric_points p ON p.version_row = v.row_id \
                JOIN keys k ON k.id = p.key_id WHERE v.row_id = $1 AND v.dataset_version_id = $2 \
                AND v.job_id IS NOT NULL AND k.kind = $3 AND k.name = $4 AND p.at <= v.created_at \
                ORDER BY p.step DESC LIMIT 1";
    let values = vec![
        row.into(),
        promotion.dataset_version.0.into(),
        KeyKind::Metric.number().into(),
        promotion.metric.as_str().into(),
    ];
    let row = txn.query_one_raw(db::sql(txn, text, values)).await?;
    row.map(|row| Ok(row.try_get::<Option<f64>>("", "value")?.unwrap_or(f64::NAN))).transpose()
}
