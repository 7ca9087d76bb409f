//! The trials of a sweep: as they stand for what comes next, and ranked for those who look.

use std::collections::HashMap;

use nunatak_authz::Actor;
use nunatak_domain::{JobId, Page, PageRequest, SweepId, TrialStatus, VersionId};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, QueryResult,
    entity::prelude::Uuid,
    sea_query::{Expr, PostgresQueryBuilder, Query},
};
use serde_json::{Map, Value};

use super::{decide::Standing, visible};
use crate::{
    Store, StoreError, db,
    paging::{decode_cursor, encode_cursor},
    versions::sql::Binds,
};

/// A trial that is to be.
#[derive(Debug, Clone)]
pub(super) struct NewTrial {
    pub(super) number: i32,
    pub(super) configuration: i32,
    pub(super) rung: i32,
    pub(super) place: usize,
    pub(super) detector: usize,
    pub(super) chosen: Map<String, Value>,
}

/// One training of a sweep, done or to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRecord {
    pub sweep: SweepId,
    /// From 1, in the order of beginning.
    pub number: i32,
    /// Trials of one configuration differ in data set and resource only.
    pub configuration: i32,
    pub rung: i32,
    /// Which of the plan's targets.
    pub place: usize,
    /// Which of the plan's detectors.
    pub detector: usize,
    /// What the sweep chose.
    pub hyperparameters: Value,
    pub status: TrialStatus,
    pub job: Option<JobId>,
    pub version: Option<VersionId>,
    /// Nothing for a metric that is missing or NaN.
    pub score: Option<f64>,
    /// Among the trials on the same data set, 1 is the best; nothing without a score.
    pub rank: Option<i64>,
    /// From when a runner first began it to its end.
    pub seconds: Option<f64>,
    pub error: Option<TrialError>,
}

/// Why a trial failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialError {
    pub code: String,
    pub message: String,
}

/// In which order trials are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialOrder {
    /// Data set by data set, the best first, those without a score last.
    Score,
    Number,
}

impl TrialOrder {
    const fn sql(self) -> (&'static str, &'static str) {
        match self {
            Self::Score => (
                "score",
                "t.place, t.score IS NULL, CASE WHEN sweeps.direction = 1 THEN t.score ELSE -t.score END, t.number",
            ),
            Self::Number => ("number", "t.number"),
        }
    }
}

impl TrialRecord {
    fn read(row: &QueryResult) -> Result<Self, StoreError> {
        let (sweep, number): (Uuid, i32) = (row.try_get("", "sweep_id")?, row.try_get("", "number")?);
        let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of trial {number} of {}", SweepId(sweep)));
        let place = |column: &str| usize::try_from(row.try_get::<i32>("", column)?).map_err(|_| corrupt(column));
        let text: String = row.try_get("", "hyperparameters")?;
        let (started, finished): (Option<i64>, Option<i64>) =
            (row.try_get("", "started_at")?, row.try_get("", "finished_at")?);
        let error = row.try_get::<Option<String>>("", "error_code")?.zip(row.try_get("", "error_message")?);
        let span = started.zip(finished).map(|(from, to)| to - from);
        Ok(Self {
            sweep: sweep.into(),
            number,
            configuration: row.try_get("", "configuration")?,
            rung: row.try_get("", "rung")?,
            place: place("place")?,
            detector: place("detector")?,
            hyperparameters: serde_json::from_str(&text).map_err(|_| corrupt("hyperparameters"))?,
            status: TrialStatus::from_number(row.try_get("", "status")?).ok_or_else(|| corrupt("status"))?,
            job: row.try_get::<Option<Uuid>>("", "job_id")?.map(Into::into),
            version: row.try_get::<Option<Uuid>>("", "version_id")?.map(Into::into),
            score: row.try_get("", "score")?,
            rank: row.try_get("", "rank_number")?,
            seconds: span.map(|micros| micros as f64 / 1e6),
            error: error.map(|(code, message)| TrialError { code, message }),
        })
    }
}

/// The condition that the actor sees a row of `sweeps`, with its values.
pub(super) fn seen(store: &Store, actor: &Actor) -> (String, Binds) {
    const HEAD: &str = "SELECT 1 WHERE ";
    let select = Query::select().expr(Expr::cust("1")).cond_where(visible(store, actor)).take();
    let (text, values) = select.build(PostgresQueryBuilder);
    (text.strip_prefix(HEAD).unwrap_or("1 = 0").to_owned(), values.0.into())
}

