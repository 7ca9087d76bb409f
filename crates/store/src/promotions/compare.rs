//! One step of a comparison: measure, wait for evaluations, decide.

use nunatak_domain::{JobId, PromotionId, PromotionState, VersionId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Value, entity::prelude::Uuid};
use serde_json::json;

use super::{PromotionRecord, judge::judge, measure::Measured};
use crate::{
    Store, StoreError,
    aliases::{Why, alias_target},
    db,
    schedules::Rights,
};

/// An alias that others move this often while two versions are compared is left to them.
const MAX_ROUNDS: i32 = 5;

/// What one step came to.
enum Outcome {
    Promote(String),
    Keep(String),
    Wait(Vec<JobId>),
}

impl Store {
    /// Goes on with all comparisons that wait for nothing any more.
    pub(crate) async fn decide_promotions(&self) -> Result<usize, StoreError> {
        let text = "SELECT p.id FROM promotions p WHERE p.state = 0 AND NOT EXISTS (SELECT 1 FROM jobs j \
                    WHERE (j.id = p.candidate_job OR j.id = p.incumbent_job) AND j.status IN (0, 1)) \
                    ORDER BY p.id LIMIT 100";
        let db = self.0.db.read();
        let rows = db.query_all_raw(db::sql(db, text, Vec::new())).await?;
        for row in &rows {
            let id: PromotionId = row.try_get::<Uuid>("", "id")?.into();
            if let Err(error) = self.step_promotion(id).await {
                tracing::warn!(promotion.id = %id, %error, "a comparison could not go on; trying again");
            }
        }
        Ok(rows.len())
    }

    /// Measures, and decides if both values are there. The owner's rights are asked at this very moment.
    pub(super) async fn step_promotion(&self, id: PromotionId) -> Result<(), StoreError> {
        let read = self.promotion_in(self.0.db.read(), id).await?;
        let rights = self.rights_of(read.owner, read.project, true).await?;
        let txn = self.0.db.begin().await?;
        // Whoever moves the model's aliases waits, and so does another server with the same comparison.
        self.lock_model(&txn, read.model).await?;
        let mut promotion = self.promotion_in(&txn, id).await?;
        if promotion.state != PromotionState::Comparing || waits(&txn, &promotion).await? {
            return Ok(());
        }
        let outcome = match &rights {
            Ok(rights) => self.compare(&txn, rights, &mut promotion).await?,
            Err(reason) => Outcome::Keep(reason.clone()),
        };
        let jobs = match (outcome, &rights) {
            (Outcome::Wait(jobs), _) => {
                save(&txn, &promotion, None).await?;
                jobs
            }
            (Outcome::Promote(reason), Ok(rights)) => {
                self.promote_candidate(&txn, rights, &promotion, &reason).await?;
                self.settle_promotion(&txn, promotion, PromotionState::Promoted, reason).await?;
                Vec::new()
            }
            (Outcome::Promote(reason) | Outcome::Keep(reason), _) => {
                self.settle_promotion(&txn, promotion, PromotionState::Kept, reason).await?;
                Vec::new()
            }
        };
        txn.commit().await?;
        for job in &jobs {
            self.job_changed(*job, read.project);
            self.job_queued(read.project);
        }
        match (rights, read.schedule) {
            (Err(reason), Some(schedule)) => self.suspend(schedule, &reason).await,
            _ => Ok(()),
        }
    }

    async fn compare(
        &self,
        txn: &DatabaseTransaction,
        rights: &Rights,
        promotion: &mut PromotionRecord,
    ) -> Result<Outcome, StoreError> {
        let alias = promotion.alias.clone();
        if !is_there(txn, promotion.candidate_row).await? {
            return Ok(Outcome::Keep("the version was deleted meanwhile".to_owned()));
        }
        let incumbent = match alias_target(txn, promotion.model, &alias).await? {
            None => {
                forget_incumbent(promotion, None);
                return Ok(Outcome::Promote(format!("there was no `{alias}`")));
            }
            Some(row) if row == promotion.candidate_row => {
                return Ok(Outcome::Keep(format!("`{alias}` names this version already")));
            }
            Some(row) => row,
        };
        if promotion.incumbent_row != Some(incumbent) {
            promotion.rounds += i32::from(promotion.incumbent_row.is_some());
            forget_incumbent(promotion, Some(incumbent));
            if promotion.rounds > MAX_ROUNDS {
                return Ok(Outcome::Keep(format!("`{alias}` was moved {MAX_ROUNDS} times while it was compared")));
            }
        }
        if !promotion.evaluated
            && let Some((candidate, value)) = self.trained_values(txn, promotion, incumbent).await?
        {
            return Ok(decide(promotion, candidate, value));
        }
        promotion.evaluated = true;
        Ok(match self.evaluated_values(txn, rights, promotion, incumbent).await? {
            Measured::Both { candidate, incumbent } => decide(promotion, candidate, incumbent),
            Measured::Not(reason) => Outcome::Keep(reason),
            Measured::Wanted { candidate, incumbent } => {
                promotion.candidate_job = candidate.or(promotion.candidate_job);
                promotion.incumbent_job = incumbent.or(promotion.incumbent_job);
                Outcome::Wait(candidate.into_iter().chain(incumbent).collect())
            }
        })
    }

