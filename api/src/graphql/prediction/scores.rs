use async_graphql::{SimpleObject, connection::PageInfo};
use nunatak_domain::Problem;
use nunatak_store::{
    StoreError,
    predictions::{self, ScorePage, ScoreRow},
};

use super::super::scalars::Int64;

/// One row's score.
#[derive(SimpleObject, Debug, Clone)]
pub struct Score {
    /// From 0, in the order of the dataset or of the rows that were sent.
    pub row_index: Int64,
    /// Higher is more anomalous.
    pub score: f64,
    /// 1 where the score is above the threshold, else 0.
    pub label: i32,
    /// Why: the columns that contributed most to the score of an anomaly, the largest share first. Empty for normal
    /// rows, for versions trained before there were reasons, and for the lowest of very many anomalies.
    pub reasons: Vec<Reason>,
}

/// A column that contributed to a row's score.
#[derive(SimpleObject, Debug, Clone)]
pub struct Reason {
    /// A column of the dataset; `time` for what preprocessing made of a row's time.
    pub column: String,
    /// Of all that made the row anomalous, 0 to 1.
    pub share: f64,
}

impl From<predictions::Reason> for Reason {
    fn from(reason: predictions::Reason) -> Self {
        Self { column: reason.column, share: reason.share }
    }
}

/// Scores in the dataset's order.
#[derive(SimpleObject)]
pub struct ScoreConnection {
    /// The scores. With `onlyAnomalies` a page may have fewer than asked for although there are more: anomalies
    /// are looked for in part of a large dataset at a time.
    pub nodes: Vec<Score>,
    /// Whether to go on, and after what.
    pub page_info: PageInfo,
}

impl From<ScoreRow> for Score {
    fn from(row: ScoreRow) -> Self {
        Self {
            row_index: Int64(row.row_idx),
            score: row.score,
            label: i32::from(row.anomaly),
            reasons: row.reasons.into_iter().map(Into::into).collect(),
        }
    }
}

impl ScoreConnection {
    pub(super) fn new(page: ScorePage, after: Option<i64>) -> Self {
        let page_info = PageInfo {
            has_previous_page: after.is_some(),
            has_next_page: page.has_next,
            start_cursor: page.rows.first().map(|row| row.row_idx.to_string()),
            end_cursor: page.end.map(|row| row.to_string()),
        };
        Self { nodes: page.rows.into_iter().map(Into::into).collect(), page_info }
    }
}

/// A cursor of scores is the row's number; it is opaque to clients all the same.
pub(super) fn parse_cursor(after: Option<&String>) -> Result<Option<i64>, StoreError> {
    let parse = |text: &String| {
        let problem =
            || Problem::new("INVALID_CURSOR", "this cursor does not belong to scores; start again without it");
        text.parse().map_err(|_| StoreError::from(problem()))
    };
    after.map(parse).transpose()
}
