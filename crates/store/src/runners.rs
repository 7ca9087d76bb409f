//! Runners: the programs that claim jobs, what they call themselves and which detectors they have.

use std::collections::HashMap;

use nunatak_authz::{Action, Actor, Permit};
use nunatak_domain::{DetectorId, JobStatus, Name, Page, PageRequest, Problem, RunnerId, Timestamp, UserId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    entity::prelude::Uuid,
    sea_query::{Expr, OnConflict},
};
use serde_json::json;

use crate::{
    Store, StoreError,
    detectors::{NewDetector, signed_in},
    entities::{jobs, runner_detectors, runners},
    jobs::try_page,
    paging::page_by_id,
    scope,
};

/// A program that runs jobs for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerRecord {
    pub id: RunnerId,
    pub name: String,
    /// The user in whose name it claims jobs.
    pub user: UserId,
    pub labels: Vec<String>,
    /// How many jobs it takes at once.
    pub capacity: i32,
    /// It has said that it claims no more.
    pub draining: bool,
    pub registered_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// It has been heard of within the last three leases.
    pub online: bool,
}

/// What a starting runner says of itself.
#[derive(Debug, Clone)]
pub struct NewRunner {
    pub name: Name,
    pub labels: Vec<String>,
    /// How many jobs it takes at once, 1 to 1000.
    pub capacity: i32,
    /// All that it offers: what it does not name here, it does not get jobs for.
    pub detectors: Vec<NewDetector>,
}

const MAX_DETECTORS: usize = 200;
pub(crate) const MAX_LABELS: usize = 20;
pub(crate) const MAX_LABEL_CHARS: usize = 60;
const MAX_CAPACITY: i32 = 1000;
/// A runner that misses this many leases in a row is taken for gone.
const LEASES_UNTIL_OFFLINE: u32 = 3;
/// How stale "last seen" may get before it is written again: a heartbeat should not always cost a second write.
const SEEN_EVERY_MICROS: i64 = 5_000_000;

impl NewRunner {
    fn check(&self) -> Result<(), StoreError> {
        let mut problems = Vec::new();
        let bad_label = |label: &String| label.is_empty() || label.chars().count() > MAX_LABEL_CHARS;
        if self.labels.len() > MAX_LABELS || self.labels.iter().any(bad_label) {
            let message = "a runner has at most 20 labels of 1 to 60 characters";
            problems.push(Problem::new("INVALID_INPUT", message).at("labels"));
        }
        if !(1..=MAX_CAPACITY).contains(&self.capacity) {
            problems.push(Problem::new("OUT_OF_RANGE", "a runner takes 1 to 1000 jobs at once").at("capacity"));
        }
        if self.detectors.len() > MAX_DETECTORS {
            problems.push(Problem::new("LIMIT_EXCEEDED", "a runner has at most 200 detectors").at("detectors"));
        } else {
            for (place, detector) in self.detectors.iter().enumerate() {
                let found = detector.check().err().unwrap_or_default();
                problems.extend(found.into_iter().map(|problem| problem.at(place.to_string()).at("detectors")));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(StoreError::Invalid(problems)) }
    }
}

impl Store {
    fn runner_record(&self, row: runners::Model) -> Result<RunnerRecord, StoreError> {
        let corrupt = |_| StoreError::Corrupt(format!("labels of runner {}", row.id));
        let labels = serde_json::from_str(&row.labels).map_err(corrupt)?;
        Ok(RunnerRecord {
            id: row.id.into(),
            name: row.name,
            user: row.user_id.into(),
            labels,
            capacity: row.capacity,
            draining: row.draining,
            registered_at: Timestamp::from_micros(row.registered_at),
            last_seen_at: Timestamp::from_micros(row.last_seen_at),
            online: row.last_seen_at >= self.online_since().micros(),
        })
    }

    /// Whoever was last heard of before is taken for gone.
    pub(crate) fn online_since(&self) -> Timestamp {
        self.now().minus(self.0.jobs.lease * LEASES_UNTIL_OFFLINE)
    }

