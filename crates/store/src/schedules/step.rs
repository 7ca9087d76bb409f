//! What is due: asked by every server, each second.

use nunatak_domain::{ProjectId, ScheduleId, ScheduleState};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, entity::prelude::Uuid};

use super::{FiringCause, ScheduleRecord, Trigger, fire::Firing, start::next_moment};
use crate::{Store, StoreError, db, entities::schedules};

/// Where metrics may have moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// Everywhere: at the start, now and then (windows of time move by themselves), and after events were missed.
    All,
    /// In these projects something was measured.
    Projects(Vec<ProjectId>),
}

/// A step stays short; the next one takes the rest.
const AT_ONCE: u64 = 100;

impl Store {
    /// Does what is due of all schedules and comparisons, and answers how much that was. What fails is logged and
    /// tried again the next time, and keeps nothing else from being done.
    ///
    /// # Errors
    /// Database.
    pub async fn step_schedules(&self, watched: &Watched) -> Result<usize, StoreError> {
        let ended = self.advance_runs().await?;
        let decided = self.decide_promotions().await?;
        let fired = self.fire_moments().await? + self.fire_datasets().await? + self.fire_metrics(watched).await?;
        Ok(ended + decided + fired)
    }

    async fn fire_moments(&self) -> Result<usize, StoreError> {
        let now = self.now();
        let due = schedules::Entity::find()
            .filter(schedules::Column::NextFireAt.lte(now.micros()))
            .filter(schedules::Column::State.eq(ScheduleState::Active.number()))
            .filter(schedules::Column::DeletedAt.is_null())
            .order_by_asc(schedules::Column::NextFireAt)
            .limit(AT_ONCE)
            .all(self.0.db.read())
            .await?;
        let mut fired = 0;
        for row in due {
            let id = ScheduleId(row.id);
            fired += logged(id, self.fire_moment(row).await);
        }
        Ok(fired)
    }

    /// However many moments were missed, it fires once, and then at the next moment that is to come.
    async fn fire_moment(&self, row: schedules::Model) -> Result<bool, StoreError> {
        let schedule = ScheduleRecord::try_from(row)?;
        let (Trigger::Cron { expression, time_zone }, Some(at)) = (&schedule.trigger, schedule.next_fire_at) else {
            return Ok(false);
        };
        let next = next_moment(expression, time_zone, self.now()).ok().map(|next| next.micros());
        let firing = Firing { next_fire_at: next, ..Firing::of(&schedule, FiringCause::Cron(at)) };
        self.fire(&schedule, firing).await
    }

    /// A version that comes while a run is at work is taken up when the run is over; of several, the newest.
    async fn fire_datasets(&self) -> Result<usize, StoreError> {
        let text = "SELECT s.id, v.id AS version, v.number FROM schedules s \
            JOIN datasets d ON d.id = s.dataset_id AND d.deleted_at IS NULL \
            JOIN dataset_versions v ON v.dataset_id = s.dataset_id AND v.number = \
            (SELECT MAX(w.number) FROM dataset_versions w WHERE w.dataset_id = s.dataset_id) \
            WHERE s.dataset_id IS NOT NULL AND s.state = 0 AND s.deleted_at IS NULL AND v.number > s.seen_number \
            AND NOT EXISTS (SELECT 1 FROM schedule_runs r WHERE r.schedule_id = s.id AND r.state IN (0, 1)) \
            ORDER BY s.id LIMIT $1";
        let db = self.0.db.read();
        let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
        let mut fired = 0;
        for row in db.query_all_raw(db::sql(db, text, vec![limit.into()])).await? {
            let id: ScheduleId = row.try_get::<Uuid>("", "id")?.into();
            let version: Uuid = row.try_get("", "version")?;
            let number: i64 = row.try_get("", "number")?;
            fired += logged(id, self.fire_dataset(id, FiringCause::Dataset(version.into()), number).await);
        }
        Ok(fired)
    }

    async fn fire_dataset(&self, id: ScheduleId, cause: FiringCause, number: i64) -> Result<bool, StoreError> {
        let schedule = self.schedule_in(self.0.db.read(), id).await?;
        if schedule.state != ScheduleState::Active || schedule.seen_number.is_none_or(|seen| seen >= number) {
            return Ok(false);
        }
        let firing = Firing { seen_number: Some(number), ..Firing::of(&schedule, cause) };
        self.fire(&schedule, firing).await
    }

    async fn fire_metrics(&self, watched: &Watched) -> Result<usize, StoreError> {
        let mut fired = 0;
        let mut after = Uuid::nil();
        loop {
            let rows = self.watching(watched, after).await?;
            let Some(last) = rows.last() else { return Ok(fired) };
            after = last.id;
            for row in rows {
                let id = ScheduleId(row.id);
                fired += logged(id, self.watch(row).await);
            }
        }
    }

    /// The next of those that look at a metric and have no run at work.
    async fn watching(&self, watched: &Watched, after: Uuid) -> Result<Vec<schedules::Model>, StoreError> {
        let idle =
            "NOT EXISTS (SELECT 1 FROM schedule_runs r WHERE r.schedule_id = schedules.id AND r.state IN (0, 1))";
        let mut select = schedules::Entity::find()
            .filter(schedules::Column::Watches.eq(true))
            .filter(schedules::Column::State.eq(ScheduleState::Active.number()))
            .filter(schedules::Column::DeletedAt.is_null())
            .filter(schedules::Column::Id.gt(after))
            .filter(sea_orm::sea_query::Expr::cust(idle));
        if let Watched::Projects(projects) = watched {
            select = select.filter(schedules::Column::ProjectId.is_in(projects.iter().map(|id| id.0)));
        }
        Ok(select.order_by_asc(schedules::Column::Id).limit(AT_ONCE).all(self.0.db.read()).await?)
    }
}

/// 1 where it fired. What failed is told here, and tried again.
fn logged(schedule: ScheduleId, fired: Result<bool, StoreError>) -> usize {
    match fired {
        Ok(fired) => usize::from(fired),
        Err(error) => {
            tracing::warn!(schedule.id = %schedule, %error, "a schedule could not fire; trying again");
            0
        }
    }
}
