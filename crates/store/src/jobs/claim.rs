//! How a runner gets work: one conditional statement, tried again whenever something happens to a job.

use std::time::Duration;

use nunatak_authz::{Action, Actor, Denied, Reach};
use nunatak_domain::{DatasetVersionId, JobId, JobStatus, RunnerId, Timestamp, TokenScope, VersionId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::Uuid,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query, SelectStatement, SubQueryStatement, UpdateStatement},
};
use tokio::time::Instant;

use super::{JobRecord, checks};
use crate::{
    Event, Heard, Listener, Store, StoreError,
    entities::{dataset_versions, detectors, jobs, runner_detectors, runners, versions},
    scope,
};

/// A job, and all that a runner needs to begin.
#[derive(Debug, Clone)]
pub struct Claim {
    pub job: JobRecord,
    pub lease_expires_at: Timestamp,
    /// What to train on, or to score.
    pub dataset: ClaimedDataset,
    /// The trained version to apply; none for a training.
    pub artifact: Option<ClaimedArtifact>,
}

/// The rows of a job.
#[derive(Debug, Clone)]
pub struct ClaimedDataset {
    pub version: DatasetVersionId,
    pub sha256: String,
    /// Bytes.
    pub size: i64,
    pub format: String,
    pub row_count: i64,
    /// The columns that a detector looks at, in the file's order.
    pub feature_columns: Vec<String>,
    pub time_column: Option<String>,
    pub label_column: Option<String>,
}

/// The file of the version to apply.
#[derive(Debug, Clone)]
pub struct ClaimedArtifact {
    pub version: VersionId,
    pub sha256: String,
    /// Bytes.
    pub size: i64,
    pub format: Option<String>,
    /// The version's threshold, which may differ from that in the file.
    pub threshold: Option<f64>,
}

/// A connection that says nothing for longer is cut by many a proxy.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// Ends of pauses and leases are noticed within this time, and what another server did while its events are not heard.
const TICK: Duration = Duration::from_secs(1);
/// Every progress report of every job wakes those who wait: they look again at most this often.
const PAUSE: Duration = Duration::from_millis(50);

impl Store {
    /// Gives the runner the next job that it may and can do, waiting up to `wait` (30 s at most) for one.
    ///
    /// # Errors
    /// `NotFound` for a runner of another user, [`StoreError::Denied`] for tokens without the scope RUNNER.
    pub async fn claim_job(
        &self,
        actor: &Actor,
        runner: RunnerId,
        wait: Duration,
    ) -> Result<Option<Claim>, StoreError> {
        let reach = self.execution_reach(actor)?;
        self.own_runner(actor, runner).await?;
        self.runner_seen(self.0.db.write(), runner.0).await?;
        let deadline = Instant::now() + wait.min(MAX_WAIT);
        // Before the first look: what is queued between a look and the wait is heard of.
        let mut events = self.bus().listen();
        loop {
            if let Some(claim) = self.try_claim(runner, reach).await? {
                return Ok(Some(claim));
            }
            let looked = Instant::now();
            if looked >= deadline {
                return Ok(None);
            }
            tokio::time::sleep_until(deadline.min(looked + PAUSE)).await;
            let until = deadline.min(looked + TICK);
            // Time is up: look again, and then see about the deadline.
            let _ = tokio::time::timeout_at(until, job_event(&mut events)).await;
        }
    }

    /// The projects whose jobs the actor may run.
    fn execution_reach(&self, actor: &Actor) -> Result<Reach, StoreError> {
        let action = Action::ExecuteJobs;
        match (actor, self.authorizer().reach(actor, action)) {
            (Actor::User { .. }, Reach::Nothing) => {
                Err(Denied { action, needs: Some(TokenScope::Runner), anonymous: false }.into())
            }
            (Actor::User { .. }, reach) => Ok(reach),
            (Actor::Anonymous, _) => Err(Denied { action, needs: None, anonymous: true }.into()),
            (Actor::Job { .. } | Actor::Scorer { .. }, _) => {
                Err(Denied { action, needs: None, anonymous: false }.into())
            }
        }
    }

    async fn own_runner(&self, actor: &Actor, runner: RunnerId) -> Result<(), StoreError> {
        let row = runners::Entity::find_by_id(runner.0).one(self.0.db.read()).await?;
        let own = row.is_some_and(|row| actor.user_id().is_some_and(|user| user.0 == row.user_id));
        if own { Ok(()) } else { Err(StoreError::NotFound("runner")) }
    }

    async fn try_claim(&self, runner: RunnerId, reach: Reach) -> Result<Option<Claim>, StoreError> {
        let db = self.0.db.write();
        let (now, lease_end) = (self.now(), self.lease_end());
        let statement = claim_statement(runner, reach, now, lease_end);
        let Some(row) = db.query_one(&statement).await? else { return Ok(None) };
        let id = JobId(row.try_get("", "id")?);
        let job = self.job_in(db, id).await?;
        self.job_changed(id, job.project);
        tracing::info!(job.id = %id, runner.id = %runner, job.attempt = job.attempt, "job claimed");
        Ok(Some(self.claim_of(db, job, lease_end).await?))
    }

