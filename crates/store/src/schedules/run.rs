//! What a schedule fired, why, and what became of it.

use nunatak_domain::{
    DatasetVersionId, Direction, JobId, JobStatus, Key, ProjectId, PromotionId, RunState, ScheduleId, ScheduleRunId,
    Timestamp, UserId, VersionId,
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait, QueryResult, entity::prelude::Uuid};
use serde::{Deserialize, Serialize};

use super::{Aggregate, ScheduleRecord, Window, fire::refused};
use crate::{
    Store, StoreError, db,
    entities::{schedule_runs, schedules},
    promotions::NewPromotion,
};

/// One firing.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    pub id: ScheduleRunId,
    pub schedule: ScheduleId,
    pub project: ProjectId,
    pub state: RunState,
    pub cause: FiringCause,
    /// How often in a row; more than once only of what was passed over.
    pub times: i64,
    pub job: Option<JobId>,
    pub promotion: Option<PromotionId>,
    pub error: Option<RunError>,
    pub fired_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

/// Why nothing came of a firing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunError {
    pub code: String,
    pub message: String,
}

/// Why it fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FiringCause {
    /// The moment that the expression names; earlier than the firing where no server was there.
    Cron(Timestamp),
    Dataset(DatasetVersionId),
    Metric(Reading),
    /// Somebody asked for it.
    Manual(UserId),
}

/// What a metric trigger found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub version: VersionId,
    pub key: Key,
    /// As text: JSON has no word for the infinities.
    #[serde(with = "exact")]
    pub value: f64,
    pub threshold: f64,
    pub direction: Direction,
    pub window: Window,
    pub aggregate: Aggregate,
    /// How many values it was taken of.
    pub points: usize,
}

mod exact {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl TryFrom<schedule_runs::Model> for RunRecord {
    type Error = StoreError;

    fn try_from(row: schedule_runs::Model) -> Result<Self, StoreError> {
        let id = ScheduleRunId(row.id);
        let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of {id}"));
        let message = row.error_message.unwrap_or_default();
        Ok(Self {
            id,
            schedule: row.schedule_id.into(),
            project: row.project_id.into(),
            state: RunState::from_number(row.state).ok_or_else(|| corrupt("state"))?,
            cause: serde_json::from_str(&row.cause).map_err(|_| corrupt("cause"))?,
            times: row.times,
            job: row.job_id.map(Into::into),
            promotion: row.promotion_id.map(Into::into),
            error: row.error_code.map(|code| RunError { code, message }),
            fired_at: Timestamp::from_micros(row.fired_at),
            finished_at: row.finished_at.map(Timestamp::from_micros),
        })
    }
}

/// A run whose job has ended.
struct Ended {
    run: ScheduleRunId,
    schedule: ScheduleId,
    status: JobStatus,
    error: Option<RunError>,
    version_row: Option<i64>,
}

impl Ended {
    fn read(row: &QueryResult) -> Result<Self, StoreError> {
        let status: i16 = row.try_get("", "status")?;
        let code: Option<String> = row.try_get("", "error_code")?;
        let message: Option<String> = row.try_get("", "error_message")?;
        Ok(Self {
            run: row.try_get::<Uuid>("", "id")?.into(),
            schedule: row.try_get::<Uuid>("", "schedule_id")?.into(),
            status: JobStatus::from_number(status).ok_or_else(|| StoreError::Corrupt("status of a job".to_owned()))?,
            error: code.map(|code| RunError { code, message: message.unwrap_or_default() }),
            version_row: row.try_get("", "version_row")?,
        })
    }

    const fn state(&self) -> RunState {
        match self.status {
            JobStatus::Succeeded => RunState::Succeeded,
            JobStatus::Cancelled => RunState::Cancelled,
            JobStatus::Queued | JobStatus::Running | JobStatus::Failed => RunState::Failed,
        }
    }
}

impl Store {
    /// Ends the runs whose jobs have ended; those that trained something to be promoted go on with the comparison.
    pub(super) async fn advance_runs(&self) -> Result<usize, StoreError> {
        let text = "SELECT r.id, r.schedule_id, j.status, j.error_code, j.error_message, j.version_row \
                    FROM schedule_runs r JOIN jobs j ON j.id = r.job_id \
                    WHERE r.state IN (0, 1) AND r.state = 0 AND j.status IN (2, 3, 4) ORDER BY r.id LIMIT 200";
        let db = self.0.db.read();
        let rows = db.query_all_raw(db::sql(db, text, Vec::new())).await?;
        for row in &rows {
            let ended = Ended::read(row)?;
            if let Err(error) = self.end_run(&ended).await {
                tracing::warn!(run.id = %ended.run, %error, "a run could not be ended; trying again");
            }
        }
        Ok(rows.len())
    }

    async fn end_run(&self, ended: &Ended) -> Result<(), StoreError> {
        let txn = self.0.db.begin().await?;
        let row = schedules::Entity::find_by_id(ended.schedule.0).one(&txn).await?;
        let schedule = row.filter(|row| row.deleted_at.is_none()).map(ScheduleRecord::try_from).transpose()?;
        let promotion = match (&schedule, ended.version_row) {
            (Some(schedule), Some(row)) if ended.status == JobStatus::Succeeded => {
                self.promotion_of(&txn, schedule, row).await
            }
            _ => Ok(None),
        };
        let (promotion, state, error) = match promotion {
            Ok(Some(promotion)) => (Some(promotion), RunState::Comparing, None),
            Ok(None) => (None, ended.state(), ended.error.clone().filter(|_| ended.status != JobStatus::Succeeded)),
            // The version is there; that it could not be compared is to be seen.
            Err(error) => (None, RunState::Failed, Some(refused(error)?)),
        };
        let finished = (state != RunState::Comparing).then(|| self.now().micros());
        let text = "UPDATE schedule_runs SET state = $2, promotion_id = $3, error_code = $4, error_message = $5, \
                    finished_at = $6 WHERE id = $1 AND state = 0";
        let values = vec![
            ended.run.0.into(),
            state.number().into(),
            sea_orm::Value::Uuid(promotion.map(Into::into)),
            error.as_ref().map(|error| error.code.clone()).into(),
            error.map(|error| error.message).into(),
            finished.into(),
        ];
        // Where another server was first, its promotion stands and this one is rolled back.
        if txn.execute_raw(db::sql(&txn, text, values)).await?.rows_affected() == 1 {
            txn.commit().await?;
        }
        Ok(())
    }

    /// The comparison that a schedule wants for what it has trained.
    async fn promotion_of(
        &self,
        txn: &DatabaseTransaction,
        schedule: &ScheduleRecord,
        version_row: i64,
    ) -> Result<Option<PromotionId>, StoreError> {
        let Some(rule) = &schedule.promote else { return Ok(None) };
        let new = NewPromotion { version_row, rule, owner: schedule.owner, schedule: Some(schedule.id) };
        Ok(Some(self.insert_promotion(txn, schedule.project, &new).await?))
    }
}
