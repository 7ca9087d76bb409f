//! Reads a whole table once and says what is in it, or what is wrong with it. Memory does not grow with the rows.

use std::io::Read;

use nunatak_domain::Problem;

use super::{
    Column, ColumnRole,
    summary::{Guess, Summary},
    table::{Table, excerpt, problem},
};
use crate::StoreError;

/// Which columns the client says are special.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    pub time_column: Option<String>,
    pub label_column: Option<String>,
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pub row_count: i64,
    pub columns: Vec<Column>,
    pub anomaly_count: Option<i64>,
}

/// A column's name is enough to take it for the label or the time, where its values agree.
const LABEL_NAME: &str = "label";
const TIME_NAMES: [&str; 2] = ["timestamp", "time"];
/// After the first cell that is wrong, other columns have this many rows to show theirs in the same answer.
const ROWS_AFTER_FAILURE: u64 = 1000;
/// More would not be read by anybody.
const MAX_PROBLEMS: usize = 20;

impl Profile {
    /// Blocks for as long as the file takes: about half a second for 100 MB. `usual` names the columns of an
    /// earlier version, which hold where the client says nothing and the header still has them.
    ///
    /// # Errors
    /// Problems with codes, at `upload`, `timeColumn` or `labelColumn`; a failing disk.
    pub fn of(file_name: &str, file: impl Read, wishes: &Wishes, usual: &Wishes) -> Result<Self, StoreError> {
        let mut table = Table::open(file_name, file)?;
        let guesses = guesses(&table.header, wishes, usual)?;
        let names = table.header.iter().cloned();
        let mut columns: Vec<Summary> = names.zip(guesses).map(|(name, guess)| Summary::new(name, guess)).collect();
        let mut last_row = u64::MAX;
        loop {
            let row = table.rows + 1;
            let Some(record) = table.next_row()? else { break };
            columns.iter_mut().zip(record).for_each(|(column, cell)| column.add(row, cell));
            if last_row == u64::MAX && columns.iter().any(Summary::is_bad) {
                last_row = row.saturating_add(ROWS_AFTER_FAILURE);
            }
            if row >= last_row {
                break;
            }
        }
        if table.rows == 0 {
            return Err(problem("NO_ROWS", "the file has a header but no rows"));
        }
        finish(columns, table.rows)
    }

    pub(super) fn name_with(&self, role: ColumnRole) -> Option<String> {
        self.columns.iter().find(|column| column.role == role).map(|column| column.name.clone())
    }
}

fn finish(columns: Vec<Summary>, rows: u64) -> Result<Profile, StoreError> {
    let mut profile = Profile { row_count: rows.cast_signed(), columns: Vec::new(), anomaly_count: None };
    let mut problems = Vec::new();
    for column in columns {
        match column.finish() {
            Ok((column, ones)) => {
                profile.anomaly_count = profile.anomaly_count.or(ones);
                profile.columns.push(column);
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems.truncate(MAX_PROBLEMS);
    if !problems.is_empty() {
        return Err(StoreError::Invalid(problems));
    }
    if profile.columns.iter().any(|column| column.role == ColumnRole::Feature) {
        return Ok(profile);
    }
    Err(problem("NO_FEATURES", "besides time and label the file has no column; a detector needs at least one"))
}

/// What each column is taken for, from what the client says, an earlier version had, or the names suggest.
fn guesses(header: &[String], wishes: &Wishes, usual: &Wishes) -> Result<Vec<Guess>, StoreError> {
    let has = |name: &String| header.contains(name);
    let unknown = |wish: &Option<String>, field: &str| {
        let name = wish.as_ref().filter(|name| !has(name))?;
        let known = header.iter().take(50).map(String::as_str).collect::<Vec<_>>().join(", ");
        let message = format!("there is no column `{}`; the header has: {known}", excerpt(name));
        Some(Problem::new("UNKNOWN_COLUMN", message).at(field))
    };
    let mut problems: Vec<Problem> =
        [unknown(&wishes.time_column, "timeColumn"), unknown(&wishes.label_column, "labelColumn")]
            .into_iter()
            .flatten()
            .collect();
    let both = wishes.time_column.as_ref().filter(|time| wishes.label_column.as_ref() == Some(time));
    if let Some(name) = both {
        let message = format!("`{}` cannot be both the time and the label", excerpt(name));
        problems.push(Problem::new("DUPLICATE_COLUMN", message).at("labelColumn"));
    }
    if !problems.is_empty() {
        return Err(StoreError::Invalid(problems));
    }
    let told = |wish: &Option<String>, usual: &Option<String>| wish.clone().or_else(|| usual.clone().filter(has));
    let time = told(&wishes.time_column, &usual.time_column);
    let label = told(&wishes.label_column, &usual.label_column);
    let default_time = TIME_NAMES.into_iter().find(|name| header.iter().any(|column| column == name));
    let guess = |name: &String| match Some(name.as_str()) {
        name if name == label.as_deref() && (name != time.as_deref() || wishes.label_column.is_some()) => Guess::Label,
        name if name == time.as_deref() => Guess::Time,
        Some(LABEL_NAME) if label.is_none() => Guess::Label,
        name if time.is_none() && name == default_time => Guess::MaybeTime,
        _ => Guess::Feature,
    };
    Ok(header.iter().map(guess).collect())
}
