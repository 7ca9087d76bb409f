//! One firing: taken, and its job queued, in one transaction.

use nunatak_domain::{DatasetVersionId, JobKind, Problem, RunState, ScheduleId, ScheduleRunId, ScheduleState};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait};
use serde_json::json;

use super::{
    Data, FiringCause, Rights, RunError, RunRecord, ScheduleRecord, Task, Trigger,
    check::{aliased, dataset_version},
    to_text,
};
use crate::{
    IdempotencyKey, Store, StoreError, db,
    entities::schedule_runs,
    jobs::{ApplyRequest, Cause, JobRecord},
    scope,
};

/// Why a schedule fires, and what it remembers of it.
pub(super) struct Firing {
    pub(super) cause: FiringCause,
    pub(super) next_fire_at: Option<i64>,
    pub(super) seen_number: Option<i64>,
    pub(super) armed: bool,
    pub(super) watched_row: Option<i64>,
}

impl Firing {
    /// With nothing to remember but that it fired.
    pub(super) fn of(schedule: &ScheduleRecord, cause: FiringCause) -> Self {
        Self {
            cause,
            next_fire_at: schedule.next_fire_at.map(|at| at.micros()),
            seen_number: schedule.seen_number,
            armed: schedule.armed,
            watched_row: schedule.watched_row,
        }
    }
}

impl Store {
    /// Does a schedule's work now, paused or not, in its owner's name.
    ///
    /// # Errors
    /// `SUSPENDED`, `RUNNING`.
    pub async fn run_schedule_now(
        &self,
        rights: &Rights,
        schedule: &ScheduleRecord,
        key: Option<&IdempotencyKey>,
    ) -> Result<RunRecord, StoreError> {
        if let Some(id) = self.replayed(self.0.db.read(), &rights.train, "runScheduleNow", key).await? {
            return self.run_in(self.0.db.read(), id.into()).await;
        }
        let refuse = |code, message: &str| StoreError::from(Problem::new(code, message).at("schedule"));
        let suspended = "this schedule is suspended; resume it first";
        if schedule.state == ScheduleState::Suspended {
            return Err(refuse("SUSPENDED", suspended));
        }
        let owners = match self.rights_of(schedule.owner, schedule.project, schedule.promote.is_some()).await? {
            Ok(owners) => owners,
            Err(reason) => {
                self.suspend(schedule.id, &reason).await?;
                return Err(refuse("SUSPENDED", suspended));
            }
        };
        let firing = Firing::of(schedule, FiringCause::Manual(rights.train.user()));
        let txn = self.0.db.begin().await?;
        if !self.take_firing(&txn, schedule, &firing).await? {
            return Err(refuse("CONFLICT", "this schedule was changed or has fired just now; look at it again"));
        }
        if self.open_run(&txn, schedule.id).await? {
            return Err(refuse("RUNNING", "its last run is not over; wait for it, or cancel its job"));
        }
        let (id, job) = self.begin_run(&txn, &owners, schedule, &firing.cause).await?;
        self.remember(&txn, &rights.train, "runScheduleNow", key, id.0).await?;
        self.audit(&txn, &rights.train, schedule.id, json!({ "schedule": "run", "run": id })).await?;
        let run = self.run_in(&txn, id).await?;
        txn.commit().await?;
        self.tell_of_run(job);
        Ok(run)
    }

    /// Fires a schedule, unless somebody changed or fired it since it was read. False then.
    pub(super) async fn fire(&self, schedule: &ScheduleRecord, firing: Firing) -> Result<bool, StoreError> {
        let rights = self.rights_of(schedule.owner, schedule.project, schedule.promote.is_some()).await?;
        let rights = match rights {
            Ok(rights) => rights,
            Err(reason) => {
                self.suspend(schedule.id, &reason).await?;
                return Ok(true);
            }
        };
        let txn = self.0.db.begin().await?;
        if !self.take_firing(&txn, schedule, &firing).await? {
            return Ok(false);
        }
        let job = match self.open_run(&txn, schedule.id).await? {
            true => self.skip(&txn, schedule, &firing.cause).await?,
            false => self.begin_run(&txn, &rights, schedule, &firing.cause).await?.1,
        };
        txn.commit().await?;
        self.tell_of_run(job);
        Ok(true)
    }

    fn tell_of_run(&self, job: Option<JobRecord>) {
        if let Some(job) = job {
            self.job_changed(job.id, job.project);
            self.job_queued(job.project);
        }
    }

    /// Notes the firing, where the schedule is as it was read: of several servers one gets it.
    pub(super) async fn take_firing(
        &self,
        txn: &DatabaseTransaction,
        schedule: &ScheduleRecord,
        firing: &Firing,
    ) -> Result<bool, StoreError> {
        let text = "UPDATE schedules SET revision = revision + 1, next_fire_at = $3, seen_number = $4, armed = $5, \
                    watched_row = $6, last_fired_at = $7 WHERE id = $1 AND revision = $2 AND deleted_at IS NULL";
        let values = vec![
            schedule.id.0.into(),
            schedule.revision.into(),
            firing.next_fire_at.into(),
            firing.seen_number.into(),
            firing.armed.into(),
            firing.watched_row.into(),
            self.now().micros().into(),
        ];
        Ok(txn.execute_raw(db::sql(txn, text, values)).await?.rows_affected() == 1)
    }

