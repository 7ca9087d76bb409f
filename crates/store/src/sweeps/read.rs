use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::{Page, PageRequest, ProjectId, SweepId, SweepStatus, Timestamp, TrialStatus};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, entity::prelude::Uuid,
};

use super::{SweepRecord, trials::seen, visible};
use crate::{Store, StoreError, db, entities::sweeps, jobs::try_page, paging::page_by_id, since::too_many};

/// Which sweeps to list; all given parts hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepFilter {
    pub project: Option<ProjectId>,
    /// Any of these.
    pub status: Option<Vec<SweepStatus>>,
}

/// How many trials of a sweep are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    pub planned: i64,
    pub queued: i64,
    pub running: i64,
    pub succeeded: i64,
    pub failed: i64,
    pub cancelled: i64,
    pub skipped: i64,
}

impl Progress {
    fn add(&mut self, status: TrialStatus, trials: i64) {
        let count = match status {
            TrialStatus::Planned => &mut self.planned,
            TrialStatus::Queued => &mut self.queued,
            TrialStatus::Running => &mut self.running,
            TrialStatus::Succeeded => &mut self.succeeded,
            TrialStatus::Failed => &mut self.failed,
            TrialStatus::Cancelled => &mut self.cancelled,
            TrialStatus::Skipped => &mut self.skipped,
        };
        *count += trials;
    }

    /// All that there are by now.
    #[must_use]
    pub const fn known(&self) -> i64 {
        self.planned + self.queued + self.running + self.succeeded + self.failed + self.cancelled + self.skipped
    }
}

impl Store {
    /// Those of `ids` that the actor may see.
    ///
    /// # Errors
    /// Database.
    pub async fn sweeps_by_ids(
        &self,
        actor: &Actor,
        ids: &[SweepId],
    ) -> Result<HashMap<SweepId, SweepRecord>, StoreError> {
        let named = sweeps::Column::Id.is_in(ids.iter().map(|id| id.0));
        let rows = sweeps::Entity::find().filter(named).filter(visible(self, actor)).all(self.0.db.read()).await?;
        rows.into_iter().map(|row| Ok((row.id.into(), row.try_into()?))).collect()
    }

    /// The sweeps that the actor may see, newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn sweep_page(
        &self,
        actor: &Actor,
        filter: &SweepFilter,
        page: &PageRequest,
    ) -> Result<Page<SweepRecord>, StoreError> {
        let mut select = sweeps::Entity::find().filter(visible(self, actor));
        if let Some(project) = filter.project {
            select = select.filter(sweeps::Column::ProjectId.eq(project.0));
        }
        if let Some(status) = &filter.status {
            select = select.filter(sweeps::Column::Status.is_in(status.iter().map(|status| status.number())));
        }
        let page = page_by_id(self.0.db.read(), select, sweeps::Column::Id, "sweeps", page, |row| row.id).await?;
        try_page(page, SweepRecord::try_from)
    }

    /// The sweeps, of those named, that may have changed at `since` or later, oldest first: those that are not over,
    /// and those that ended by then.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` where there are more than `most`, database.
    pub async fn sweeps_since(
        &self,
        actor: &Actor,
        (sweep, project): (Option<SweepId>, Option<ProjectId>),
        since: Timestamp,
        most: usize,
    ) -> Result<Vec<SweepRecord>, StoreError> {
        let running = sweeps::Column::Status.eq(SweepStatus::Running.number());
        let changed = Condition::any().add(running).add(sweeps::Column::FinishedAt.gte(since.micros()));
        let mut select = sweeps::Entity::find().filter(visible(self, actor)).filter(changed);
        if let Some(sweep) = sweep {
            select = select.filter(sweeps::Column::Id.eq(sweep.0));
        }
        if let Some(project) = project {
            select = select.filter(sweeps::Column::ProjectId.eq(project.0));
        }
        let rows = select.order_by_asc(sweeps::Column::Id).limit(most as u64 + 1).all(self.0.db.read()).await?;
        if rows.len() > most {
            return Err(too_many("sweeps may have changed", "sweeps", since, most));
        }
        rows.into_iter().map(SweepRecord::try_from).collect()
    }

    /// How far some sweeps are.
    ///
    /// # Errors
    /// Database.
    pub async fn sweep_progress(
        &self,
        actor: &Actor,
        ids: &[SweepId],
    ) -> Result<HashMap<SweepId, Progress>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let (visible, mut binds) = seen(self, actor);
        let ids = binds.list(ids.iter().map(|id| id.0));
        let text = format!(
            "SELECT sweep_id, status, COUNT(*) AS trials FROM (SELECT t.sweep_id, \
             CASE WHEN t.status = 0 THEN COALESCE(j.status, t.status) ELSE t.status END AS status \
             FROM trials t JOIN sweeps ON sweeps.id = t.sweep_id LEFT JOIN jobs j ON j.id = t.job_id \
             WHERE {visible} AND t.sweep_id IN ({ids})) states GROUP BY sweep_id, status"
        );
        let db = self.0.db.read();
        let mut found: HashMap<SweepId, Progress> = HashMap::new();
        for row in db.query_all_raw(db::sql(db, &text, binds.into_values())).await? {
            let (sweep, number): (Uuid, i16) = (row.try_get("", "sweep_id")?, row.try_get("", "status")?);
            let status = TrialStatus::from_number(number);
            let status = status.ok_or_else(|| StoreError::Corrupt(format!("trial status {number}")))?;
            found.entry(sweep.into()).or_default().add(status, row.try_get("", "trials")?);
        }
        Ok(found)
    }

    /// The sweep as it stands in this transaction, whoever asks: after a permit.
    pub(super) async fn sweep_in(&self, db: &impl ConnectionTrait, id: SweepId) -> Result<SweepRecord, StoreError> {
        let row = sweeps::Entity::find_by_id(id.0).one(db).await?;
        row.ok_or(StoreError::NotFound("sweep"))?.try_into()
    }
}
