//! How an uploaded file is to be read.

use async_graphql::{Enum, InputObject};
use nunatak_domain::Problem;
use nunatak_store::datasets::{ColumnType as StoredType, FileKind, FormatOptions, LongColumns, TimeFormat};

use super::column::ColumnType;

/// What an uploaded file is.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "nunatak_store::datasets::FileKind")]
pub enum DatasetFileKind {
    /// UTF-8 text with a header line, separated by commas, semicolons, tabs or bars.
    Csv,
    /// Columns of numbers, text, times and booleans; no lists, no structures.
    Parquet,
    /// One sheet of an Excel workbook, its first row the header.
    Xlsx,
    /// Records: `[{"a": 1, "b": 2}, …]`.
    Json,
    /// A record a line.
    JsonLines,
    /// Column by column: `{"a": {"0": 1.0, "1": 2.0}, …}` as pandas' `to_json` writes it, or `{"a": [1.0, 2.0], …}`.
    JsonColumns,
}

/// How the time column is written.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetTimeFormat {
    /// ISO text; numbers by their size: seconds, from 1e11 on milliseconds, from 1e14 microseconds, from 1e17 nanoseconds.
    Auto,
    /// `2026-01-31T12:00:00Z`, `2026-01-31 12:00:00` and the like; what names no zone is UTC.
    Iso,
    /// Seconds since 1970.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMillis,
    /// Microseconds since 1970.
    UnixMicros,
    /// Nanoseconds since 1970.
    UnixNanos,
}

/// The columns of a long table, in which each row is one reading of one sensor. It becomes a table with a row for each time
/// and a column for each sensor.
#[derive(InputObject, Debug, Clone)]
pub struct LongColumnsInput {
    /// The column of the times.
    time: String,
    /// The column of the sensors' names.
    sensor: String,
    /// The column of the values.
    value: String,
}

/// What a column is, whatever its cells look like.
#[derive(InputObject, Debug, Clone)]
pub struct ColumnTypeInput {
    /// Its name.
    column: String,
    /// TEXT keeps numbers (postcodes, codes of states) as words, which `preprocessing.one_hot` can use.
    #[graphql(name = "type")]
    kind: ColumnType,
}

/// How to read an uploaded file. All of it may be left out: it is told from the file's first bytes, its name and its
/// contents.
#[derive(InputObject, Debug, Clone)]
pub struct DatasetFormatInput {
    /// What the file is.
    kind: Option<DatasetFileKind>,
    /// What separates the cells of CSV: one character; found in the header where it is left out.
    delimiter: Option<String>,
    /// The sheet of a workbook; the first where it is left out.
    sheet: Option<String>,
    /// How the time column is written.
    time_format: Option<DatasetTimeFormat>,
    /// How the time column is written where none of `timeFormat` is it, in strptime's letters: `%d.%m.%Y %H:%M:%S`.
    time_pattern: Option<String>,
    /// The table is long and is to be made wide.
    long: Option<LongColumnsInput>,
    /// Types of single columns.
    #[graphql(default)]
    types: Vec<ColumnTypeInput>,
}

impl DatasetFormatInput {
    /// As the store takes it.
    pub(super) fn parse(self) -> Result<FormatOptions, Problem> {
        let time_format = match (self.time_format, self.time_pattern) {
            (_, Some(pattern)) => TimeFormat::Pattern(pattern),
            (None | Some(DatasetTimeFormat::Auto), None) => TimeFormat::Auto,
            (Some(DatasetTimeFormat::Iso), None) => TimeFormat::Iso,
            (Some(DatasetTimeFormat::UnixSeconds), None) => TimeFormat::UnixSeconds,
            (Some(DatasetTimeFormat::UnixMillis), None) => TimeFormat::UnixMillis,
            (Some(DatasetTimeFormat::UnixMicros), None) => TimeFormat::UnixMicros,
            (Some(DatasetTimeFormat::UnixNanos), None) => TimeFormat::UnixNanos,
        };
        Ok(FormatOptions {
            kind: self.kind.map(FileKind::from),
            delimiter: self.delimiter.map(|text| one_character(&text)).transpose()?,
            sheet: self.sheet,
            time_format,
            long: self.long.map(|long| LongColumns { time: long.time, sensor: long.sensor, value: long.value }),
            types: self.types.into_iter().map(|told| (told.column, StoredType::from(told.kind))).collect(),
        })
    }
}

fn one_character(text: &str) -> Result<char, Problem> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(only), None) => Ok(only),
        _ => {
            let message = format!("`{text:.20}` is not one character; a tab is \"\\t\"");
            Err(Problem::new("INVALID_FORMAT", message).at("delimiter").at("format"))
        }
    }
}
