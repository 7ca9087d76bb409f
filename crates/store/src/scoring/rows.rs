//! Rows that come with a request, and whether they are what a version was trained on.

use std::collections::BTreeSet;

use nunatak_domain::Problem;

use super::Scorable;
use crate::jobs::checks::{InputColumn, listed};

/// Rows to score at once: numbers by column and row, words the same way, perhaps a time for each row.
#[derive(Debug, Clone, Default)]
pub struct ScoreRows {
    pub columns: Vec<String>,
    /// `None` is a missing value.
    pub rows: Vec<Vec<Option<f64>>>,
    pub category_columns: Vec<String>,
    pub categories: Vec<Vec<Option<String>>>,
    /// Milliseconds since 1970.
    pub times: Option<Vec<i64>>,
}

/// What takes longer than a moment is a prediction, whose scores are kept.
pub const MAX_ROWS: usize = 10_000;
/// As JSON some MB, which is what a request may have.
const MAX_CELLS: usize = 200_000;

impl ScoreRows {
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.len().max(self.categories.len())
    }

    /// # Errors
    /// What is wrong with the rows themselves, whichever version is to score them.
    pub fn check(&self) -> Result<(), Problem> {
        let rows = self.count();
        if rows == 0 {
            return Err(Problem::new("TOO_FEW_ROWS", "there are no rows to score: give one at least").at("rows"));
        }
        if rows > MAX_ROWS || rows * (self.columns.len() + self.category_columns.len()) > MAX_CELLS {
            let message = format!(
                "at most {MAX_ROWS} rows and {MAX_CELLS} values are scored at once; send fewer, or `predict` a dataset"
            );
            return Err(Problem::new("LIMIT_EXCEEDED", message).at("rows"));
        }
        check_widths("rows", "columns", rows, self.columns.len(), &self.rows)?;
        check_widths("categories", "categoryColumns", rows, self.category_columns.len(), &self.categories)?;
        if let Some(times) = self.times.as_ref().filter(|times| times.len() != rows) {
            let message = format!("there are {} times for {rows} rows; give one for each, or none", times.len());
            return Err(Problem::new("INVALID_INPUT", message).at("times"));
        }
        Ok(())
    }
}

fn check_widths<T>(field: &str, names: &str, rows: usize, width: usize, values: &[Vec<T>]) -> Result<(), Problem> {
    if width == 0 && values.is_empty() {
        return Ok(());
    }
    if values.len() != rows {
        let message = format!("`{field}` has {} of {rows} rows; each row needs its values", values.len());
        return Err(Problem::new("INVALID_INPUT", message).at(field));
    }
    match values.iter().position(|row| row.len() != width) {
        None => Ok(()),
        Some(row) => {
            let message = format!("row {row} has {} values where `{names}` names {width}", values[row].len());
            Err(Problem::new("INVALID_INPUT", message).at(row.to_string()).at(field))
        }
    }
}

impl Scorable {
    /// # Errors
    /// `INPUT_SCHEMA` where the columns are not those of the version, `MISSING_VALUES` where it takes no gaps.
    pub fn check(&self, rows: &ScoreRows) -> Result<(), Problem> {
        let Some(schema) = &self.input_schema else { return Ok(()) };
        check_columns(schema, false, &rows.columns)?;
        check_columns(schema, true, &rows.category_columns)?;
        for (place, name) in rows.columns.iter().enumerate() {
            let strict = schema.iter().any(|column| column.name == *name && !column.nullable);
            let gap = if strict { rows.rows.iter().position(|row| row[place].is_none()) } else { None };
            if let Some(row) = gap {
                let message = format!(
                    "column `{name}` is missing in row {row}; send its value, or train with `preprocessing: {{impute: …}}`"
                );
                return Err(Problem::new("MISSING_VALUES", message)
                    .at(place.to_string())
                    .at(row.to_string())
                    .at("rows"));
            }
        }
        Ok(())
    }
}

/// The columns of one kind by name, in any order.
fn check_columns(schema: &[InputColumn], categories: bool, given: &[String]) -> Result<(), Problem> {
    let field = if categories { "categoryColumns" } else { "columns" };
    let expected: BTreeSet<&str> =
        schema.iter().filter(|column| column.is_category() == categories).map(|column| column.name.as_str()).collect();
    let got: BTreeSet<&str> = given.iter().map(String::as_str).collect();
    if got.len() < given.len() {
        return Err(Problem::new("INVALID_INPUT", format!("`{field}` names a column twice")).at(field));
    }
    if expected == got {
        return Ok(());
    }
    let mut faults = Vec::new();
    for (names, what) in [(&expected - &got, "missing"), (&got - &expected, "not expected")] {
        if !names.is_empty() {
            faults.push(format!("{what}: {}", listed(&names)));
        }
    }
    let kind = if categories { "columns of words" } else { "columns of numbers" };
    let message =
        format!("the version takes {} {kind}, `{field}` names {}; {}", expected.len(), got.len(), faults.join("; "));
    Err(Problem::new("INPUT_SCHEMA", message).at(field))
}
