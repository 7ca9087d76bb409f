use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::{JobId, JobKind, JobStatus, ModelId, Page, PageRequest, ProjectId, RunnerId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, entity::prelude::Uuid,
    sea_query::Expr,
};

use super::{JobRecord, visible};
use crate::{
    Store, StoreError,
    entities::{jobs, versions},
    paging::page_by_id,
};

/// Which jobs to list; all given parts hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    pub project: Option<ProjectId>,
    /// Any of these.
    pub status: Option<Vec<JobStatus>>,
    pub kind: Option<JobKind>,
    pub model: Option<ModelId>,
}

/// More than most machines compute at once.
const JOBS_OF_A_RUNNER: u64 = 100;

impl Store {
    /// # Errors
    /// Database.
    pub async fn job(&self, actor: &Actor, id: JobId) -> Result<Option<JobRecord>, StoreError> {
        Ok(self.jobs_by_ids(actor, &[id]).await?.remove(&id))
    }

    /// Those of `ids` that the actor may see.
    ///
    /// # Errors
    /// Database.
    pub async fn jobs_by_ids(&self, actor: &Actor, ids: &[JobId]) -> Result<HashMap<JobId, JobRecord>, StoreError> {
        let db = self.0.db.read();
        let rows = jobs::Entity::find()
            .filter(jobs::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .filter(visible(self, actor))
            .all(db)
            .await?;
        Ok(records(db, rows).await?.into_iter().map(|job| (job.id, job)).collect())
    }

    /// The jobs that the actor may see, newest first.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn job_page(
        &self,
        actor: &Actor,
        filter: &JobFilter,
        page: &PageRequest,
    ) -> Result<Page<JobRecord>, StoreError> {
        let mut select = jobs::Entity::find().filter(visible(self, actor));
        if let Some(project) = filter.project {
            select = select.filter(jobs::Column::ProjectId.eq(project.0));
        }
        if let Some(status) = &filter.status {
            select = select.filter(jobs::Column::Status.is_in(status.iter().map(|status| status.number())));
        }
        if let Some(kind) = filter.kind {
            select = select.filter(jobs::Column::Kind.eq(kind.number()));
        }
        if let Some(model) = filter.model {
            select = select.filter(jobs::Column::ModelId.eq(model.0));
        }
        let db = self.0.db.read();
        let page = page_by_id(db, select, jobs::Column::Id, "jobs", page, |row| row.id).await?;
        let ids = version_ids(db, page.items.iter().map(|(_, row)| row)).await?;
        super::try_page(page, |row| with_version(row, &ids))
    }

    /// The jobs that the actor may see and that `runners` are at work on, the newest first, at most 100 each.
    ///
    /// # Errors
    /// Database.
    pub async fn jobs_of_runners(
        &self,
        actor: &Actor,
        runners: &[RunnerId],
    ) -> Result<HashMap<RunnerId, Vec<JobRecord>>, StoreError> {
        let db = self.0.db.read();
        let rows = jobs::Entity::find()
            .filter(jobs::Column::RunnerId.is_in(runners.iter().map(|id| id.0)))
            .filter(Expr::cust("jobs.status = 1"))
            .filter(visible(self, actor))
            .order_by_desc(jobs::Column::Id)
            .limit(JOBS_OF_A_RUNNER * runners.len().max(1) as u64)
            .all(db)
            .await?;
        let mut found: HashMap<RunnerId, Vec<JobRecord>> = HashMap::new();
        for job in records(db, rows).await? {
            let Some(runner) = job.runner else { continue };
            let jobs = found.entry(runner).or_default();
            if (jobs.len() as u64) < JOBS_OF_A_RUNNER {
                jobs.push(job);
            }
        }
        Ok(found)
    }

    /// The job as it stands in this transaction, whoever asks: after a permit.
    pub(super) async fn job_in(&self, db: &impl ConnectionTrait, id: JobId) -> Result<JobRecord, StoreError> {
        let rows: Vec<_> = jobs::Entity::find_by_id(id.0).one(db).await?.into_iter().collect();
        records(db, rows).await?.pop().ok_or(StoreError::NotFound("job"))
    }
}

/// Rows that the reader may see, as records.
pub(crate) async fn records(db: &impl ConnectionTrait, rows: Vec<jobs::Model>) -> Result<Vec<JobRecord>, StoreError> {
    let ids = version_ids(db, rows.iter()).await?;
    rows.into_iter().map(|row| with_version(row, &ids)).collect()
}

fn with_version(row: jobs::Model, ids: &HashMap<i64, Uuid>) -> Result<JobRecord, StoreError> {
    let version = row.version_row.and_then(|number| ids.get(&number)).copied();
    JobRecord::from_row(row, version)
}

/// The public ids of the versions that these jobs made or apply.
async fn version_ids(
    db: &impl ConnectionTrait,
    rows: impl Iterator<Item = &jobs::Model>,
) -> Result<HashMap<i64, Uuid>, StoreError> {
    let numbers: Vec<i64> = rows.filter_map(|row| row.version_row).collect();
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    let pairs = versions::Entity::find()
        .select_only()
        .columns([versions::Column::RowId, versions::Column::Id])
        .filter(versions::Column::RowId.is_in(numbers))
        .into_tuple::<(i64, Uuid)>()
        .all(db)
        .await?;
    Ok(pairs.into_iter().collect())
}
