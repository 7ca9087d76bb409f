//! Separated text: rows as long as the header.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use csv::{Reader, ReaderBuilder, StringRecord};

use super::{Flow, MAX_ROW_BYTES, Source, Take, check_header};
use crate::{
    TableError,
    error::{Result, excerpt, problem},
    row::Row,
};

const BOM: &str = "\u{feff}";
/// What may separate cells where nothing is said, the likeliest first.
const DELIMITERS: [u8; 4] = *b",;\t|";
/// A header of 1000 names of 60 letters.
const HEAD: u64 = 64 * 1024;

/// A CSV file.
pub(crate) struct CsvSource {
    path: PathBuf,
    delimiter: u8,
    header: Vec<String>,
}

impl CsvSource {
    /// Reads the header.
    pub(crate) fn open(path: &Path, delimiter: Option<char>) -> Result<Self> {
        let delimiter = match delimiter {
            // Checked to be ASCII.
            Some(delimiter) => u8::try_from(delimiter).unwrap_or(b','),
            None => delimiter_of(path)?,
        };
        let mut reader = reader(File::open(path)?, delimiter);
        let header = read_header(&mut reader)?;
        Ok(Self { path: path.to_owned(), delimiter, header })
    }
}

impl Source for CsvSource {
    fn header(&self) -> &[String] {
        &self.header
    }

    fn each(&mut self, take: &mut Take<'_>) -> Result<()> {
        let mut reader = reader(File::open(&self.path)?, self.delimiter);
        read_header(&mut reader)?;
        let (mut record, mut row, mut rows) = (StringRecord::new(), Row::default(), 0);
        while next_record(&mut reader, &mut record, rows + 1, self.header.len())? {
            rows += 1;
            row.set_texts(record.as_slice(), (0..record.len()).map(|cell| record.range(cell).unwrap_or_default()));
            row.line = record.position().map(csv::Position::line);
            if take(&row)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }
}

/// The first rows of a CSV file as text, for versions that were kept as CSV.
#[derive(Debug)]
pub struct CsvPreview {
    reader: Reader<Bounded<File>>,
    width: usize,
}

impl CsvPreview {
    /// # Errors
    /// What is wrong with the header; a failing disk.
    pub fn open(file: File) -> std::result::Result<Self, TableError> {
        let mut reader = reader(file, b',');
        let width = read_header(&mut reader)?.len();
        Ok(Self { reader, width })
    }

    /// At most `rows` rows; `None` for an empty cell.
    ///
    /// # Errors
    /// What is wrong with a row; a failing disk.
    pub fn rows(mut self, rows: usize) -> std::result::Result<Vec<Vec<Option<String>>>, TableError> {
        let (mut record, mut found) = (StringRecord::new(), Vec::with_capacity(rows));
        while found.len() < rows && next_record(&mut self.reader, &mut record, found.len() as u64 + 1, self.width)? {
            let cell = |cell: &str| Some(cell.trim()).filter(|cell| !cell.is_empty()).map(str::to_owned);
            found.push(record.iter().map(cell).collect());
        }
        Ok(found)
    }
}

fn reader(file: File, delimiter: u8) -> Reader<Bounded<File>> {
    let bounded = Bounded { rest: file, left: MAX_ROW_BYTES };
    ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .delimiter(delimiter)
        .buffer_capacity(1 << 17)
        .from_reader(bounded)
}

fn read_header(reader: &mut Reader<Bounded<File>>) -> Result<Vec<String>> {
    let mut record = StringRecord::new();
    reader.read_record(&mut record).map_err(|error| unreadable(error, 0))?;
    let mut header: Vec<String> = record.iter().map(|name| name.trim().to_owned()).collect();
    if let Some(name) = header.first_mut().filter(|name| name.starts_with(BOM)) {
        // Spreadsheets write a byte order mark, which is no part of the first name.
        *name = name.trim_start_matches(BOM).trim_matches('"').trim().to_owned();
    }
    check_header(&header)?;
    Ok(header)
}

/// The next row; false at the end.
fn next_record(reader: &mut Reader<Bounded<File>>, record: &mut StringRecord, row: u64, width: usize) -> Result<bool> {
    reader.get_mut().left = MAX_ROW_BYTES;
    if !reader.read_record(record).map_err(|error| unreadable(error, row))? {
        return Ok(false);
    }
    if record.len() == width {
        return Ok(true);
    }
    let line = record.position().map_or(0, csv::Position::line);
    let message = format!("row {row} (line {line}) has {} fields, the header has {width}", record.len());
    Err(problem("RAGGED_ROW", message))
}

/// What separates most names in the first line, outside of quotes.
fn delimiter_of(path: &Path) -> Result<u8> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    let (mut counts, mut quoted) = ([0; DELIMITERS.len()], false);
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted && counts != [0; DELIMITERS.len()] => break,
            _ if quoted => {}
            byte => {
                if let Some(place) = DELIMITERS.iter().position(|delimiter| *delimiter == byte) {
                    counts[place] += 1;
                }
            }
        }
    }
    // Of equals the likelier one, which stands first.
    let most = (0..counts.len()).rev().max_by_key(|place| counts[*place]).unwrap_or(0);
    Ok(DELIMITERS[most])
}

fn unreadable(error: csv::Error, row: u64) -> TableError {
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
        csv::ErrorKind::Io(error) => TableError::Io(error),
        other => problem("UNSUPPORTED_FORMAT", format!("{place} is not CSV: {}", excerpt(&format!("{other:?}")))),
    }
}

/// A reader that refuses to go on when one row has taken too much.
#[derive(Debug)]
struct Bounded<R> {
    rest: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let read = self.rest.read(buffer)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}
