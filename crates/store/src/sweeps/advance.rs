//! Going on: what ended is settled, what comes next is done, in one transaction that holds the sweep's row.

use std::time::Duration;

use nunatak_authz::{Action, Permit};
use nunatak_domain::{JobId, Name, ProjectId, SweepId, SweepStatus, TrialStatus, UserId};
use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait, QuerySelect, Value as Sql, entity::prelude::Uuid};
use serde_json::{Map, Value};

use super::{
    Plan, SweepRecord,
    decide::{Ending, Judge, Next, Survivor, next},
    start::{insert_trials, resource},
    trials::{NewTrial, standings},
};
use crate::{
    Listener, Store, StoreError, db,
    entities::sweeps,
    jobs::{Cause, TrainRequest, job_event},
    versions::sql::Binds,
};

/// What the user who asked for a sweep may do now.
#[derive(Debug)]
pub(super) struct Rights {
    pub(super) train: Option<Permit>,
    pub(super) promote: Option<Permit>,
}

/// What is to be told once the transaction is committed.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) sweep: SweepId,
    pub(super) project: ProjectId,
    pub(super) changed: bool,
    pub(super) jobs: Vec<JobId>,
}

/// A pass stays short; the next one takes the rest.
const ADVANCED_AT_ONCE: u32 = 100;
/// Budgets of time are noticed within this time, and what another server did while its events are not heard.
const TICK: Duration = Duration::from_secs(1);
/// Every progress report of every job is an event: sweeps look at most this often.
const PAUSE: Duration = Duration::from_millis(100);

impl Rights {
    pub(super) fn given(train: &Permit, promote: Option<&Permit>) -> Self {
        Self { train: Some(train.clone()), promote: promote.cloned() }
    }
}

impl Store {
    /// Returns when a sweep may have something to do: something happened to a job, or a second went by.
    pub async fn wait_for_sweeps(&self, events: &mut Listener) {
        tokio::time::sleep(PAUSE).await;
        // Time is up: look all the same.
        let _ = tokio::time::timeout(TICK, job_event(events)).await;
    }

    /// Goes on with every sweep that can. Answers how many; one that fails is told to the log and tried again with the
    /// next call. To be called whenever jobs have ended, and every second or so.
    ///
    /// # Errors
    /// Database.
    pub async fn advance_sweeps(&self) -> Result<usize, StoreError> {
        let due = self.due_sweeps().await?;
        for (id, project, user) in &due {
            if let Err(error) = self.advance_sweep(*id, *project, *user).await {
                tracing::warn!(sweep.id = %id, %error, "a sweep could not go on; trying again");
            }
        }
        Ok(due.len())
    }

    /// Those with a trial that is over but not settled, with none at work, or with no time left.
    async fn due_sweeps(&self) -> Result<Vec<(SweepId, ProjectId, UserId)>, StoreError> {
        let at_work = "SELECT 1 FROM trials t JOIN jobs j ON j.id = t.job_id WHERE t.sweep_id = s.id AND t.status = 0";
        let text = format!(
            "SELECT s.id, s.project_id, s.created_by FROM sweeps s WHERE s.status = 0 AND \
             ((s.ending IS NULL AND s.deadline <= $1) OR EXISTS ({at_work} AND j.status IN (2, 3, 4)) \
             OR NOT EXISTS ({at_work})) ORDER BY s.id LIMIT {ADVANCED_AT_ONCE}"
        );
        let db = self.0.db.read();
        let rows = db.query_all_raw(db::sql(db, &text, vec![self.now().micros().into()])).await?;
        let due = |row: &sea_orm::QueryResult| {
            let (id, project): (Uuid, Uuid) = (row.try_get("", "id")?, row.try_get("", "project_id")?);
            Ok((id.into(), project.into(), row.try_get::<Uuid>("", "created_by")?.into()))
        };
        rows.iter().map(due).collect()
    }

    async fn advance_sweep(&self, id: SweepId, project: ProjectId, user: UserId) -> Result<(), StoreError> {
        // Before the transaction, which may not wait for another connection.
        let rights = self.rights(project, user).await?;
        let told = db::again(|| async {
            let txn = self.0.db.begin().await?;
            let Some(sweep) = locked(&txn, id).await? else { return Ok(None) };
            let told = self.go_on(&txn, &sweep, &rights).await?;
            txn.commit().await?;
            Ok(Some(told))
        });
        if let Some(told) = told.await? {
            self.tell(&told);
        }
        Ok(())
    }

