//! Metrics of a job while it runs: shown at once, kept with the attempt, and not those of the version.

use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::{JobId, Problem, Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult, entity::prelude::Uuid};

use super::{ReportedMetric, report::Attempt};
use crate::{Store, StoreError, db, versions::sql::Binds};

/// One measured value of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveMetric {
    pub key: String,
    pub step: i64,
    pub at: Timestamp,
    /// NaN and infinities included.
    pub value: f64,
}

#[derive(FromQueryResult)]
struct Row {
    job_id: Uuid,
    key: String,
    step: i64,
    at: i64,
    value: Option<f64>,
}

/// As many points as a long training of a network has epochs. What comes after is not shown.
pub const MAX_LIVE_POINTS: i64 = 10_000;
const MAX_AT_ONCE: usize = 100;

pub(super) fn check(metrics: &[ReportedMetric]) -> Result<(), Problem> {
    if metrics.len() > MAX_AT_ONCE {
        return Err(Problem::new("LIMIT_EXCEEDED", "one report has at most 100 metrics").at("metrics"));
    }
    Ok(())
}

/// A point that is there already is replaced, so that a report may be sent again.
pub(super) async fn insert(
    db: &impl ConnectionTrait,
    attempt: Attempt,
    metrics: &[ReportedMetric],
    now: Timestamp,
) -> Result<(), StoreError> {
    if metrics.is_empty() {
        return Ok(());
    }
    let mut binds = Binds::default();
    let (job, number) = (binds.bind(attempt.job.0), binds.bind(attempt.number));
    let (at, most) = (binds.bind(now.micros()), binds.bind(MAX_LIVE_POINTS));
    // The same point twice in one statement is an error on PostgreSQL: the last one counts.
    let latest: HashMap<(&str, i64), f64> = metrics.iter().map(|m| ((m.key.as_str(), m.step), m.value)).collect();
    let mut points: Vec<_> = latest.into_iter().collect();
    points.sort_by_key(|(point, _)| *point);
    let rows = points.into_iter().map(|((key, step), value)| {
        let value = Some(value).filter(|value| !value.is_nan());
        let (key, step, value) = (binds.bind(key), binds.bind(step), binds.bind(value));
        format!(
            "SELECT CAST({key} AS TEXT) AS key, CAST({step} AS BIGINT) AS step, \
             CAST({value} AS DOUBLE PRECISION) AS value"
        )
    });
    let rows = rows.collect::<Vec<_>>().join(" UNION ALL ");
    let text = format!(
        "INSERT INTO job_metrics (job_id, attempt, key, step, at, value) \
         SELECT {job}, {number}, n.key, n.step, {at}, n.value FROM ({rows}) n \
         WHERE (SELECT COUNT(*) FROM job_metrics WHERE job_id = {job} AND attempt = {number}) < {most} \
         ON CONFLICT (job_id, attempt, key, step) DO UPDATE SET at = excluded.at, value = excluded.value"
    );
    db.execute_raw(db::sql(db, &text, binds.into_values())).await?;
    Ok(())
}

impl Store {
    /// The live metrics of each job's last attempt, by key and step; of those with more than `most` points in all, the
    /// latest steps.
    ///
    /// # Errors
    /// Database.
    pub async fn live_metrics_of(
        &self,
        actor: &Actor,
        jobs: &[JobId],
        most: i64,
    ) -> Result<HashMap<JobId, Vec<LiveMetric>>, StoreError> {
        let seen = self.jobs_by_ids(actor, jobs).await?;
        if seen.is_empty() {
            return Ok(HashMap::new());
        }
        let mut binds = Binds::default();
        let ids = binds.list(seen.keys().map(|id| id.0));
        let most = binds.bind(most.clamp(1, MAX_LIVE_POINTS));
        let text = format!(
            "SELECT job_id, key, step, at, value FROM (SELECT m.*, ROW_NUMBER() OVER \
             (PARTITION BY m.job_id ORDER BY m.step DESC, m.key) AS place FROM job_metrics m \
             JOIN jobs j ON j.id = m.job_id AND j.attempt = m.attempt WHERE m.job_id IN ({ids})) p \
             WHERE p.place <= {most} ORDER BY job_id, key, step"
        );
        let db = self.0.db.read();
        let mut found: HashMap<JobId, Vec<LiveMetric>> = HashMap::new();
        for row in db.query_all_raw(db::sql(db, &text, binds.into_values())).await? {
            let Row { job_id, key, step, at, value } = Row::from_query_result(&row, "")?;
            let at = Timestamp::from_micros(at);
            let metric = LiveMetric { key, step, at, value: value.unwrap_or(f64::NAN) };
            found.entry(job_id.into()).or_default().push(metric);
        }
        Ok(found)
    }
}
