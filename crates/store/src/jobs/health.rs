//! How the queue stands: what waits, what runs, and whether there is somebody to do it.

use std::collections::BTreeMap;

use nunatak_authz::Actor;
use nunatak_domain::{JobStatus, ProjectId, Timestamp};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, EntityTrait, FromQueryResult, QueryFilter,
    QuerySelect, sea_query::Expr,
};

use super::visible;
use crate::{Store, StoreError, db, detectors::signed_in, entities::jobs};

/// The jobs that are not over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueState {
    pub queued: i64,
    pub running: i64,
    /// When the oldest of those that wait was asked for.
    pub oldest_queued_at: Option<Timestamp>,
    /// By detector, those with the most waiting jobs first.
    pub detectors: Vec<DetectorQueue>,
}

/// The jobs of one version of a detector, and who can do them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DetectorQueue {
    pub name: String,
    pub version: String,
    pub queued: i64,
    pub running: i64,
    pub oldest_queued_at: Option<Timestamp>,
    /// Runners that are online, do not drain and offer it.
    pub runners: i64,
    /// How many jobs they take together.
    pub capacity: i64,
}

/// The runners of the installation, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunnerCounts {
    pub online: i64,
    pub draining: i64,
    pub offline: i64,
    /// How many jobs those online take together.
    pub capacity: i64,
}

#[derive(FromQueryResult)]
struct Counted {
    detector_name: String,
    detector_version: String,
    status: i16,
    jobs: i64,
    oldest: i64,
}

#[derive(FromQueryResult)]
struct Offered {
    name: String,
    version: String,
    runners: i64,
    capacity: i64,
}

impl Store {
    /// The jobs that the actor may see and that are not over; those of one project where it is given. Who is signed in
    /// is told about runners, too.
    ///
    /// # Errors
    /// Database.
    pub async fn queue_state(&self, actor: &Actor, project: Option<ProjectId>) -> Result<QueueState, StoreError> {
        let mut seen = visible(self, actor);
        if let Some(project) = project {
            seen = seen.add(jobs::Column::ProjectId.eq(project.0));
        }
        self.queue(self.0.db.read(), seen, signed_in(actor)).await
    }

    /// All jobs that are not over and all runners: for the operator's metrics, whoever asks.
    ///
    /// # Errors
    /// Database.
    pub async fn installation_health(&self) -> Result<(QueueState, RunnerCounts), StoreError> {
        let db = self.0.db.unwatched();
        let text = "SELECT \
            COUNT(CASE WHEN last_seen_at >= $1 AND NOT draining THEN 1 END) AS online, \
            COUNT(CASE WHEN last_seen_at >= $1 AND draining THEN 1 END) AS draining, \
            COUNT(CASE WHEN last_seen_at < $1 THEN 1 END) AS offline, \
            COALESCE(SUM(CASE WHEN last_seen_at >= $1 AND NOT draining THEN capacity END), 0) AS capacity FROM runners";
        let since = self.online_since().micros();
        let row = db.query_one_raw(db::sql(db, text, vec![since.into()])).await?;
        let counts = match row {
            None => RunnerCounts::default(),
            Some(row) => RunnerCounts {
                online: row.try_get("", "online")?,
                draining: row.try_get("", "draining")?,
                offline: row.try_get("", "offline")?,
                capacity: row.try_get("", "capacity")?,
            },
        };
        Ok((self.queue(db, Condition::all(), true).await?, counts))
    }

    async fn queue(
        &self,
        db: &DatabaseConnection,
        seen: Condition,
        with_runners: bool,
    ) -> Result<QueueState, StoreError> {
        let counted = jobs::Entity::find()
            .select_only()
            .columns([jobs::Column::DetectorName, jobs::Column::DetectorVersion, jobs::Column::Status])
            .column_as(jobs::Column::Id.count(), "jobs")
            .column_as(jobs::Column::CreatedAt.min(), "oldest")
            // Lets the database use the index of what is not over.
            .filter(Expr::cust("jobs.status IN (0, 1)"))
            .filter(seen)
            .group_by(jobs::Column::DetectorName)
            .group_by(jobs::Column::DetectorVersion)
            .group_by(jobs::Column::Status)
            .into_model::<Counted>()
            .all(db)
            .await?;
        let mut detectors: BTreeMap<(String, String), DetectorQueue> = BTreeMap::new();
        for row in counted {
            let key = (row.detector_name.clone(), row.detector_version.clone());
            let queue = detectors.entry(key).or_default();
            if row.status == JobStatus::Queued.number() {
                queue.queued = row.jobs;
                queue.oldest_queued_at = Some(Timestamp::from_micros(row.oldest));
            } else {
                queue.running = row.jobs;
            }
        }
        if with_runners {
            for offered in self.offered(db).await? {
                if let Some(queue) = detectors.get_mut(&(offered.name, offered.version)) {
                    (queue.runners, queue.capacity) = (offered.runners, offered.capacity);
                }
            }
        }
        Ok(QueueState::of(detectors))
    }

    /// By detector the runners that are online and claim.
    async fn offered(&self, db: &DatabaseConnection) -> Result<Vec<Offered>, StoreError> {
        let text = "SELECT d.name, d.version, COUNT(*) AS runners, CAST(SUM(r.capacity) AS BIGINT) AS capacity \
            FROM runners r JOIN runner_detectors o ON o.runner_id = r.id JOIN detectors d ON d.id = o.detector_id \
            WHERE r.last_seen_at >= $1 AND NOT r.draining GROUP BY d.name, d.version";
        let rows = db.query_all_raw(db::sql(db, text, vec![self.online_since().micros().into()])).await?;
        Ok(rows.iter().map(|row| Offered::from_query_result(row, "")).collect::<Result<_, _>>()?)
    }
}

impl QueueState {
    fn of(detectors: BTreeMap<(String, String), DetectorQueue>) -> Self {
        let named = |((name, version), queue)| DetectorQueue { name, version, ..queue };
        let mut detectors: Vec<DetectorQueue> = detectors.into_iter().map(named).collect();
        detectors.sort_by_key(|queue| std::cmp::Reverse(queue.queued));
        Self {
            queued: detectors.iter().map(|queue| queue.queued).sum(),
            running: detectors.iter().map(|queue| queue.running).sum(),
            oldest_queued_at: detectors.iter().filter_map(|queue| queue.oldest_queued_at).min(),
            detectors,
        }
    }
}
