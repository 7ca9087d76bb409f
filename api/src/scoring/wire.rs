//! What the server sends to a runner and what it takes from it, as JSON; `docs/runner-protocol.md` is its manual.

use bytes::Bytes;
use nunatak_store::scoring::ScoreRows;
use serde::{Deserialize, Serialize};

/// Rows, and the version to score them with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Question<'a> {
    pub(crate) artifact: Artifact<'a>,
    /// Holds instead of the file's own; null where the version has none.
    pub(crate) threshold: Option<f64>,
    /// Of each anomaly, this many reasons at most.
    pub(crate) reasons: usize,
    columns: &'a [String],
    rows: &'a [Vec<Option<f64>>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    category_columns: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    categories: &'a [Vec<Option<String>>],
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<&'a [i64]>,
    #[serde(skip)]
    count: usize,
}

/// The version's file, and the token that loads it.
#[derive(Debug, Serialize)]
pub(crate) struct Artifact<'a> {
    pub(crate) sha256: &'a str,
    pub(crate) size: i64,
    /// Relative to the server.
    pub(crate) url: String,
    pub(crate) token: String,
}

/// One score for each row, in order.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) scores: Vec<f64>,
    /// What was applied.
    pub(crate) threshold: f64,
    #[serde(default)]
    pub(crate) reasons: Vec<Explained>,
}

/// Why a row has its score: columns with their shares, the largest first.
#[derive(Debug, Deserialize)]
pub(crate) struct Explained {
    pub(crate) row: usize,
    pub(crate) because: Vec<(String, f64)>,
}

/// What a runner says where it does not score.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
}

impl<'a> Question<'a> {
    pub(crate) fn new(artifact: Artifact<'a>, threshold: Option<f64>, reasons: usize, rows: &'a ScoreRows) -> Self {
        Self {
            artifact,
            threshold,
            reasons,
            columns: &rows.columns,
            rows: &rows.rows,
            category_columns: &rows.category_columns,
            categories: &rows.categories,
            times: rows.times.as_deref(),
            count: rows.count(),
        }
    }

    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Written once, whoever is asked. Floats are written so that they read back exactly.
    pub(super) fn body(&self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(self).map(Into::into)
    }
}

impl Answer {
    /// A runner's word is not taken on trust: one finite score for each row, reasons of rows that there are.
    pub(super) fn is_sound(&self, question: &Question<'_>) -> bool {
        let named =
            |explained: &Explained| explained.row < question.count && explained.because.len() <= question.reasons;
        self.scores.len() == question.count
            && self.threshold.is_finite()
            && self.scores.iter().all(|score| score.is_finite())
            && self.reasons.len() <= question.count
            && self.reasons.iter().all(named)
    }
}
