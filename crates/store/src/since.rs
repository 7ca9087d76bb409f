//! What happened since a moment: what those who follow events read when they have missed some, or come back.
//!
//! Reading too much is allowed, reading too little is not: what is read again is only sent again.

use std::time::Duration;

use nunatak_authz::Actor;
use nunatak_domain::{
    JobId, JobStatus, PageRequest, Problem, ProjectId, Timestamp,
    filter::{OrderField, Sort, TimeTest, VersionFilter, VersionOrder},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    entity::prelude::Uuid,
    sea_query::{Expr, ExprTrait, SelectStatement, UnionType},
};

use crate::{
    Store, StoreError, db,
    entities::jobs,
    jobs::{JobRecord, visible},
    versions::VersionRecord,
};

/// How much earlier than asked for one has to read. A time is taken before its transaction commits, and an operation
/// may run for 60 s; a dead connection between servers is noticed within 20 s; the rest is for clocks that differ.
pub const OVERLAP: Duration = Duration::from_secs(90);
/// Further back, looking for the one event among all of a project costs more than sending a version again.
const AUDIT_HORIZON: Duration = Duration::from_secs(24 * 3600);

/// The filter for versions that pass `filter` and were registered at `since` or later. It counts as one condition
/// more.
#[must_use]
pub fn registered_since(filter: VersionFilter, since: Timestamp) -> VersionFilter {
    VersionFilter::CreatedAt(TimeTest { gte: Some(since), ..TimeTest::default() }).and(filter)
}

impl Store {
    /// The versions that pass `filter` and were registered at `since` or later, oldest first.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` where there are more than `most`, database.
    pub async fn versions_since(
        &self,
        actor: &Actor,
        filter: &VersionFilter,
        since: Timestamp,
        most: usize,
    ) -> Result<Vec<VersionRecord>, StoreError> {
        let asked = registered_since(filter.clone(), since);
        // By time: that index leads to the beginning of the list.
        let order = [VersionOrder::Field(OrderField::CreatedAt, Sort::Asc)];
        let mut page = PageRequest::first(PageRequest::MAX.unsigned_abs());
        let mut found = Vec::new();
        loop {
            let next = self.versions(actor, &asked, &order, &page).await?;
            page.cursor = next.items.last().map(|(cursor, _)| cursor.clone());
            found.extend(next.items.into_iter().map(|(_, version)| version));
            if found.len() > most {
                return Err(too_many("versions were registered", "versions", since, most));
            }
            if !next.has_next {
                return Ok(found);
            }
        }
    }

    /// The jobs, of those named, that may have changed at `since` or later, oldest first: those that were queued or
    /// ended by then, and all that run, because nothing says when they moved on.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` where there are more than `most`, database.
    pub async fn jobs_since(
        &self,
        actor: &Actor,
        (job, project): (Option<JobId>, Option<ProjectId>),
        since: Timestamp,
        most: usize,
    ) -> Result<Vec<JobRecord>, StoreError> {
        let mut select = jobs::Entity::find()
            .filter(visible(self, actor))
            .filter(jobs::Column::Id.in_subquery(changed_since(since)));
        if let Some(job) = job {
            select = select.filter(jobs::Column::Id.eq(job.0));
        }
        if let Some(project) = project {
            select = select.filter(jobs::Column::ProjectId.eq(project.0));
        }
        let db = self.0.db.read();
        let rows = select.order_by_asc(jobs::Column::Id).limit(most as u64 + 1).all(db).await?;
        if rows.len() > most {
            return Err(too_many("jobs may have changed", "jobs", since, most));
        }
        crate::jobs::records(db, rows).await
    }

    /// Whether points of the version's metrics may have been logged at `since` or later. The version itself is one
    /// that its reader may see.
    ///
    /// # Errors
    /// Database.
    pub async fn metrics_logged_since(&self, version: &VersionRecord, since: Timestamp) -> Result<bool, StoreError> {
        if version.created_at >= since || since < self.now().minus(AUDIT_HORIZON) {
            return Ok(true);
        }
        // A point's own time is its sender's; the audit has the server's, and its ids begin with it.
        let text = "SELECT 1 AS one FROM audit_events WHERE project_id = $1 AND id >= $2 AND subject = $3 LIMIT 1";
        let values = vec![version.project.0.into(), least_id(since).into(), version.id.to_string().into()];
        let db = self.0.db.read();
        Ok(db.query_one_raw(db::sql(db, text, values)).await?.is_some())
    }
}

/// Two parts, so that each has an index.
fn changed_since(since: Timestamp) -> SelectStatement {
    let ids = || jobs::Entity::find().select_only().column(jobs::Column::Id);
    let ended = ids().filter(jobs::Column::FinishedAt.gte(since.micros())).into_query();
    // A job that is queued, retried or given back may not be claimed before that moment.
    let queued = jobs::Column::NotBefore.gte(since.micros());
    ids()
        .filter(Expr::cust("jobs.status IN (0, 1)"))
        .filter(jobs::Column::Status.eq(JobStatus::Running.number()).or(queued))
        .into_query()
        .union(UnionType::All, ended)
        .to_owned()
}

/// No `UUIDv7` of that moment or later is less.
fn least_id(since: Timestamp) -> Uuid {
    let millis = u64::try_from(since.micros()).unwrap_or(0) / 1000;
    Uuid::from_u128(u128::from(millis) << 80)
}

pub(crate) fn too_many(what: &str, query: &str, since: Timestamp, most: usize) -> StoreError {
    let message = format!(
        "more than {most} {what} since {since} (which is {} s before the time that was asked for): read them by \
         pages with the query `{query}`, then follow from a later time",
        OVERLAP.as_secs()
    );
    Problem::new("LIMIT_EXCEEDED", message).at("since").into()
}