    async fn rights(&self, project: ProjectId, user: UserId) -> Result<Rights, StoreError> {
        let Some(actor) = self.actor_of(user).await? else { return Ok(Rights { train: None, promote: None }) };
        let permit = async |action| match self.project_permit(&actor, action, project).await {
            Ok(permit) => Ok(Some(permit)),
            Err(StoreError::NotFound(_) | StoreError::Denied(_)) => Ok(None),
            Err(error) => Err(error),
        };
        Ok(Rights { train: permit(Action::Train).await?, promote: permit(Action::PromoteVersions).await? })
    }

    pub(super) fn tell(&self, told: &Told) {
        for job in &told.jobs {
            self.job_changed(*job, told.project);
            self.job_queued(told.project);
        }
        if told.changed {
            self.sweep_changed(told.sweep, told.project);
        }
    }

    /// One step after the other until trials have to end first. The sweep's row is this transaction's.
    pub(super) async fn go_on(
        &self,
        txn: &DatabaseTransaction,
        sweep: &SweepRecord,
        rights: &Rights,
    ) -> Result<Told, StoreError> {
        let settled = self.settle(txn, sweep).await?;
        let mut told = Told { sweep: sweep.id, project: sweep.project, changed: settled, jobs: Vec::new() };
        if sweep.ending.is_some() {
            self.end_if_over(txn, sweep, rights, &mut told).await?;
            return Ok(told);
        }
        let judge = Judge { metric: &sweep.metric, direction: sweep.direction };
        let deadline = sweep.plan.budget.max_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let over_time = deadline.is_some_and(|budget| sweep.created_at.plus(budget) <= self.now());
        let ending = loop {
            let Some(permit) = &rights.train else { break Some(no_rights()) };
            match next(&sweep.plan, judge, &standings(txn, sweep.id).await?, over_time) {
                Next::Wait => break None,
                Next::End(ending) => break Some(ending),
                Next::Queue(numbers) => self.queue_trials(txn, permit, sweep, &numbers, &mut told).await?,
                Next::Promote(survivors) => add_rung(txn, sweep, &survivors).await?,
            }
            told.changed = true;
        };
        match ending {
            Some(ending) => self.begin_to_end(txn, sweep, &ending, rights, &mut told).await?,
            None if settled => self.promote_early(txn, sweep, rights).await?,
            None => {}
        }
        Ok(told)
    }

    /// Takes over how jobs ended. A failed one that was retried by hand counts, should it succeed in time.
    pub(super) async fn settle(&self, txn: &DatabaseTransaction, sweep: &SweepRecord) -> Result<bool, StoreError> {
        let text = "UPDATE trials SET status = j.status, version_row = j.version_row, \
            finished_at = COALESCE(j.finished_at, $2), \
            score = (SELECT m.last FROM metrics m JOIN keys k ON k.id = m.key_id \
            WHERE m.version_row = j.version_row AND k.kind = 2 AND k.name = $3) \
            FROM jobs j WHERE trials.sweep_id = $1 AND j.id = trials.job_id AND j.status IN (2, 3, 4) \
            AND trials.status IN (0, 3, 4) AND trials.status <> j.status";
        let values = vec![sweep.id.0.into(), self.now().micros().into(), sweep.metric.as_str().into()];
        Ok(txn.execute_raw(db::sql(txn, text, values)).await?.rows_affected() > 0)
    }