    /// Registers a runner under its name, or brings it up to date, together with its detectors.
    ///
    /// # Errors
    /// Problems with a detector or label at its place, `CONFLICT` for a detector that is registered otherwise.
    pub async fn register_runner(&self, permit: &Permit, new: &NewRunner) -> Result<RunnerRecord, StoreError> {
        scope::require(permit, Action::RegisterRunner)?;
        new.check()?;
        let now = self.now();
        let txn = self.0.db.begin().await?;
        let row = runners::ActiveModel {
            id: Set(RunnerId::new(now).0),
            name: Set(new.name.to_string()),
            user_id: Set(permit.user().0),
            labels: Set(json!(new.labels).to_string()),
            registered_at: Set(now.micros()),
            last_seen_at: Set(now.micros()),
            capacity: Set(new.capacity),
            draining: Set(false),
            started_at: Set(self.lease_now().micros()),
        };
        let again = OnConflict::columns([runners::Column::UserId, runners::Column::Name])
            .update_columns([
                runners::Column::Labels,
                runners::Column::LastSeenAt,
                runners::Column::Capacity,
                runners::Column::Draining,
                runners::Column::StartedAt,
            ])
            .to_owned();
        runners::Entity::insert(row).on_conflict(again).exec_without_returning(&txn).await?;
        let row = runners::Entity::find()
            .filter(runners::Column::UserId.eq(permit.user().0))
            .filter(runners::Column::Name.eq(new.name.as_str()))
            .one(&txn)
            .await?
            .ok_or_else(|| StoreError::Corrupt("a runner vanished while it registered".to_owned()))?;

        // Sorted, so that two runners that register the same detectors lock them in the same order.
        let mut detectors: Vec<(usize, &NewDetector)> = new.detectors.iter().enumerate().collect();
        detectors.sort_by(|(_, a), (_, b)| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        let mut ids = Vec::with_capacity(detectors.len());
        for (place, detector) in detectors {
            let upserted = self.upsert_detector(&txn, permit, detector).await;
            ids.push(upserted.map_err(|error| located(error, place))?);
        }
        ids.sort_unstable();
        ids.dedup();
        replace_detectors(&txn, row.id, &ids).await?;
        self.audit(&txn, permit, RunnerId(row.id), json!({"name": new.name, "detectors": ids.len()})).await?;
        txn.commit().await?;
        self.runner_record(row)
    }

    /// Notes that a runner finishes what it has and claims no more, until it registers again.
    ///
    /// # Errors
    /// `NotFound` for a runner of another user.
    pub async fn drain_runner(&self, permit: &Permit, id: RunnerId) -> Result<RunnerRecord, StoreError> {
        scope::require(permit, Action::RegisterRunner)?;
        let row = runners::Entity::update_many()
            .col_expr(runners::Column::Draining, Expr::value(true))
            .col_expr(runners::Column::LastSeenAt, Expr::value(self.now().micros()))
            .filter(runners::Column::Id.eq(id.0))
            .filter(runners::Column::UserId.eq(permit.user().0))
            .exec_with_returning(self.0.db.write())
            .await?
            .pop();
        self.runner_record(row.ok_or(StoreError::NotFound("runner"))?)
    }

    /// Those of `ids` that there are. Every signed-in user sees all runners.
    ///
    /// # Errors
    /// Database.
    pub async fn runners_by_ids(
        &self,
        actor: &Actor,
        ids: &[RunnerId],
    ) -> Result<HashMap<RunnerId, RunnerRecord>, StoreError> {
        if !signed_in(actor) {
            return Ok(HashMap::new());
        }
        let filter = runners::Column::Id.is_in(ids.iter().map(|id| id.0));
        let rows = runners::Entity::find().filter(filter).all(self.0.db.read()).await?;
        rows.into_iter().map(|row| Ok((row.id.into(), self.runner_record(row)?))).collect()
    }

    /// All runners, the newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn runner_page(&self, actor: &Actor, page: &PageRequest) -> Result<Page<RunnerRecord>, StoreError> {
        let mut select = runners::Entity::find();
        if !signed_in(actor) {
            select = select.filter(Expr::cust("1 = 0"));
        }
        let page = page_by_id(self.0.db.read(), select, runners::Column::Id, "runners", page, |row| row.id).await?;
        try_page(page, |row| self.runner_record(row))
    }

