//! Tables on their way in and out: every format that people have becomes one Parquet file, in bounded memory.
//!
//! [`convert`] reads a file (CSV, JSON, XLSX, Parquet, wide or long) row by row, says what is in it ([`Profile`]) and writes
//! it as Parquet in the same pass. [`ParquetTable`] reads such a file back, a column or a stretch of rows at a time, and
//! [`write_csv`] writes it as text. No database, no async, no network: a path comes in, bytes go out.
//!
//! To read one more format: a module in `source/` with a type that is a [`source::Source`], and its line in
//! `source::open`. What it has to tell apart are missing cells, numbers, words and times; all else is common.

mod convert;
mod csv_out;
mod error;
mod long;
mod options;
mod parquet;
mod profile;
mod row;
mod sniff;
mod source;
mod time;

pub use convert::{Converted, Request, convert};
pub use csv_out::write_csv;
pub use error::TableError;
pub use options::{FileKind, FormatOptions, LongColumns, TimeFormat};
pub use parquet::read::ParquetTable;
pub use profile::{Column, ColumnRole, ColumnType, Profile, Wishes};
pub use row::Cell;
pub use source::csv::CsvPreview;
