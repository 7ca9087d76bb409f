use std::collections::HashMap;

use nunatak_authz::{Action, Actor};
use nunatak_domain::{Page, PageRequest, ProjectId, ScheduleId, ScheduleRunId};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, entity::prelude::Uuid};

use super::{RunRecord, ScheduleRecord};
use crate::{
    Store, StoreError, db,
    entities::{schedule_runs, schedules},
    jobs::try_page,
    paging::page_by_id,
    scope,
    versions::sql::Binds,
};

/// Holds for schedules of the actor's projects that are not deleted.
fn visible(store: &Store, actor: &Actor) -> Condition {
    let reach = store.authorizer().reach(actor, Action::ReadJobs);
    scope::project_ids(schedules::Column::ProjectId, reach).add(schedules::Column::DeletedAt.is_null())
}

/// Holds for runs in the actor's projects.
fn runs_visible(store: &Store, actor: &Actor) -> Condition {
    scope::project_ids(schedule_runs::Column::ProjectId, store.authorizer().reach(actor, Action::ReadJobs))
}

impl Store {
    /// # Errors
    /// Database.
    pub async fn schedule(&self, actor: &Actor, id: ScheduleId) -> Result<Option<ScheduleRecord>, StoreError> {
        Ok(self.schedules_by_ids(actor, &[id]).await?.remove(&id))
    }

    /// Those of `ids` that the actor may see.
    ///
    /// # Errors
    /// Database.
    pub async fn schedules_by_ids(
        &self,
        actor: &Actor,
        ids: &[ScheduleId],
    ) -> Result<HashMap<ScheduleId, ScheduleRecord>, StoreError> {
        let ids = schedules::Column::Id.is_in(ids.iter().map(|id| id.0));
        let rows = schedules::Entity::find().filter(ids).filter(visible(self, actor)).all(self.0.db.read()).await?;
        rows.into_iter().map(|row| Ok((row.id.into(), row.try_into()?))).collect()
    }

    /// The schedules of a project, or of all that the actor may see, newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn schedule_page(
        &self,
        actor: &Actor,
        project: Option<ProjectId>,
        page: &PageRequest,
    ) -> Result<Page<ScheduleRecord>, StoreError> {
        let mut select = schedules::Entity::find().filter(visible(self, actor));
        if let Some(project) = project {
            select = select.filter(schedules::Column::ProjectId.eq(project.0));
        }
        let page = page_by_id(self.0.db.read(), select, schedules::Column::Id, "schedules", page, |row| row.id).await?;
        try_page(page, ScheduleRecord::try_from)
    }

    /// What a schedule has fired, newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn run_page(
        &self,
        actor: &Actor,
        schedule: ScheduleId,
        page: &PageRequest,
    ) -> Result<Page<RunRecord>, StoreError> {
        let select = schedule_runs::Entity::find()
            .filter(runs_visible(self, actor))
            .filter(schedule_runs::Column::ScheduleId.eq(schedule.0));
        let (list, column) = (format!("runs-{schedule}"), schedule_runs::Column::Id);
        let page = page_by_id(self.0.db.read(), select, column, &list, page, |row| row.id).await?;
        try_page(page, RunRecord::try_from)
    }

    /// Those of `ids` that the actor may see.
    ///
    /// # Errors
    /// Database.
    pub async fn runs_by_ids(
        &self,
        actor: &Actor,
        ids: &[ScheduleRunId],
    ) -> Result<HashMap<ScheduleRunId, RunRecord>, StoreError> {
        let runs = self.runs_where(actor, schedule_runs::Column::Id.is_in(ids.iter().map(|id| id.0))).await?;
        Ok(runs.into_iter().map(|run| (run.id, run)).collect())
    }

    /// The newest run of each of these schedules.
    ///
    /// # Errors
    /// Database.
    pub async fn last_runs(
        &self,
        actor: &Actor,
        schedules: &[ScheduleId],
    ) -> Result<HashMap<ScheduleId, RunRecord>, StoreError> {
        let db = self.0.db.read();
        let mut binds = Binds::default();
        let ids = binds.list(schedules.iter().map(|id| id.0));
        let text = format!(
            "SELECT (SELECT r.id FROM schedule_runs r WHERE r.schedule_id = s.id ORDER BY r.id DESC LIMIT 1) AS id \
             FROM schedules s WHERE s.id IN ({ids})"
        );
        let rows = db.query_all_raw(db::sql(db, &text, binds.into_values())).await?;
        let newest = rows.iter().map(|row| row.try_get::<Option<Uuid>>("", "id")).collect::<Result<Vec<_>, _>>()?;
        let runs = self.runs_where(actor, schedule_runs::Column::Id.is_in(newest.into_iter().flatten())).await?;
        Ok(runs.into_iter().map(|run| (run.schedule, run)).collect())
    }

    async fn runs_where(
        &self,
        actor: &Actor,
        which: impl sea_orm::sea_query::IntoCondition,
    ) -> Result<Vec<RunRecord>, StoreError> {
        let select = schedule_runs::Entity::find().filter(which).filter(runs_visible(self, actor));
        select.all(self.0.db.read()).await?.into_iter().map(RunRecord::try_from).collect()
    }
}