    async fn promote_candidate(
        &self,
        txn: &DatabaseTransaction,
        rights: &Rights,
        promotion: &PromotionRecord,
        reason: &str,
    ) -> Result<(), StoreError> {
        let permit = rights.promote()?;
        let why = Why { reason: Some(reason), promotion: Some(promotion.id) };
        let (model, alias) = (promotion.model, &promotion.alias);
        self.move_alias_in(txn, model, alias, promotion.candidate_row, permit.user(), why).await?;
        let text = "SELECT id, number FROM versions WHERE row_id = $1";
        let row = txn.query_one_raw(db::sql(txn, text, vec![promotion.candidate_row.into()])).await?;
        let row = row.ok_or(StoreError::NotFound("version"))?;
        let (id, number): (Uuid, i64) = (row.try_get("", "id")?, row.try_get("", "number")?);
        let detail = json!({ "alias": alias, "model": model, "number": number, "reason": reason,
            "promotion": promotion.id, "schedule": promotion.schedule });
        self.audit(txn, permit, VersionId(id), detail).await
    }

    /// Ends the comparison, and the run that waits for it.
    async fn settle_promotion(
        &self,
        txn: &DatabaseTransaction,
        promotion: PromotionRecord,
        state: PromotionState,
        reason: String,
    ) -> Result<(), StoreError> {
        let now = self.now().micros();
        let promotion = PromotionRecord { state, reason, ..promotion };
        save(txn, &promotion, Some(now)).await?;
        let text = "UPDATE schedule_runs SET state = 2, finished_at = $2 WHERE promotion_id = $1 AND state = 1";
        txn.execute_raw(db::sql(txn, text, vec![promotion.id.0.into(), now.into()])).await?;
        Ok(())
    }
}

/// What was measured of the version that was in place says nothing of another one.
fn forget_incumbent(promotion: &mut PromotionRecord, incumbent: Option<i64>) {
    promotion.incumbent_row = incumbent;
    promotion.incumbent_job = None;
}

fn decide(promotion: &mut PromotionRecord, candidate: f64, incumbent: f64) -> Outcome {
    (promotion.candidate_value, promotion.incumbent_value) = (candidate, incumbent);
    let (metric, least) = (promotion.metric.as_str(), promotion.min_improvement);
    let verdict = judge(metric, promotion.direction, candidate, incumbent, least);
    if verdict.better { Outcome::Promote(verdict.reason) } else { Outcome::Keep(verdict.reason) }
}

/// Whether one of its evaluations is not over.
async fn waits(txn: &DatabaseTransaction, promotion: &PromotionRecord) -> Result<bool, StoreError> {
    let text = "SELECT 1 AS one FROM jobs WHERE id IN ($1, $2) AND status IN (0, 1)";
    let id = |job: Option<JobId>| Value::Uuid(job.map(Into::into));
    let values = vec![id(promotion.candidate_job), id(promotion.incumbent_job)];
    Ok(txn.query_one_raw(db::sql(txn, text, values)).await?.is_some())
}

async fn is_there(txn: &DatabaseTransaction, row: i64) -> Result<bool, StoreError> {
    let text = "SELECT 1 AS one FROM versions WHERE row_id = $1 AND deleted_at IS NULL";
    Ok(txn.query_one_raw(db::sql(txn, text, vec![row.into()])).await?.is_some())
}

async fn save(txn: &DatabaseTransaction, promotion: &PromotionRecord, decided: Option<i64>) -> Result<(), StoreError> {
    let text = "UPDATE promotions SET evaluated = $2, incumbent_row = $3, candidate_job = $4, incumbent_job = $5, \
                candidate_value = $6, incumbent_value = $7, state = $8, reason = $9, rounds = $10, decided_at = $11 \
                WHERE id = $1";
    // SQLite keeps no NaN: NULL stands for it.
    let number = |value: f64| Value::Double((!value.is_nan()).then_some(value));
    let values = vec![
        promotion.id.0.into(),
        promotion.evaluated.into(),
        promotion.incumbent_row.into(),
        Value::Uuid(promotion.candidate_job.map(Into::into)),
        Value::Uuid(promotion.incumbent_job.map(Into::into)),
        number(promotion.candidate_value),
        number(promotion.incumbent_value),
        promotion.state.number().into(),
        promotion.reason.as_str().into(),
        promotion.rounds.into(),
        decided.into(),
    ];
    txn.execute_raw(db::sql(txn, text, values)).await?;
    Ok(())
}