    async fn claim_of(
        &self,
        db: &impl ConnectionTrait,
        job: JobRecord,
        lease_expires_at: Timestamp,
    ) -> Result<Claim, StoreError> {
        // Deleted meanwhile or not: the download decides.
        let row = dataset_versions::Entity::find_by_id(job.dataset_version.0).one(db).await?;
        let row = row.ok_or(StoreError::NotFound("dataset version"))?;
        let dataset = ClaimedDataset {
            version: job.dataset_version,
            feature_columns: checks::features(&row)?.into_iter().map(|column| column.name).collect(),
            sha256: row.sha256,
            size: row.size,
            format: row.format,
            row_count: row.row_count,
            time_column: row.time_column,
            label_column: row.label_column,
        };
        let artifact = match job.version {
            Some(version) => Some(artifact(db, version).await?),
            None => None,
        };
        Ok(Claim { job, lease_expires_at, dataset, artifact })
    }
}

/// Returns when something happened to a job, or when events were missed.
async fn job_event(events: &mut Listener) {
    loop {
        match events.hear().await {
            Heard::Event(Event::JobChanged { .. }) | Heard::Missed { .. } => break,
            Heard::Event(_) => {}
        }
    }
    // One look answers for all that has happened so far.
    while events.hear_waiting().is_some() {}
}

async fn artifact(db: &impl ConnectionTrait, version: VersionId) -> Result<ClaimedArtifact, StoreError> {
    let row = versions::Entity::find().filter(versions::Column::Id.eq(version.0)).one(db).await?;
    let row = row.ok_or(StoreError::NotFound("version"))?;
    let (Some(sha256), Some(size)) = (row.artifact_sha256, row.artifact_size) else {
        return Err(StoreError::Corrupt(format!("{version} has a job but no file")));
    };
    Ok(ClaimedArtifact { version, sha256, size, format: row.artifact_format, threshold: row.threshold })
}

/// `UPDATE … WHERE id = (SELECT … LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id`: on PostgreSQL claimers pass over
/// the row that another one has locked, on SQLite there is one writer.
///
/// With `=` and not `IN`, because PostgreSQL may run the subquery of an `IN` several times and claim several jobs.
fn claim_statement(runner: RunnerId, reach: Reach, now: Timestamp, lease_end: Timestamp) -> UpdateStatement {
    let next = SubQueryStatement::SelectStatement(next_job(runner, reach, now));
    Query::update()
        .table(jobs::Entity)
        .value(jobs::Column::Status, JobStatus::Running.number())
        .value(jobs::Column::Attempt, Expr::col(jobs::Column::Attempt).add(1))
        .value(jobs::Column::RunnerId, runner.0)
        .value(jobs::Column::LeaseExpiresAt, lease_end.micros())
        .value(jobs::Column::StartedAt, Expr::col(jobs::Column::StartedAt).if_null(now.micros()))
        .value(jobs::Column::Progress, 0.0)
        .value(jobs::Column::ProgressMessage, Option::<String>::None)
        .value(jobs::Column::ErrorCode, Option::<String>::None)
        .value(jobs::Column::ErrorMessage, Option::<String>::None)
        .value(jobs::Column::ErrorRetryable, Option::<bool>::None)
        .and_where(Expr::col(jobs::Column::Id).eq(Expr::from(next)))
        .returning_col(jobs::Column::Id)
        .to_owned()
}

/// The most urgent, then the oldest of the jobs that wait or whose runner has been silent for a lease.
fn next_job(runner: RunnerId, reach: Reach, now: Timestamp) -> SelectStatement {
    let waiting = jobs::Column::Status.eq(JobStatus::Queued.number()).and(jobs::Column::NotBefore.lte(now.micros()));
    let abandoned =
        jobs::Column::Status.eq(JobStatus::Running.number()).and(jobs::Column::LeaseExpiresAt.lt(now.micros()));
    jobs::Entity::find()
        .select_only()
        .column(jobs::Column::Id)
        // Lets the database use the index of what is not over.
        .filter(Expr::cust("jobs.status IN (0, 1)"))
        .filter(waiting.or(abandoned))
        .filter(Expr::cust("jobs.attempt < jobs.max_attempts"))
        .filter(jobs::Column::CancelRequested.eq(false))
        .filter(scope::project_ids(jobs::Column::ProjectId, reach))
        .filter(Expr::exists(offered_by(runner.0)))
        .order_by_desc(jobs::Column::Priority)
        .order_by_asc(jobs::Column::Id)
        .limit(1)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_query()
}

/// The job's detector, in the job's version, among the runner's.
fn offered_by(runner: Uuid) -> SelectStatement {
    runner_detectors::Entity::find()
        .select_only()
        .expr(Expr::val(1))
        .filter(runner_detectors::Column::RunnerId.eq(runner))
        .filter(
            runner_detectors::Column::DetectorId.in_subquery(
                detectors::Entity::find()
                    .select_only()
                    .column(detectors::Column::Id)
                    .filter(
                        Expr::col((detectors::Entity, detectors::Column::Name))
                            .equals((jobs::Entity, jobs::Column::DetectorName)),
                    )
                    .filter(
                        Expr::col((detectors::Entity, detectors::Column::Version))
                            .equals((jobs::Entity, jobs::Column::DetectorVersion)),
                    )
                    .into_query(),
            ),
        )
        .into_query()
}
