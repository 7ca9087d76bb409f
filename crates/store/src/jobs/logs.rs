//! What a job's runner writes to its log: the first lines of each attempt, in the order in which they were written.

use nunatak_authz::{Actor, Permit};
use nunatak_domain::{JobId, LogLevel, Page, PageRequest, Problem, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseTransaction, FromQueryResult};

use super::report::{Attempt, cut};
use crate::{
    Store, StoreError, db,
    paging::invalid_cursor,
    rows::{Rows, insert_all},
};

/// A line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub attempt: i32,
    /// From 0 in its attempt.
    pub line: i64,
    pub at: Timestamp,
    pub level: LogLevel,
    pub message: String,
}

#[derive(FromQueryResult)]
struct Row {
    attempt: i32,
    line: i64,
    at: i64,
    level: i16,
    message: String,
}

pub const MAX_LINES_AT_ONCE: usize = 500;
/// With lines of 200 bytes 2 MB, of what people seldom read to the end.
const MAX_LINES: i64 = 10_000;
const MAX_LINE_BYTES: usize = 2000;

impl Store {
    /// Adds lines to the log of a running attempt; `offset` lines were sent before, and a line that was sent before is
    /// not added again. Answers how many lines of the attempt have been sent in all: those past the first 10,000 are
    /// only counted.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED`, `OUT_OF_RANGE`, `LEASE_LOST`.
    pub async fn report_logs(
        &self,
        permit: &Permit,
        offset: i64,
        lines: &[(Timestamp, LogLevel, String)],
    ) -> Result<i64, StoreError> {
        let attempt = Attempt::of(permit)?;
        if lines.len() > MAX_LINES_AT_ONCE {
            return Err(Problem::new("LIMIT_EXCEEDED", "one report has at most 500 lines").at("lines").into());
        }
        let end = offset.checked_add(i64::try_from(lines.len()).unwrap_or(i64::MAX)).filter(|_| offset >= 0);
        let end = end.ok_or_else(|| Problem::new("OUT_OF_RANGE", "lines are counted from 0").at("offset"))?;
        let txn = self.0.db.begin().await?;
        let total = count(&txn, attempt, end).await?;
        let mut rows = Rows::into("job_logs", "job_id, attempt, line, at, level, message")
            .tail("ON CONFLICT (job_id, attempt, line) DO NOTHING");
        for (line, (at, level, message)) in (offset..MAX_LINES).zip(lines) {
            rows.push([
                attempt.job.0.into(),
                attempt.number.into(),
                line.into(),
                at.micros().into(),
                level.number().into(),
                cut(message, MAX_LINE_BYTES).into(),
            ]);
        }
        insert_all(&txn, vec![rows]).await?;
        txn.commit().await?;
        self.job_changed(attempt.job, attempt.project.1);
        Ok(total)
    }

    /// The log of a job: that of one attempt, or of all, in order.
    ///
    /// # Errors
    /// `NotFound` for other eyes, `INVALID_CURSOR`.
    pub async fn job_log(
        &self,
        actor: &Actor,
        job: JobId,
        attempt: Option<i32>,
        page: &PageRequest,
    ) -> Result<Page<LogLine>, StoreError> {
        self.job(actor, job).await?.ok_or(StoreError::NotFound("job"))?;
        let (after, direction) = if page.backwards { ("<", "DESC") } else { (">", "ASC") };
        let (from_attempt, from_line) = match &page.cursor {
            Some(cursor) => decode(cursor)?,
            None if page.backwards => (i32::MAX, i64::MAX),
            None => (-1, -1),
        };
        let text = format!(
            "SELECT attempt, line, at, level, message FROM job_logs WHERE job_id = $1 \
             AND (attempt {after} $2 OR (attempt = $2 AND line {after} $3)) AND attempt = COALESCE($4, attempt) \
             ORDER BY attempt {direction}, line {direction} LIMIT $5"
        );
        let limit = i64::from(page.size) + 1;
        let values = vec![job.0.into(), from_attempt.into(), from_line.into(), attempt.into(), limit.into()];
        let db = self.0.db.read();
        let rows = db.query_all_raw(db::sql(db, &text, values)).await?;
        let lines = rows.iter().map(|row| line(Row::from_query_result(row, "")?)).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_rows(page, lines, |line| format!("{}.{}", line.attempt, line.line)))
    }
}

fn line(row: Row) -> Result<LogLine, StoreError> {
    let level = LogLevel::from_number(row.level).ok_or_else(|| StoreError::Corrupt("level of a log line".into()))?;
    let at = Timestamp::from_micros(row.at);
    Ok(LogLine { attempt: row.attempt, line: row.line, at, level, message: row.message })
}

/// The attempt and line of a cursor of a log.
fn decode(cursor: &str) -> Result<(i32, i64), StoreError> {
    let (attempt, line) = cursor.split_once('.').ok_or_else(invalid_cursor)?;
    Ok((attempt.parse().map_err(|_| invalid_cursor())?, line.parse().map_err(|_| invalid_cursor())?))
}

/// Raises the number of lines that were sent of a running attempt.
async fn count(txn: &DatabaseTransaction, attempt: Attempt, end: i64) -> Result<i64, StoreError> {
    let text = "UPDATE job_attempts SET log_lines = CASE WHEN log_lines > $3 THEN log_lines ELSE $3 END \
                WHERE job_id = $1 AND number = $2 AND status = 1 RETURNING log_lines";
    let values = vec![attempt.job.0.into(), attempt.number.into(), end.into()];
    let row = txn.query_one_raw(db::sql(txn, text, values)).await?;
    Ok(row.ok_or_else(|| attempt.lost())?.try_get("", "log_lines")?)
}
