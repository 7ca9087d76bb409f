//! How a runner gets work: one conditional statement, tried again whenever a job is queued.

use std::time::Duration;

use nunatak_authz::{Action, Actor, Denied, Reach};
use nunatak_domain::{DatasetVersionId, ProjectId, RunnerId, Timestamp, TokenScope, VersionId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use tokio::time::Instant;

use super::{JobRecord, attempts, checks, turn};
use crate::{
    Event, Heard, Listener, Store, StoreError,
    entities::{dataset_versions, runners, versions},
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
/// A burst of jobs wakes all who wait, each time: they look again at most this often.
const PAUSE: Duration = Duration::from_millis(20);

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
            if let Some(claim) = self.try_claim(actor, runner, reach).await? {
                return Ok(Some(claim));
            }
            let looked = Instant::now();
            if looked >= deadline {
                return Ok(None);
            }
            tokio::time::sleep_until(deadline.min(looked + PAUSE)).await;
            let until = deadline.min(looked + TICK);
            // Time is up: look again, and then see about the deadline.
            let _ = tokio::time::timeout_at(until, queued(&mut events)).await;
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
            (Actor::Job { .. }, _) => Err(Denied { action, needs: None, anonymous: false }.into()),
        }
    }

    async fn own_runner(&self, actor: &Actor, runner: RunnerId) -> Result<runners::Model, StoreError> {
        let row = runners::Entity::find_by_id(runner.0).one(self.0.db.read()).await?;
        let own = row.filter(|row| actor.user_id().is_some_and(|user| user.0 == row.user_id));
        own.ok_or(StoreError::NotFound("runner"))
    }

    async fn try_claim(&self, actor: &Actor, runner: RunnerId, reach: Reach) -> Result<Option<Claim>, StoreError> {
        // Read anew each time: it may have been told to drain, or registered otherwise, while this call waited.
        let row = self.own_runner(actor, runner).await?;
        if row.draining {
            return Ok(None);
        }
        let asker = turn::Asker::of(&row)?;
        for project in turn::projects(self.0.db.read(), &asker, reach, self.lease_now()).await? {
            if let Some(claim) = self.claim_in(project, &asker).await? {
                return Ok(Some(claim));
            }
        }
        Ok(None)
    }

    async fn claim_in(&self, project: ProjectId, asker: &turn::Asker) -> Result<Option<Claim>, StoreError> {
        let (now, lease_end) = (self.now(), self.lease_end());
        let txn = self.0.db.begin().await?;
        let Some(id) = turn::take(&txn, project, asker, [now, self.lease_now(), lease_end]).await? else {
            return Ok(None);
        };
        let job = self.job_in(&txn, id).await?;
        attempts::begin(&txn, &job, now).await?;
        txn.commit().await?;
        self.job_changed(id, job.project);
        tracing::info!(job.id = %id, runner.id = %asker.runner, job.attempt = job.attempt, "job claimed");
        Ok(Some(self.claim_of(self.0.db.write(), job, lease_end).await?))
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

/// Returns when a job waits for a runner, or when events were missed.
async fn queued(events: &mut Listener) {
    loop {
        match events.hear().await {
            Heard::Event(Event::JobQueued { .. }) | Heard::Missed { .. } => break,
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
