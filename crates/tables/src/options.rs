//! What the client says of a file, all of it optional.

use std::collections::BTreeMap;

use chrono::format::{Item, StrftimeItems};
use nunatak_domain::Problem;
use serde::{Deserialize, Serialize};

use crate::profile::ColumnType;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FileKind {
    /// Text separated by commas, semicolons, tabs or bars.
    Csv,
    Parquet,
    Xlsx,
    /// Records `[{…}, …]`.
    Json,
    /// A record a line.
    JsonLines,
    /// `{"column": {"0": …}}` or `{"column": […]}`.
    JsonColumns,
}

impl FileKind {
    /// As in the schema and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Parquet => "PARQUET",
            Self::Xlsx => "XLSX",
            Self::Json => "JSON",
            Self::JsonLines => "JSON_LINES",
            Self::JsonColumns => "JSON_COLUMNS",
        }
    }
}

/// How times are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TimeFormat {
    /// Text as by `Iso`; numbers by their size: seconds, from 1e11 on milliseconds, from 1e14 on microseconds, from 1e17 on
    /// nanoseconds.
    #[default]
    Auto,
    /// `2026-01-31T12:00:00Z` and the like; what names no zone is UTC.
    Iso,
    UnixSeconds,
    UnixMillis,
    UnixMicros,
    UnixNanos,
    /// strptime's letters: `%d.%m.%Y %H:%M`.
    Pattern(String),
}

/// The columns of a long table, a row of which is one reading of one sensor.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LongColumns {
    pub time: String,
    pub sensor: String,
    pub value: String,
}

/// What is said of a file; what is not is found out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatOptions {
    pub kind: Option<FileKind>,
    /// Of text: one character.
    pub delimiter: Option<char>,
    /// Of a workbook: the sheet's name; the first one else.
    pub sheet: Option<String>,
    pub time_format: TimeFormat,
    /// The file is long and is to be made wide.
    pub long: Option<LongColumns>,
    /// What columns are, whatever their cells look like.
    pub types: BTreeMap<String, ColumnType>,
}

impl FormatOptions {
    /// # Errors
    /// `INVALID_FORMAT` for a delimiter or a pattern that cannot be.
    pub fn check(&self) -> Result<(), Problem> {
        let refuse = |field: &str, message: String| Err(Problem::new("INVALID_FORMAT", message).at(field).at("format"));
        if let Some(delimiter) = self.delimiter
            && (!delimiter.is_ascii()
                || delimiter.is_ascii_alphanumeric()
                || matches!(delimiter, '"' | '\n' | '\r' | '.'))
        {
            let message = format!("{delimiter:?} cannot separate cells; use `,`, `;`, `|` or a tab");
            return refuse("delimiter", message);
        }
        if let TimeFormat::Pattern(pattern) = &self.time_format {
            let known = StrftimeItems::new(pattern).all(|item| !matches!(item, Item::Error));
            if !known || pattern.len() > 100 || !pattern.contains('%') {
                let message = format!("`{pattern:.60}` is no pattern of times; write one as `%d.%m.%Y %H:%M:%S`");
                return refuse("timePattern", message);
            }
        }
        let Some(long) = &self.long else { return Ok(()) };
        if long.time == long.sensor || long.sensor == long.value || long.time == long.value {
            return refuse("long", "time, sensor and value are three different columns".to_owned());
        }
        Ok(())
    }
}