/// All trials of the sweeps that pass `condition`, with their ranks and their positions in the list. A sweep has some
/// thousand trials at most, and a rank is one among all.
fn ranked(condition: &str, order: TrialOrder) -> String {
    let (_, order) = order.sql();
    let (_, by_score) = TrialOrder::Score.sql();
    format!(
        "WITH ranked AS (SELECT t.sweep_id, t.number, t.configuration, t.rung, t.place, t.detector, \
         t.hyperparameters, CASE WHEN t.status = 0 THEN COALESCE(j.status, t.status) ELSE t.status END AS status, \
         t.job_id, t.score, j.started_at, t.finished_at, v.id AS version_id, \
         CASE WHEN t.status = 3 THEN COALESCE(t.error_code, j.error_code) END AS error_code, \
         CASE WHEN t.status = 3 THEN COALESCE(t.error_message, j.error_message) END AS error_message, \
         CASE WHEN t.score IS NOT NULL THEN \
         ROW_NUMBER() OVER (PARTITION BY t.sweep_id, t.place ORDER BY {by_score}) END AS rank_number, \
         ROW_NUMBER() OVER (PARTITION BY t.sweep_id ORDER BY {order}) AS position \
         FROM trials t JOIN sweeps ON sweeps.id = t.sweep_id LEFT JOIN jobs j ON j.id = t.job_id \
         LEFT JOIN versions v ON v.row_id = t.version_row WHERE {condition})"
    )
}

impl Store {
    /// The leaderboard of a sweep; of one of its data sets where `place` names it.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, database.
    pub async fn trials(
        &self,
        actor: &Actor,
        sweep: SweepId,
        (order, place): (TrialOrder, Option<usize>),
        request: &PageRequest,
    ) -> Result<Page<TrialRecord>, StoreError> {
        let list = format!("trials-{}-{sweep}-{place:?}", order.sql().0);
        let (visible, mut binds) = seen(self, actor);
        let mut condition = format!("{visible} AND t.sweep_id = {}", binds.bind(sweep.0));
        if let Some(place) = place {
            let place = binds.bind(i32::try_from(place).unwrap_or(i32::MAX));
            condition = format!("{condition} AND t.place = {place}");
        }
        let mut text = format!("{} SELECT * FROM ranked", ranked(&condition, order));
        if let Some(cursor) = &request.cursor {
            let number = decode_cursor(&list, cursor)?.as_u128();
            let number = i32::try_from(number).map_err(|_| crate::paging::invalid_cursor())?;
            let beyond = if request.backwards { "<" } else { ">" };
            let from = binds.bind(number);
            text.push_str(&format!(" WHERE position {beyond} (SELECT position FROM ranked WHERE number = {from})"));
        }
        let way = if request.backwards { "DESC" } else { "ASC" };
        text.push_str(&format!(" ORDER BY position {way} LIMIT {}", request.size + 1));
        let db = self.0.db.read();
        let rows = db.query_all_raw(db::sql(db, &text, binds.into_values())).await?;
        let trials = rows.iter().map(TrialRecord::read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_rows(request, trials, |trial| {
            encode_cursor(&list, Uuid::from_u128(u128::from(trial.number.unsigned_abs())))
        }))
    }

    /// The best trial on each data set of some sweeps, in the order of the data sets.
    ///
    /// # Errors
    /// Database.
    pub async fn best_trials(
        &self,
        actor: &Actor,
        sweeps: &[SweepId],
    ) -> Result<HashMap<SweepId, Vec<TrialRecord>>, StoreError> {
        if sweeps.is_empty() {
            return Ok(HashMap::new());
        }
        let (visible, mut binds) = seen(self, actor);
        let condition = format!("{visible} AND t.sweep_id IN ({})", binds.list(sweeps.iter().map(|id| id.0)));
        let ranked = ranked(&condition, TrialOrder::Number);
        let text = format!("{ranked} SELECT * FROM ranked WHERE rank_number = 1 ORDER BY place");
        let db = self.0.db.read();
        let mut found: HashMap<SweepId, Vec<TrialRecord>> = HashMap::new();
        for row in db.query_all_raw(db::sql(db, &text, binds.into_values())).await? {
            let trial = TrialRecord::read(&row)?;
            found.entry(trial.sweep).or_default().push(trial);
        }
        Ok(found)
    }
}

/// All trials, as they were settled last, by number.
pub(super) async fn standings(txn: &DatabaseTransaction, sweep: SweepId) -> Result<Vec<Standing>, StoreError> {
    let text = "SELECT number, configuration, rung, place, status, score, finished_at FROM trials \
                WHERE sweep_id = $1 ORDER BY number";
    let rows = txn.query_all_raw(db::sql(txn, text, vec![sweep.0.into()])).await?;
    let standing = |row: &QueryResult| {
        let number: i16 = row.try_get("", "status")?;
        let status = TrialStatus::from_number(number);
        Ok(Standing {
            number: row.try_get("", "number")?,
            configuration: row.try_get("", "configuration")?,
            rung: row.try_get("", "rung")?,
            place: row.try_get("", "place")?,
            status: status.ok_or_else(|| StoreError::Corrupt(format!("trial status {number}")))?,
            score: row.try_get("", "score")?,
            finished_at: row.try_get("", "finished_at")?,
        })
    };
    rows.iter().map(standing).collect()
}
