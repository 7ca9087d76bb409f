//! Whose turn it is: among the jobs that a runner may and can do, the most urgent; among equally urgent ones that of the
//! project for which the fewest jobs run; there the oldest.

use nunatak_authz::Reach;
use nunatak_domain::{JobId, JobStatus, ProjectId, RunnerId, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select, Value,
    entity::prelude::Uuid,
    sea_query::{
        Alias, Expr, ExprTrait, LockBehavior, LockType, PostgresQueryBuilder, Query, SelectStatement,
        SubQueryStatement, UpdateStatement,
    },
};

use crate::{
    StoreError, db,
    entities::{detectors, jobs, projects, runner_detectors, runners},
    scope,
};

/// Who asks for work.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) runner: RunnerId,
    labels: Vec<String>,
    capacity: i32,
    started_at: i64,
}

impl Asker {
    pub(super) fn of(row: &runners::Model) -> Result<Self, StoreError> {
        let labels = serde_json::from_str(&row.labels);
        Ok(Self {
            runner: row.id.into(),
            labels: labels.map_err(|_| StoreError::Corrupt(format!("labels of runner {}", RunnerId(row.id))))?,
            capacity: row.capacity,
            started_at: row.started_at,
        })
    }
}

/// A runner that finds the first ones taken looks at so many more, and then asks again.
const PROJECTS_AT_ONCE: usize = 16;
/// The projects with jobs that are not over, each found by one step along an index.
const WAITING: &str = "projects.id IN (WITH RECURSIVE waiting (project_id) AS ( \
    SELECT (SELECT jobs.project_id FROM jobs WHERE jobs.status IN (0, 1) ORDER BY jobs.project_id LIMIT 1) \
    UNION ALL SELECT (SELECT jobs.project_id FROM jobs WHERE jobs.status IN (0, 1) \
    AND jobs.project_id > waiting.project_id ORDER BY jobs.project_id LIMIT 1) \
    FROM waiting WHERE waiting.project_id IS NOT NULL) SELECT project_id FROM waiting)";
const BUSY: &str = "(SELECT COUNT(*) FROM jobs WHERE jobs.project_id = projects.id AND jobs.status = 1)";

/// The projects that have a job for the runner, in the order in which it is their turn.
pub(super) async fn projects(
    db: &impl ConnectionTrait,
    asker: &Asker,
    reach: Reach,
    now: Timestamp,
) -> Result<Vec<ProjectId>, StoreError> {
    let of_project =
        Expr::col((jobs::Entity, jobs::Column::ProjectId)).equals((projects::Entity, projects::Column::Id));
    let head = next_jobs(asker, now).filter(of_project).into_query();
    let heads = projects::Entity::find()
        .select_only()
        .expr_as(Expr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(head))), "head")
        .expr_as(Expr::cust(BUSY), "busy")
        .filter(Expr::cust(WAITING))
        .filter(scope::project_rows(projects::Column::RowId, reach))
        .into_query();
    // PostgreSQL's words for both: SQLite understands `$n` and quoted names, too.
    let (heads, values) = heads.build(PostgresQueryBuilder);
    let text = format!(
        "SELECT jobs.project_id FROM ({heads}) heads JOIN jobs ON jobs.id = heads.head \
         ORDER BY jobs.priority DESC, heads.busy, jobs.id LIMIT {PROJECTS_AT_ONCE}"
    );
    let rows = db.query_all_raw(db::sql(db, &text, values.0)).await?;
    rows.iter().map(|row| Ok(row.try_get::<Uuid>("", "project_id")?.into())).collect()
}

/// Marks the project's next job as the runner's.
pub(super) async fn take(
    txn: &DatabaseTransaction,
    project: ProjectId,
    asker: &Asker,
    [now, lease_now, lease_end]: [Timestamp; 3],
) -> Result<Option<JobId>, StoreError> {
    let next = next_jobs(asker, lease_now)
        .filter(jobs::Column::ProjectId.eq(project.0))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_query();
    let row = txn.query_one(&claim(asker, next, [now, lease_now, lease_end])).await?;
    row.map(|row| Ok(JobId(row.try_get("", "id")?))).transpose()
}

/// `UPDATE … WHERE id = (SELECT … LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id`: on PostgreSQL claimers pass over
/// the row that another one has locked, on SQLite there is one writer.
///
/// With `=` and not `IN`, because PostgreSQL may run the subquery of an `IN` several times and claim several jobs.
fn claim(asker: &Asker, next: SelectStatement, [now, lease_now, lease_end]: [Timestamp; 3]) -> UpdateStatement {
    Query::update()
        .table(jobs::Entity)
        .value(jobs::Column::Status, JobStatus::Running.number())
        .value(jobs::Column::Attempt, Expr::col(jobs::Column::Attempt).add(1))
        .value(jobs::Column::RunnerId, asker.runner.0)
        .value(jobs::Column::LeaseExpiresAt, lease_end.micros())
        .value(jobs::Column::ClaimedAt, lease_now.micros())
        .value(jobs::Column::StartedAt, Expr::col(jobs::Column::StartedAt).if_null(now.micros()))
        .value(jobs::Column::Progress, 0.0)
        .value(jobs::Column::ProgressMessage, Option::<String>::None)
        .value(jobs::Column::ErrorCode, Option::<String>::None)
        .value(jobs::Column::ErrorMessage, Option::<String>::None)
        .value(jobs::Column::ErrorRetryable, Option::<bool>::None)
        .and_where(
            Expr::col(jobs::Column::Id).eq(Expr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(next)))),
        )
        .and_where(has_room(asker))
        .returning_col(jobs::Column::Id)
        .to_owned()
}

/// The runner has fewer jobs at work than it takes. What it claimed before it registered, it lost when it ended.
fn has_room(asker: &Asker) -> Expr {
    let held = Alias::new("held");
    let of_held = |column: jobs::Column| Expr::col((held.clone(), column));
    let count = Query::select()
        .expr(Expr::cust("COUNT(*)"))
        .from_as(jobs::Entity, held.clone())
        .and_where(of_held(jobs::Column::RunnerId).eq(asker.runner.0))
        .and_where(Expr::cust("held.status = 1"))
        .and_where(of_held(jobs::Column::ClaimedAt).gte(asker.started_at))
        .take();
    Expr::val(asker.capacity).gt(Expr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(count))))
}

/// The id of the most urgent, then the oldest of the jobs that wait or whose runner has been silent for a lease.
fn next_jobs(asker: &Asker, now: Timestamp) -> Select<jobs::Entity> {
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
        .filter(Expr::exists(offered_by(asker.runner.0)))
        .filter(Expr::exists(label_missing(&asker.labels)).not())
        .order_by_desc(jobs::Column::Priority)
        .order_by_asc(jobs::Column::Id)
        .limit(1)
}

/// A label that the job asks for and the runner does not have.
fn label_missing(labels: &[String]) -> SelectStatement {
    let label = Expr::col((Alias::new("job_labels"), Alias::new("label")));
    let mut missing = Query::select()
        .expr(Expr::val(1))
        .from(Alias::new("job_labels"))
        .and_where(Expr::cust("job_labels.job_id = jobs.id"))
        .take();
    if !labels.is_empty() {
        missing.and_where(label.is_not_in(labels.iter().map(|label| Value::from(label.as_str()))));
    }
    missing
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
