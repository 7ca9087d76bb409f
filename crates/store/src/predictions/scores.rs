//! Scores, read by range out of their safetensors file: memory does not grow with the prediction.

use std::io::{self, Read, Seek, SeekFrom};

use nunatak_authz::Actor;
use nunatak_domain::{PredictionId, Problem};

use crate::{
    Store, StoreError,
    files::{BlobRecord, Layout, Reason, open_blob_blocking},
};

/// One row's score, and whether it is above the threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreRow {
    /// From 0, in the dataset's order.
    pub row_idx: i64,
    /// Higher is more anomalous.
    pub score: f64,
    pub anomaly: bool,
    /// The columns that contributed most, the largest share first; empty for normal rows and where none were kept.
    pub reasons: Vec<Reason>,
}

/// Which rows to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreQuery {
    /// 1 to 1000.
    pub limit: usize,
    /// Go on behind this row.
    pub after: Option<i64>,
    /// The first row, 0 unless given.
    pub from: Option<i64>,
    /// The row to stop before; the end unless given.
    pub to: Option<i64>,
    pub only_anomalies: bool,
}

/// Some rows in order.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorePage {
    pub rows: Vec<ScoreRow>,
    /// There may be more: ask again after `end`.
    pub has_next: bool,
    /// The last row that was looked at, wanted or not.
    pub end: Option<i64>,
}

pub const MAX_SCORES: usize = 1000;
/// Rows read at a time: 64 KiB of scores.
const CHUNK: u64 = 8192;
/// How many rows one call looks at in search of anomalies; then it answers what it has, and where to go on.
const MAX_LOOKED_AT: u64 = 8_000_000;

impl Store {
    /// The scores of a prediction, by range.
    ///
    /// # Errors
    /// `NotFound` for other eyes or an evaluation, which keeps no scores; `LIMIT_EXCEEDED`, `OUT_OF_RANGE`.
    pub async fn scores(
        &self,
        actor: &Actor,
        prediction: PredictionId,
        query: ScoreQuery,
    ) -> Result<ScorePage, StoreError> {
        check(&query)?;
        let record = self.prediction(actor, prediction).await?.ok_or(StoreError::NotFound("prediction"))?;
        let blob = record.scores.ok_or(StoreError::NotFound("scores"))?;
        let path = self.0.files.blob_path(&blob.sha256);
        let read = off_thread(move || {
            let mut file = open_blob_blocking(&path, &blob)?;
            let layout = Layout::read(&mut file, &blob)?;
            read_page(&mut file, &layout, &query)
        });
        read.await.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => StoreError::Corrupt(error.to_string()),
            _ => StoreError::Files(error),
        })
    }
}

/// Refuses a file that is not `score` f64 and `label` u8 with an entry for each of `rows`.
pub(crate) async fn check_scores(store: &Store, blob: &BlobRecord, rows: i64) -> Result<(), StoreError> {
    let bad = |message: String| StoreError::from(Problem::new("BAD_SCORES", message).at("scoresUpload"));
    let (path, blob) = (store.0.files.blob_path(&blob.sha256), blob.clone());
    let layout = off_thread(move || Layout::read(&mut open_blob_blocking(&path, &blob)?, &blob)).await;
    match layout {
        Ok(layout) if i64::try_from(layout.rows) == Ok(rows) => Ok(()),
        Ok(layout) => Err(bad(format!("the file has scores for {} rows, the dataset has {rows}", layout.rows))),
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            Err(bad(format!("the file is not safetensors with `score` (f64) and `label` (u8): {error}")))
        }
        Err(error) => Err(StoreError::Files(error)),
    }
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn check(query: &ScoreQuery) -> Result<(), Problem> {
    if !(1..=MAX_SCORES).contains(&query.limit) {
        let message = format!("`first` is {}; one call gives 1 to {MAX_SCORES} scores", query.limit);
        return Err(Problem::new("LIMIT_EXCEEDED", message).at("first"));
    }
    let bounds = [("after", query.after), ("from", query.from), ("to", query.to)];
    match bounds.into_iter().find(|(_, bound)| bound.is_some_and(|row| row < 0)) {
        Some((field, _)) => Err(Problem::new("OUT_OF_RANGE", "rows are counted from 0").at(field)),
        None => Ok(()),
    }
}