    async fn queue_trials(
        &self,
        txn: &DatabaseTransaction,
        permit: &Permit,
        sweep: &SweepRecord,
        numbers: &[i32],
        told: &mut Told,
    ) -> Result<(), StoreError> {
        for trial in stored(txn, sweep.id, numbers).await? {
            let request = request(&sweep.plan, &trial)?;
            let cause = Cause { sweep: Some(sweep.id), ..Cause::default() };
            match self.queue_training(txn, permit, &request, cause).await {
                Ok(job) => {
                    let text = "UPDATE trials SET status = 0, job_id = $3 WHERE sweep_id = $1 AND number = $2";
                    let values = vec![sweep.id.0.into(), trial.number.into(), job.id.0.into()];
                    txn.execute_raw(db::sql(txn, text, values)).await?;
                    told.jobs.push(job.id);
                }
                // Refused before anything was written: the trial is one that failed.
                Err(error @ (StoreError::Invalid(_) | StoreError::NotFound(_))) => {
                    let code = error.problems().first().map_or("NOT_FOUND", |problem| problem.code);
                    let text = "UPDATE trials SET status = $3, error_code = $4, error_message = $5, finished_at = $6 \
                                WHERE sweep_id = $1 AND number = $2";
                    let failed = TrialStatus::Failed.number();
                    let mut values: Vec<Sql> = vec![sweep.id.0.into(), trial.number.into(), failed.into()];
                    values.extend([code.into(), error.to_string().into(), self.now().micros().into()]);
                    txn.execute_raw(db::sql(txn, text, values)).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn no_rights() -> Ending {
    let message = "the user who asked for it may no longer train in this project, or the project was deleted";
    Ending::new(SweepStatus::Failed, "FORBIDDEN", message.to_owned())
}

/// The sweep, held until the transaction ends; nothing where it has ended.
pub(super) async fn locked(txn: &DatabaseTransaction, id: SweepId) -> Result<Option<SweepRecord>, StoreError> {
    let row = sweeps::Entity::find_by_id(id.0).lock_exclusive().one(txn).await?;
    let running = row.filter(|row| row.status == SweepStatus::Running.number());
    running.map(SweepRecord::try_from).transpose()
}

fn request(plan: &Plan, trial: &NewTrial) -> Result<TrainRequest, StoreError> {
    let corrupt = || StoreError::Corrupt("a trial beyond its sweep's plan".to_owned());
    let target = plan.targets.get(trial.place).ok_or_else(corrupt)?;
    let detector = plan.detectors.get(trial.detector).ok_or_else(corrupt)?;
    let tags = plan.tags.iter().map(|tag| Name::parse(tag)).collect::<Result<_, _>>()?;
    Ok(TrainRequest {
        detector_version: detector.version.clone(),
        hyperparameters: plan.settings(trial.detector, &trial.chosen),
        seed: plan.seed,
        tags,
        priority: plan.priority,
        max_attempts: plan.max_attempts,
        ..TrainRequest::new(Name::parse(&target.model)?, &detector.name, target.dataset)
    })
}

/// What was written of these trials, by number.
async fn stored(txn: &DatabaseTransaction, sweep: SweepId, numbers: &[i32]) -> Result<Vec<NewTrial>, StoreError> {
    let mut binds = Binds::from(vec![sweep.0.into()]);
    let numbers = binds.list(numbers.iter().copied());
    let text = format!(
        "SELECT number, configuration, rung, place, detector, hyperparameters FROM trials \
         WHERE sweep_id = $1 AND number IN ({numbers}) ORDER BY number"
    );
    let rows = txn.query_all_raw(db::sql(txn, &text, binds.into_values())).await?;
    let trial = |row: &sea_orm::QueryResult| {
        let place =
            |column: &str| row.try_get::<i32>("", column).map(|place| usize::try_from(place).unwrap_or_default());
        let text: String = row.try_get("", "hyperparameters")?;
        let chosen: Map<String, Value> =
            serde_json::from_str(&text).map_err(|_| StoreError::Corrupt(format!("a trial of {sweep}")))?;
        Ok(NewTrial {
            number: row.try_get("", "number")?,
            configuration: row.try_get("", "configuration")?,
            rung: row.try_get("", "rung")?,
            place: place("place")?,
            detector: place("detector")?,
            chosen,
        })
    };
    rows.iter().map(trial).collect()
}

/// The survivors once more, with more of the resource.
async fn add_rung(txn: &DatabaseTransaction, sweep: &SweepRecord, survivors: &[Survivor]) -> Result<(), StoreError> {
    let numbers: Vec<i32> = survivors.iter().map(|survivor| survivor.of).collect();
    let parents = stored(txn, sweep.id, &numbers).await?;
    let last = standings(txn, sweep.id).await?.last().map_or(0, |trial| trial.number);
    let again = (last + 1..).zip(survivors).filter_map(|(number, survivor)| {
        let parent = parents.iter().find(|parent| parent.number == survivor.of)?;
        let mut chosen = parent.chosen.clone();
        chosen.extend(resource(&sweep.plan, usize::try_from(survivor.rung).ok()?));
        Some(NewTrial { number, rung: survivor.rung, chosen, ..parent.clone() })
    });
    insert_trials(txn, sweep.id, again.collect()).await
}
