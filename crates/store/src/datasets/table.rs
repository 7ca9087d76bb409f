//! The file as rows of text: what it must look like before a cell is looked at.

use std::{
    collections::HashSet,
    io::{self, Read},
};

use csv::{Reader, ReaderBuilder, StringRecord};
use nunatak_domain::{Key, Problem};

use crate::StoreError;

/// More columns than any detector here is meant for; wide enough for a spectrum.
pub(super) const MAX_COLUMNS: usize = 1000;
/// A row of 1000 numbers has some 20 KB; a quote that is never closed would make one of the whole file.
const MAX_ROW_BYTES: u64 = 4 << 20;

/// File name endings of formats that people try, with what they are.
const FOREIGN_ENDINGS: [(&str, &str); 10] = [
    (".parquet", "Parquet"),
    (".xlsx", "Excel"),
    (".xls", "Excel"),
    (".ods", "OpenDocument"),
    (".json", "JSON"),
    (".feather", "Arrow"),
    (".npy", "NumPy"),
    (".gz", "gzip"),
    (".zst", "Zstandard"),
    (".zip", "ZIP"),
];
/// First bytes of formats that people try.
const FOREIGN_BYTES: [(&[u8], &str); 6] = [
    (b"PAR1", "Parquet"),
    (b"PK\x03\x04", "a ZIP or Excel file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"ARROW1", "Arrow"),
];
const BOM: &str = "\u{feff}";

/// Rows of a CSV file, each as long as the header.
pub(super) struct Table<R> {
    reader: Reader<Bounded<R>>,
    pub(super) header: Vec<String>,
    record: StringRecord,
    pub(super) rows: u64,
}

impl<R: Read> Table<R> {
    /// Reads the header.
    pub(super) fn open(file_name: &str, mut file: R) -> Result<Self, StoreError> {
        let mut head = Vec::new();
        file.by_ref().take(4096).read_to_end(&mut head)?;
        check_format(file_name, &head)?;
        let bounded = Bounded { head: io::Cursor::new(head), rest: file, left: MAX_ROW_BYTES };
        let mut reader =
            ReaderBuilder::new().flexible(true).has_headers(false).buffer_capacity(1 << 16).from_reader(bounded);
        let mut record = StringRecord::new();
        let found = reader.read_record(&mut record).map_err(|error| unreadable(error, 0))?;
        let mut header: Vec<String> = record.iter().map(|name| name.trim().to_owned()).collect();
        if let Some(name) = header.first_mut().filter(|name| name.starts_with(BOM)) {
            // Spreadsheets write a byte order mark, which is no part of the first name.
            *name = name.trim_start_matches(BOM).trim_matches('"').trim().to_owned();
        }
        if !found || header.iter().all(String::is_empty) {
            return Err(problem("EMPTY_FILE", "the file is empty; a table begins with a line of column names"));
        }
        check_header(&header)?;
        Ok(Self { reader, header, record, rows: 0 })
    }

    /// The next row; `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<&StringRecord>, StoreError> {
        self.reader.get_mut().left = MAX_ROW_BYTES;
        if !self.reader.read_record(&mut self.record).map_err(|error| unreadable(error, self.rows + 1))? {
            return Ok(None);
        }
        self.rows += 1;
        let (expected, got) = (self.header.len(), self.record.len());
        if expected == got {
            return Ok(Some(&self.record));
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        let message = format!("row {} (line {line}) has {got} fields, the header has {expected}", self.rows);
        Err(problem("RAGGED_ROW", message))
    }
}

fn check_format(file_name: &str, head: &[u8]) -> Result<(), StoreError> {
    let lower = file_name.to_ascii_lowercase();
    let by_name = FOREIGN_ENDINGS.iter().find(|(ending, _)| lower.ends_with(ending)).map(|(_, format)| *format);
    let by_bytes = FOREIGN_BYTES.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, format)| *format);
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Err(problem("NOT_UTF8", "the file is UTF-16; save it as UTF-8"));
    }
    let binary = head.contains(&0).then_some("a binary format");
    match by_bytes.or(by_name).or(binary) {
        None => Ok(()),
        Some(format) => {
            let message = format!("this looks like {format}; only comma-separated text (CSV) is read for now");
            Err(problem("UNSUPPORTED_FORMAT", message))
        }
    }
}

fn check_header(header: &[String]) -> Result<(), StoreError> {
    if header.len() > MAX_COLUMNS {
        let message = format!("the file has {} columns; at most {MAX_COLUMNS} are allowed", header.len());
        return Err(problem("TOO_MANY_COLUMNS", message));
    }
    if let ([only], Some(separator)) = (header, [';', '\t', '|'].iter().find(|c| header[0].contains(**c))) {
        let message = format!("the header `{}` looks separated by {separator:?}; separate by commas", excerpt(only));
        return Err(problem("UNSUPPORTED_FORMAT", message));
    }
    let mut seen = HashSet::new();
    for (place, name) in header.iter().enumerate() {
        if name.is_empty() {
            let message = format!("column {} has no name; name or drop it (pandas: to_csv(…, index=False))", place + 1);
            return Err(problem("UNNAMED_COLUMN", message));
        }
        if Key::parse(name).is_err() {
            let message =
                format!("the name of column {} has control characters or more than 250 characters", place + 1);
            return Err(problem("INVALID_COLUMN_NAME", message));
        }
        if !seen.insert(name) {
            return Err(problem("DUPLICATE_COLUMN", format!("the header names the column `{}` twice", excerpt(name))));
        }
    }
    Ok(())
}

fn unreadable(error: csv::Error, row: u64) -> StoreError {
    let place = if row == 0 { "the header".to_owned() } else { format!("row {row}") };
    match error.into_kind() {
        csv::ErrorKind::Utf8 { err, .. } => {
            let message = format!("field {} of {place} is not UTF-8; save the file as UTF-8", err.field() + 1);
            problem("NOT_UTF8", message)
        }
        csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
            let message = format!("{place} is longer than {MAX_ROW_BYTES} bytes; perhaps a quote is never closed");
            problem("ROW_TOO_LONG", message)
        }
        csv::ErrorKind::Io(error) => StoreError::Files(error),
        other => problem("UNSUPPORTED_FORMAT", format!("{place} is not CSV: {other:?}")),
    }
}

pub(super) fn problem(code: &'static str, message: impl Into<String>) -> StoreError {
    Problem::new(code, message).at("upload").into()
}

pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}

/// A reader that refuses to go on when one row has taken too much.
struct Bounded<R> {
    head: io::Cursor<Vec<u8>>,
    rest: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let mut read = self.head.read(buffer)?;
        if read == 0 {
            read = self.rest.read(buffer)?;
        }
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}