    /// Which detectors each of `runners` has.
    ///
    /// # Errors
    /// Database.
    pub async fn detectors_of_runners(
        &self,
        actor: &Actor,
        runners: &[RunnerId],
    ) -> Result<HashMap<RunnerId, Vec<DetectorId>>, StoreError> {
        let filter = runner_detectors::Column::RunnerId.is_in(runners.iter().map(|id| id.0));
        let mut found: HashMap<RunnerId, Vec<DetectorId>> = HashMap::new();
        for row in self.runner_detectors(actor, filter).await? {
            found.entry(row.runner_id.into()).or_default().push(row.detector_id.into());
        }
        Ok(found)
    }

    /// Which runners have each of `detectors`.
    ///
    /// # Errors
    /// Database.
    pub async fn runners_of_detectors(
        &self,
        actor: &Actor,
        detectors: &[DetectorId],
    ) -> Result<HashMap<DetectorId, Vec<RunnerId>>, StoreError> {
        let filter = runner_detectors::Column::DetectorId.is_in(detectors.iter().map(|id| id.0));
        let mut found: HashMap<DetectorId, Vec<RunnerId>> = HashMap::new();
        for row in self.runner_detectors(actor, filter).await? {
            found.entry(row.detector_id.into()).or_default().push(row.runner_id.into());
        }
        Ok(found)
    }

    async fn runner_detectors(&self, actor: &Actor, filter: Expr) -> Result<Vec<runner_detectors::Model>, StoreError> {
        if !signed_in(actor) {
            return Ok(Vec::new());
        }
        Ok(runner_detectors::Entity::find().filter(filter).all(self.0.db.read()).await?)
    }

    /// How many jobs that the actor may see each of `runners` is at work on.
    ///
    /// # Errors
    /// Database.
    pub async fn active_jobs_of_runners(
        &self,
        actor: &Actor,
        runners: &[RunnerId],
    ) -> Result<HashMap<RunnerId, i64>, StoreError> {
        let counts = jobs::Entity::find()
            .select_only()
            .column(jobs::Column::RunnerId)
            .column_as(jobs::Column::Id.count(), "jobs")
            .filter(jobs::Column::Status.eq(JobStatus::Running.number()))
            .filter(jobs::Column::RunnerId.is_in(runners.iter().map(|id| id.0)))
            .filter(crate::jobs::visible(self, actor))
            .group_by(jobs::Column::RunnerId)
            .into_model::<Active>()
            .all(self.0.db.read())
            .await?;
        Ok(counts.into_iter().map(|row| (row.runner_id.into(), row.jobs)).collect())
    }

    /// Notes that a runner is alive.
    pub(crate) async fn runner_seen(&self, db: &impl ConnectionTrait, runner: Uuid) -> Result<(), StoreError> {
        let now = self.now().micros();
        runners::Entity::update_many()
            .col_expr(runners::Column::LastSeenAt, Expr::value(now))
            .filter(runners::Column::Id.eq(runner))
            .filter(runners::Column::LastSeenAt.lt(now - SEEN_EVERY_MICROS))
            .exec(db)
            .await?;
        Ok(())
    }
}

#[derive(FromQueryResult)]
struct Active {
    runner_id: Uuid,
    jobs: i64,
}

async fn replace_detectors(
    txn: &impl ConnectionTrait,
    runner: Uuid,
    detectors: &[DetectorId],
) -> Result<(), StoreError> {
    let of_runner = runner_detectors::Column::RunnerId.eq(runner);
    runner_detectors::Entity::delete_many().filter(of_runner).exec(txn).await?;
    let rows: Vec<_> = detectors
        .iter()
        .map(|id| runner_detectors::ActiveModel { runner_id: Set(runner), detector_id: Set(id.0) })
        .collect();
    if !rows.is_empty() {
        runner_detectors::Entity::insert_many(rows).exec_without_returning(txn).await?;
    }
    Ok(())
}

/// Says at which of the runner's detectors the problem is.
fn located(error: StoreError, place: usize) -> StoreError {
    match error {
        StoreError::Invalid(problems) => StoreError::Invalid(
            problems.into_iter().map(|problem| problem.at(place.to_string()).at("detectors")).collect(),
        ),
        other => other,
    }
}
