//! A question as the server sends it, and its answer.

use ndarray::Array2;
use nunatak_detector::{DetectorError, Frame, TextColumn};
use serde::{Deserialize, Serialize};

use super::engine::Refusal;

/// Rows, and the version to score them with.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) artifact: ArtifactRef,
    pub(crate) threshold: Option<f64>,
    pub(crate) reasons: usize,
    pub(crate) table: Table,
}

/// The same as it comes. Flat, because serde would take a flattened table apart value by value.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    artifact: ArtifactRef,
    /// Holds instead of the file's own.
    #[serde(default)]
    threshold: Option<f64>,
    /// Of each anomaly, this many reasons at most.
    #[serde(default)]
    reasons: usize,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    rows: Vec<Vec<Option<f64>>>,
    #[serde(default)]
    category_columns: Vec<String>,
    #[serde(default)]
    categories: Vec<Vec<Option<String>>>,
    #[serde(default)]
    times: Option<Vec<i64>>,
}

/// The version's file.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ArtifactRef {
    pub(crate) sha256: String,
    pub(crate) size: u64,
    /// A path on the server.
    pub(crate) url: String,
    /// Loads that file, for a while.
    pub(crate) token: String,
}

/// Rows as they come: numbers, words, perhaps times in milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<f64>>>,
    pub(crate) category_columns: Vec<String>,
    pub(crate) categories: Vec<Vec<Option<String>>>,
    pub(crate) times: Option<Vec<i64>>,
}

/// One score for each row, in order.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Answer {
    pub(crate) scores: Vec<f64>,
    pub(crate) threshold: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<Explained>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Explained {
    pub(crate) row: usize,
    /// Columns with their shares, the largest first.
    pub(crate) because: Vec<(String, f32)>,
}

impl Question {
    /// Reads and checks a body: each row has a value for each column.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let body: Body = serde_json::from_slice(body).map_err(|error| Refusal::Malformed(error.to_string()))?;
        let Body { artifact, threshold, reasons, columns, rows, category_columns, categories, times } = body;
        if !artifact.url.starts_with('/') || artifact.url.starts_with("//") {
            return Err(Refusal::Malformed("`artifact.url` is a path on the server".into()));
        }
        let table = Table { columns, rows, category_columns, categories, times };
        table.check()?;
        Ok(Self { artifact, threshold, reasons, table })
    }
}

impl Table {
    pub(crate) fn count(&self) -> usize {
        self.rows.len().max(self.categories.len())
    }

    fn check(&self) -> Result<(), Refusal> {
        let count = self.count();
        let whole = |rows: usize, columns: usize| rows == count || (rows == 0 && columns == 0);
        let sound = count > 0
            && whole(self.rows.len(), self.columns.len())
            && whole(self.categories.len(), self.category_columns.len())
            && self.rows.iter().all(|row| row.len() == self.columns.len())
            && self.categories.iter().all(|row| row.len() == self.category_columns.len())
            && self.times.as_ref().is_none_or(|times| times.len() == count);
        let message = "rows, categories and times must have one entry for each row, each row one value for each column";
        if sound { Ok(()) } else { Err(Refusal::Malformed(message.into())) }
    }

    /// Whether the rows of both can stand in one table.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.columns == other.columns
            && self.category_columns == other.category_columns
            && self.times.is_some() == other.times.is_some()
    }
}

/// One frame of the rows of tables that are [alike](Table::is_like), one after the other.
pub(crate) fn frame_of(tables: &[&Table]) -> Result<Frame, DetectorError> {
    let Some(first) = tables.first() else { return Err(DetectorError::data("there are no rows to score")) };
    let count = tables.iter().map(|table| table.count()).sum();
    let mut values = Vec::with_capacity(count * first.columns.len());
    for row in tables.iter().flat_map(|table| &table.rows) {
        values.extend(row.iter().map(|value| value.unwrap_or(f64::NAN)));
    }
    let values = Array2::from_shape_vec((count, first.columns.len()), values)
        .map_err(|error| DetectorError::data(format!("the rows do not form a table: {error}")))?;
    let times = tables.iter().map(|table| table.times.as_deref()).collect::<Option<Vec<_>>>();
    let frame = Frame::new(first.columns.clone(), values, times.map(|times| times.concat()), None)?;
    if first.category_columns.is_empty() {
        return Ok(frame);
    }
    let text = first.category_columns.iter().enumerate().map(|(place, name)| {
        let mut column = TextColumn::named(name);
        tables.iter().flat_map(|table| &table.categories).for_each(|row| column.push(row[place].as_deref()));
        column.finish()
    });
    frame.with_text(text.collect())
}