fn read_page(file: &mut (impl Read + Seek), layout: &Layout, query: &ScoreQuery) -> io::Result<ScorePage> {
    let row = |bound: Option<i64>| bound.map(i64::unsigned_abs);
    let start = row(query.from).unwrap_or(0).max(row(query.after).map_or(0, |after| after + 1));
    let stop = row(query.to).unwrap_or(layout.rows).min(layout.rows);
    let look_until = stop.min(start.saturating_add(MAX_LOOKED_AT));
    let mut rows: Vec<ScoreRow> = Vec::new();
    let mut next = start;
    while next < look_until {
        let room = (query.limit - rows.len()) as u64;
        let want = if query.only_anomalies { CHUNK } else { room.min(CHUNK) };
        let end = look_until.min(next + want);
        for found in read_rows(file, layout, next, end, query.only_anomalies)? {
            let row = found.row_idx;
            rows.push(found);
            if rows.len() == query.limit {
                explain(file, layout, &mut rows)?;
                return Ok(ScorePage { rows, has_next: row.unsigned_abs() + 1 < stop, end: Some(row) });
            }
        }
        next = end;
    }
    explain(file, layout, &mut rows)?;
    let end = (next > start).then(|| index(next - 1));
    Ok(ScorePage { rows, has_next: next < stop, end })
}

/// Puts the reasons that are kept to the anomalies of a page.
fn explain(file: &mut (impl Read + Seek), layout: &Layout, rows: &mut [ScoreRow]) -> io::Result<()> {
    let mut anomalies = rows.iter_mut().filter(|row| row.anomaly).peekable();
    let (Some(reasons), Some(first)) = (&layout.reasons, anomalies.peek()) else { return Ok(()) };
    let mut at = reasons.first_from(file, first.row_idx.unsigned_abs())?;
    for row in anomalies {
        while reasons.row(file, at)?.is_some_and(|explained| explained < row.row_idx.unsigned_abs()) {
            at += 1;
        }
        if reasons.row(file, at)? == Some(row.row_idx.unsigned_abs()) {
            row.reasons = reasons.of(file, at)?;
            at += 1;
        }
    }
    Ok(())
}

/// The rows `start..end`, or the anomalies among them.
fn read_rows(
    file: &mut (impl Read + Seek),
    layout: &Layout,
    start: u64,
    end: u64,
    only_anomalies: bool,
) -> io::Result<Vec<ScoreRow>> {
    let length = usize::try_from(end - start).unwrap_or(usize::MAX);
    let mut labels = vec![0; length];
    file.seek(SeekFrom::Start(layout.labels.start + start))?;
    file.read_exact(&mut labels)?;
    if only_anomalies && labels.iter().all(|label| *label == 0) {
        return Ok(Vec::new());
    }
    let mut scores = vec![0; length * 8];
    file.seek(SeekFrom::Start(layout.scores.start + start * 8))?;
    file.read_exact(&mut scores)?;
    let (scores, _) = scores.as_chunks::<8>();
    let rows = (start..end).zip(scores).zip(labels);
    let rows = rows.map(|((row, score), label)| ScoreRow {
        row_idx: index(row),
        score: f64::from_le_bytes(*score),
        anomaly: label != 0,
        reasons: Vec::new(),
    });
    Ok(rows.filter(|row| row.anomaly || !only_anomalies).collect())
}

/// No file that fits on a disk has more rows.
fn index(row: u64) -> i64 {
    i64::try_from(row).unwrap_or(i64::MAX)
}
