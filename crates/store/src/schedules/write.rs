//! What people do to schedules. Who changes or resumes one answers for it from then on.

use nunatak_authz::{Action, Permit};
use nunatak_domain::{Name, Problem, ProjectId, ScheduleId, ScheduleState};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait};
use serde_json::json;

use super::{Definition, PromoteRule, Rights, ScheduleRecord, Task, Trigger, start::Start, to_text};
use crate::{IdempotencyKey, Store, StoreError, db, entities::schedules, scope};

/// What of a schedule is different from now on.
#[derive(Debug, Clone, Default)]
pub struct ScheduleChange {
    pub name: Option<Name>,
    pub task: Option<Task>,
    pub trigger: Option<Trigger>,
    /// `Some(None)`: it promotes nothing any more.
    pub promote: Option<Option<PromoteRule>>,
}

/// A pass over a project's schedules stays short.
const MAX_SCHEDULES: i64 = 200;

impl Store {
    /// Makes a schedule, in the name of whose rights these are.
    ///
    /// # Errors
    /// `TAKEN`, `INVALID_CRON`, `NEVER`, `LIMIT_EXCEEDED`, all that is wrong with the work: nothing is made then.
    pub async fn create_schedule(
        &self,
        rights: &Rights,
        definition: &Definition,
        key: Option<&IdempotencyKey>,
    ) -> Result<ScheduleRecord, StoreError> {
        let (_, project) = scope::project_of(&rights.train)?;
        if let Some(id) = self.replayed(self.0.db.read(), &rights.train, "createSchedule", key).await? {
            return self.schedule_in(self.0.db.read(), id.into()).await;
        }
        self.require_promote(rights, definition)?;
        self.check_definition(rights, definition).await?;
        let txn = self.0.db.begin().await?;
        self.check_room(&txn, project).await?;
        let start = self.start(&txn, &definition.trigger, project).await?;
        let id = ScheduleId::new(self.now());
        let row = self.new_row(id, rights, definition, &start)?.insert(&txn).await;
        row.map_err(|error| StoreError::taken(error, "a schedule with this name", "name"))?;
        self.remember(&txn, &rights.train, "createSchedule", key, id.0).await?;
        self.audit(&txn, &rights.train, id, json!({ "schedule": "created", "name": definition.name })).await?;
        txn.commit().await?;
        self.schedule_in(self.0.db.read(), id).await
    }