    async fn open_run(&self, txn: &DatabaseTransaction, schedule: ScheduleId) -> Result<bool, StoreError> {
        let text = "SELECT 1 AS one FROM schedule_runs WHERE schedule_id = $1 AND state IN (0, 1)";
        Ok(txn.query_one_raw(db::sql(txn, text, vec![schedule.0.into()])).await?.is_some())
    }

    /// Notes that it was passed over, because the run before is not over: one note for all in a row.
    async fn skip(
        &self,
        txn: &DatabaseTransaction,
        schedule: &ScheduleRecord,
        cause: &FiringCause,
    ) -> Result<Option<JobRecord>, StoreError> {
        let text = "UPDATE schedule_runs SET times = times + 1, cause = $2, finished_at = $3 WHERE state = 5 AND id = \
                    (SELECT id FROM schedule_runs WHERE schedule_id = $1 ORDER BY id DESC LIMIT 1)";
        let values = vec![schedule.id.0.into(), to_text(cause)?.into(), self.now().micros().into()];
        if txn.execute_raw(db::sql(txn, text, values)).await?.rows_affected() == 0 {
            let message = "the run before was not over; a schedule has one at a time".to_owned();
            let error = RunError { code: "OVERLAP".to_owned(), message };
            self.insert_run(txn, schedule, cause, RunState::Skipped, (None, Some(error))).await?;
        }
        Ok(None)
    }

    /// Queues the work. Where that is refused, the run has failed and says why.
    async fn begin_run(
        &self,
        txn: &DatabaseTransaction,
        rights: &Rights,
        schedule: &ScheduleRecord,
        cause: &FiringCause,
    ) -> Result<(ScheduleRunId, Option<JobRecord>), StoreError> {
        let (state, job, error) = match self.queue_task(txn, rights, schedule, cause).await {
            Ok(job) => (RunState::Running, Some(job), None),
            Err(error) => (RunState::Failed, None, Some(refused(error)?)),
        };
        let id = self.insert_run(txn, schedule, cause, state, (job.as_ref(), error)).await?;
        Ok((id, job))
    }

    async fn queue_task(
        &self,
        txn: &DatabaseTransaction,
        rights: &Rights,
        schedule: &ScheduleRecord,
        cause: &FiringCause,
    ) -> Result<JobRecord, StoreError> {
        let (_, project) = scope::project_of(&rights.train)?;
        let dataset = match arrived(schedule, cause) {
            Some(version) => version,
            None => dataset_version(txn, schedule.task.data(), project).await?,
        };
        let cause = Cause { schedule: Some(schedule.id), ..Cause::default() };
        match &schedule.task {
            Task::Train(task) => self.queue_training(txn, &rights.train, &task.request(dataset), cause).await,
            Task::Predict(task) => {
                let request = ApplyRequest::new(aliased(txn, task).await?, dataset);
                let request = ApplyRequest { priority: task.priority, ..request };
                self.queue_application(txn, &rights.predict, &request, JobKind::Predict, cause).await
            }
        }
    }

    async fn insert_run(
        &self,
        txn: &DatabaseTransaction,
        schedule: &ScheduleRecord,
        cause: &FiringCause,
        state: RunState,
        (job, error): (Option<&JobRecord>, Option<RunError>),
    ) -> Result<ScheduleRunId, StoreError> {
        let now = self.now();
        let id = ScheduleRunId::new(now);
        let row = schedule_runs::ActiveModel {
            id: Set(id.0),
            schedule_id: Set(schedule.id.0),
            project_id: Set(schedule.project.0),
            state: Set(state.number()),
            cause: Set(to_text(cause)?),
            times: Set(1),
            job_id: Set(job.map(|job| job.id.0)),
            promotion_id: Set(None),
            error_code: Set(error.as_ref().map(|error| error.code.clone())),
            error_message: Set(error.map(|error| error.message)),
            fired_at: Set(now.micros()),
            finished_at: Set((state != RunState::Running).then_some(now.micros())),
        };
        row.insert(txn).await?;
        Ok(id)
    }

    async fn run_in(&self, db: &impl ConnectionTrait, id: ScheduleRunId) -> Result<RunRecord, StoreError> {
        let row = schedule_runs::Entity::find_by_id(id.0).one(db).await?;
        row.ok_or(StoreError::NotFound("run"))?.try_into()
    }
}

/// The version that it fired for, where the work is on this dataset: none in between is taken twice.
fn arrived(schedule: &ScheduleRecord, cause: &FiringCause) -> Option<DatasetVersionId> {
    match (cause, &schedule.trigger, schedule.task.data()) {
        (FiringCause::Dataset(version), Trigger::Dataset(watched), Data::Newest(used)) if *watched == used => {
            Some(*version)
        }
        _ => None,
    }
}

/// What a run says of work that was refused; faults go on.
pub(super) fn refused(error: StoreError) -> Result<RunError, StoreError> {
    match error {
        StoreError::Invalid(problems) => {
            let code = problems.first().map_or("INVALID_INPUT", |problem| problem.code).to_owned();
            let messages: Vec<_> = problems.into_iter().map(|problem| problem.message).collect();
            Ok(RunError { code, message: messages.join("; ") })
        }
        StoreError::NotFound(what) => {
            Ok(RunError { code: "NOT_FOUND".to_owned(), message: format!("the {what} is not there any more") })
        }
        fault => Err(fault),
    }
}
