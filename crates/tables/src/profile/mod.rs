//! What a table holds: its columns, what each is for, and their summaries. Memory does not grow with the rows.

mod classes;
mod column;
mod summary;

use nunatak_domain::Problem;
use serde::{Deserialize, Serialize};

pub use column::{Column, ColumnRole, ColumnType};
pub(crate) use summary::{Guess, Summary};

use crate::{
    FormatOptions,
    error::{Result, TableError, excerpt, problem},
};

/// What the client says of a file: which columns are special, and how it is to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    pub time_column: Option<String>,
    pub label_column: Option<String>,
    pub format: FormatOptions,
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
/// More would not be read by anybody.
const MAX_PROBLEMS: usize = 20;

impl Profile {
    /// The column with this role, if one has it.
    #[must_use]
    pub fn name_with(&self, role: ColumnRole) -> Option<String> {
        self.columns.iter().find(|column| column.role == role).map(|column| column.name.clone())
    }
}

pub(crate) fn finish(columns: Vec<Summary>, rows: u64) -> Result<Profile> {
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
        return Err(TableError::Invalid(problems));
    }
    if profile.columns.iter().any(|column| column.role == ColumnRole::Feature) {
        return Ok(profile);
    }
    Err(problem("NO_FEATURES", "besides time and label the file has no column; a detector needs at least one"))
}

/// What each column is taken for, from what the client says, an earlier version had, or the names suggest.
pub(crate) fn guesses(header: &[String], wishes: &Wishes, usual: &Wishes) -> Result<Vec<Guess>> {
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
        return Err(TableError::Invalid(problems));
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
