//! The end of a sweep: what waits is cancelled at once, what runs is asked to stop; when the last runner has heard it,
//! the sweep is over.

use nunatak_authz::{Action, Actor, Permit};
use nunatak_domain::{JobId, Problem, SweepId, SweepStatus, TrialStatus};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Value, entity::prelude::Uuid};
use serde_json::json;

use super::{
    SweepRecord,
    advance::{Rights, Told, locked},
    decide::Ending,
};
use crate::{Store, StoreError, db, scope};

impl Store {
    /// The permit to cancel a sweep.
    ///
    /// # Errors
    /// `NotFound` where the actor does not see the sweep, [`StoreError::Denied`] where it may only look.
    pub async fn cancel_sweep_permit(&self, actor: &Actor, id: SweepId) -> Result<Permit, StoreError> {
        let sweep = self.sweeps_by_ids(actor, &[id]).await?.remove(&id).ok_or(StoreError::NotFound("sweep"))?;
        self.project_permit(actor, Action::CancelJobs, sweep.project).await
    }

    /// Begins no more trials, ends those that wait, and asks the runners of those that run to stop. Nothing is
    /// promoted. Cancelling twice is fine.
    ///
    /// # Errors
    /// `FINISHED` for a sweep that has ended otherwise.
    pub async fn cancel_sweep(&self, permit: &Permit, id: SweepId) -> Result<SweepRecord, StoreError> {
        scope::require(permit, Action::CancelJobs)?;
        let (_, project) = scope::project_of(permit)?;
        let txn = self.0.db.begin().await?;
        let Some(sweep) = locked(&txn, id).await?.filter(|sweep| sweep.project == project) else {
            let sweep = self.sweep_in(&txn, id).await?;
            return match sweep.status {
                _ if sweep.project != project => Err(StoreError::NotFound("sweep")),
                SweepStatus::Cancelled => Ok(sweep),
                _ => Err(Problem::new("FINISHED", "this sweep has ended; there is nothing to cancel").at("id").into()),
            };
        };
        if sweep.ending.is_some() {
            return Ok(sweep);
        }
        let mut told = Told { sweep: id, project, changed: true, jobs: Vec::new() };
        let ending = Ending::new(SweepStatus::Cancelled, "CANCELLED", "somebody cancelled it".to_owned());
        let rights = Rights { train: None, promote: None };
        self.settle(&txn, &sweep).await?;
        self.begin_to_end(&txn, &sweep, &ending, &rights, &mut told).await?;
        self.audit(&txn, permit, id, json!({ "sweep": "cancelled" })).await?;
        let sweep = self.sweep_in(&txn, id).await?;
        txn.commit().await?;
        self.tell(&told);
        Ok(sweep)
    }

    /// Notes how it will end, and stops what is under way.
    pub(super) async fn begin_to_end(
        &self,
        txn: &DatabaseTransaction,
        sweep: &SweepRecord,
        ending: &Ending,
        rights: &Rights,
        told: &mut Told,
    ) -> Result<(), StoreError> {
        let now = self.now().micros();
        let text = "UPDATE jobs SET cancel_requested = TRUE, \
            status = CASE WHEN status = 0 THEN 4 ELSE status END, \
            finished_at = CASE WHEN status = 0 THEN $2 ELSE finished_at END \
            WHERE sweep_id = $1 AND status IN (0, 1) RETURNING id";
        for row in txn.query_all_raw(db::sql(txn, text, vec![sweep.id.0.into(), now.into()])).await? {
            told.jobs.push(JobId(row.try_get::<Uuid>("", "id")?));
        }
        let text = "UPDATE trials SET status = $2, finished_at = $3 WHERE sweep_id = $1 AND status = $4";
        let (skipped, planned) = (TrialStatus::Skipped.number(), TrialStatus::Planned.number());
        let values = vec![sweep.id.0.into(), skipped.into(), now.into(), planned.into()];
        txn.execute_raw(db::sql(txn, text, values)).await?;
        self.settle(txn, sweep).await?;
        let text = "UPDATE sweeps SET ending = $2, end_code = $3, end_message = $4 WHERE id = $1";
        let (code, message) = (ending.code.map(str::to_owned), ending.message.clone());
        let values =
            vec![sweep.id.0.into(), ending.status.number().into(), Value::String(code), Value::String(message)];
        txn.execute_raw(db::sql(txn, text, values)).await?;
        let sweep = SweepRecord { ending: Some(ending.status), ..sweep.clone() };
        self.end_if_over(txn, &sweep, rights, told).await
    }

    /// Ends it where nothing is at work any more; what has earned the alias gets it with the end.
    pub(super) async fn end_if_over(
        &self,
        txn: &DatabaseTransaction,
        sweep: &SweepRecord,
        rights: &Rights,
        told: &mut Told,
    ) -> Result<(), StoreError> {
        let Some(status) = sweep.ending else { return Ok(()) };
        let text = "SELECT 1 AS one FROM trials WHERE sweep_id = $1 AND status = 0 LIMIT 1";
        if txn.query_one_raw(db::sql(txn, text, vec![sweep.id.0.into()])).await?.is_some() {
            return Ok(());
        }
        if matches!(status, SweepStatus::Succeeded | SweepStatus::Stopped) {
            self.promote_best(txn, sweep, rights, true).await?;
        }
        let text = "UPDATE sweeps SET status = $2, ending = NULL, finished_at = $3 WHERE id = $1";
        let values = vec![sweep.id.0.into(), status.number().into(), self.now().micros().into()];
        txn.execute_raw(db::sql(txn, text, values)).await?;
        told.changed = true;
        tracing::info!(sweep.id = %sweep.id, sweep.status = ?status, "sweep ended");
        Ok(())
    }
}
