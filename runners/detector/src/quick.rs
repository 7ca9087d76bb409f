//! Scoring a few rows with a model that is in memory already, without what only a stored prediction needs: metrics, figures.

use crate::{Context, DetectorError, Frame, InputKind, Model, RowReasons};

/// Scores of rows that came with a request.
#[derive(Debug, Clone, PartialEq)]
pub struct RowScores {
    /// One for each row, higher is more anomalous.
    pub scores: Vec<f64>,
    /// The threshold that holds: the one given, else the version's own.
    pub threshold: f64,
    /// Why the rows above the threshold are there; `None` where nobody asked, or the version is older than reasons.
    pub reasons: Option<RowReasons>,
}

impl Model {
    /// Whether a row's score depends on the version and the row alone: then rows of different requests may be scored in one
    /// table, and the scores are the same, bit for bit. Not so for series and where preprocessing looks back.
    pub fn scores_rows_alone(&self) -> bool {
        let looks_back = self.header().pipeline.as_ref().is_some_and(|pipeline| pipeline.look_back() > 0);
        self.input_kind() == InputKind::Tabular && !looks_back
    }

    /// Scores `frame` as [`predict_at`](crate::predict_at) would.
    ///
    /// # Errors
    /// Those of [`predict_at`](crate::predict_at).
    pub fn score_rows(
        &self,
        frame: &Frame,
        threshold: Option<f64>,
        with_reasons: bool,
        ctx: &Context<'_>,
    ) -> Result<RowScores, DetectorError> {
        let scored = self.score_prepared(frame, ctx)?;
        let threshold = threshold.unwrap_or(self.header().threshold);
        let reasons = if with_reasons { self.reasons(&scored, threshold, ctx)? } else { None };
        Ok(RowScores { scores: scored.scores().into_owned(), threshold, reasons })
    }
}