    /// Changes what a schedule does or when. A trigger that stays goes on from where it is.
    ///
    /// # Errors
    /// Those of [`Store::create_schedule`].
    pub async fn update_schedule(
        &self,
        rights: &Rights,
        schedule: ScheduleRecord,
        change: ScheduleChange,
    ) -> Result<ScheduleRecord, StoreError> {
        let name = match change.name {
            Some(name) => name,
            None => Name::parse(&schedule.name)?,
        };
        let definition = Definition {
            name,
            task: change.task.unwrap_or_else(|| schedule.task.clone()),
            trigger: change.trigger.unwrap_or_else(|| schedule.trigger.clone()),
            promote: change.promote.unwrap_or_else(|| schedule.promote.clone()),
        };
        self.require_promote(rights, &definition)?;
        self.check_definition(rights, &definition).await?;
        let txn = self.0.db.begin().await?;
        let text = "UPDATE schedules SET name = $2, task = $3, trigger_rule = $4, promote = $5, owner_id = $6, \
                    updated_at = $7, revision = revision + 1 WHERE id = $1 AND deleted_at IS NULL";
        let values = vec![
            schedule.id.0.into(),
            definition.name.as_str().into(),
            to_text(&definition.task)?.into(),
            to_text(&definition.trigger)?.into(),
            definition.promote.as_ref().map(to_text).transpose()?.into(),
            rights.train.user().0.into(),
            self.now().micros().into(),
        ];
        let done = txn.execute_raw(db::sql(&txn, text, values)).await;
        let done = done.map_err(|error| StoreError::taken(error, "a schedule with this name", "name"))?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("schedule"));
        }
        if definition.trigger != schedule.trigger {
            self.restart(&txn, schedule.id, &definition.trigger, schedule.project).await?;
        }
        self.audit(&txn, &rights.train, schedule.id, json!({ "schedule": "changed" })).await?;
        txn.commit().await?;
        self.schedule_in(self.0.db.read(), schedule.id).await
    }

    /// Keeps a schedule from firing until it is resumed. What has been fired goes on.
    ///
    /// # Errors
    /// `SUSPENDED` for one that does not fire already.
    pub async fn pause_schedule(&self, permit: &Permit, id: ScheduleId) -> Result<ScheduleRecord, StoreError> {
        scope::require(permit, Action::Train)?;
        let text = "UPDATE schedules SET state = 1, revision = revision + 1, updated_at = $2 \
                    WHERE id = $1 AND deleted_at IS NULL AND state <> 2";
        let txn = self.0.db.begin().await?;
        let values = vec![id.0.into(), self.now().micros().into()];
        if txn.execute_raw(db::sql(&txn, text, values)).await?.rows_affected() == 0 {
            let message = "this schedule is suspended: it does not fire until somebody resumes it";
            return Err(Problem::new("SUSPENDED", message).at("schedule").into());
        }
        self.audit(&txn, permit, id, json!({ "schedule": "paused" })).await?;
        txn.commit().await?;
        self.schedule_in(self.0.db.read(), id).await
    }

    /// Lets a paused or suspended schedule fire again, in the name of whose rights these are. What was missed
    /// meanwhile is not made up for.
    ///
    /// # Errors
    /// What is wrong with the work by now.
    pub async fn resume_schedule(
        &self,
        rights: &Rights,
        schedule: ScheduleRecord,
    ) -> Result<ScheduleRecord, StoreError> {
        if schedule.state == ScheduleState::Active {
            return Ok(schedule);
        }
        let txn = self.0.db.begin().await?;
        let text = "UPDATE schedules SET state = 0, suspended_because = NULL, owner_id = $2, updated_at = $3, \
                    revision = revision + 1 WHERE id = $1 AND deleted_at IS NULL";
        let values = vec![schedule.id.0.into(), rights.train.user().0.into(), self.now().micros().into()];
        txn.execute_raw(db::sql(&txn, text, values)).await?;
        self.restart(&txn, schedule.id, &schedule.trigger, schedule.project).await?;
        self.audit(&txn, &rights.train, schedule.id, json!({ "schedule": "resumed" })).await?;
        txn.commit().await?;
        self.schedule_in(self.0.db.read(), schedule.id).await
    }

    /// Takes a schedule away; its name is free again. Its runs, and what they made, stay.
    ///
    /// # Errors
    /// Database.
    pub async fn delete_schedule(&self, rights: &Rights, id: ScheduleId) -> Result<(), StoreError> {
        let txn = self.0.db.begin().await?;
        let text = "UPDATE schedules SET deleted_at = $2, revision = revision + 1 WHERE id = $1";
        txn.execute_raw(db::sql(&txn, text, vec![id.0.into(), self.now().micros().into()])).await?;
        self.audit(&txn, &rights.train, id, json!({ "schedule": "deleted" })).await?;
        Ok(txn.commit().await?)
    }

    /// The schedule as it is, whoever asks: after its rights.
    pub(super) async fn schedule_in(
        &self,
        db: &impl ConnectionTrait,
        id: ScheduleId,
    ) -> Result<ScheduleRecord, StoreError> {
        let row = schedules::Entity::find_by_id(id.0).one(db).await?;
        row.ok_or(StoreError::NotFound("schedule"))?.try_into()
    }

    /// A definition that promotes asks for the permit to.
    fn require_promote(&self, rights: &Rights, definition: &Definition) -> Result<(), StoreError> {
        match definition.promote {
            Some(_) => rights.promote().map(|_| ()),
            None => Ok(()),
        }
    }

    async fn check_room(&self, txn: &DatabaseTransaction, project: ProjectId) -> Result<(), StoreError> {
        let text = "SELECT COUNT(*) AS count FROM schedules WHERE project_id = $1 AND deleted_at IS NULL";
        let row = txn.query_one_raw(db::sql(txn, text, vec![project.0.into()])).await?;
        let count: i64 = row.map(|row| row.try_get("", "count")).transpose()?.unwrap_or(0);
        if count < MAX_SCHEDULES {
            return Ok(());
        }
        let message = format!("a project has at most {MAX_SCHEDULES} schedules; delete one that is not needed");
        Err(Problem::new("LIMIT_EXCEEDED", message).at("project").into())
    }

    fn new_row(
        &self,
        id: ScheduleId,
        rights: &Rights,
        definition: &Definition,
        start: &Start,
    ) -> Result<schedules::ActiveModel, StoreError> {
        let (now, owner) = (self.now().micros(), rights.train.user().0);
        let (_, project) = scope::project_of(&rights.train)?;
        Ok(schedules::ActiveModel {
            id: Set(id.0),
            project_id: Set(project.0),
            name: Set(definition.name.to_string()),
            state: Set(ScheduleState::Active.number()),
            task: Set(to_text(&definition.task)?),
            trigger_rule: Set(to_text(&definition.trigger)?),
            promote: Set(definition.promote.as_ref().map(to_text).transpose()?),
            revision: Set(0),
            next_fire_at: Set(start.next_fire_at),
            dataset_id: Set(start.dataset.map(|id| id.0)),
            seen_number: Set(start.seen_number),
            watches: Set(start.watches),
            armed: Set(true),
            owner_id: Set(owner),
            created_by: Set(owner),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        })
    }
}
