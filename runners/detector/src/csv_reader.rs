//! CSV text to [`Frame`], read as a stream and checked cell by cell.

use std::io::Read;

use csv::{ReaderBuilder, StringRecord};
use ndarray::Array2;

use crate::frame::first_duplicate;
use crate::labels::Labels;
use crate::text::TextColumnBuilder;
use crate::timestamp::parse_millis;
use crate::{DetectorError, Frame, TextColumn};

/// How to read a CSV file: which columns are not features, and how much to read at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvOptions {
    /// Column of labels, if any: 0 (normal) and 1 (anomaly), or names of classes of which at least one means that nothing
    /// is wrong ([`Target::is_normal`](crate::Target::is_normal)). It is no feature.
    pub label_column: Option<String>,
    /// Column of times, if any. It is no feature.
    pub time_column: Option<String>,
    /// Columns to read as words; those that the header does not have are passed over.
    pub text_columns: Vec<String>,
    /// The only columns of numbers to read, whatever is in the others; `None` for all.
    pub number_columns: Option<Vec<String>>,
    /// Longer input is an error; default 4 GiB.
    pub max_bytes: u64,
    /// More columns are an error; default 10 000.
    pub max_columns: usize,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            label_column: None,
            time_column: None,
            text_columns: Vec::new(),
            number_columns: None,
            max_bytes: 4 << 30,
            max_columns: 10_000,
        }
    }
}

impl Frame {
    /// Reads comma-separated text with a header line.
    ///
    /// Every column but the label and the time must be numeric; an empty cell, `NaN`, `NA` or `null` is a missing value.
    /// Times may be RFC 3339, `YYYY-MM-DD HH:MM:SS` (UTC) or epoch numbers (seconds, or milliseconds from 1e11 on).
    ///
    /// # Errors
    /// [`DetectorError::Csv`], naming the row (1 = first after the header), the line of the file and the column.
    pub fn from_csv(reader: impl Read, options: &CsvOptions) -> Result<Self, DetectorError> {
        // One byte more than allowed tells "too long" from "just fits".
        let mut limited = reader.take(options.max_bytes.saturating_add(1));
        let frame = read_table(&mut limited, options);
        if limited.limit() == 0 {
            return Err(DetectorError::csv(format!(
                "the file is longer than the permitted {} bytes",
                options.max_bytes
            )));
        }
        frame
    }
}

fn read_table(reader: impl Read, options: &CsvOptions) -> Result<Frame, DetectorError> {
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(reader);
    let layout = Layout::from_header(reader.headers().map_err(read_error)?, options)?;
    let (mut values, mut time, mut labels) = (Vec::new(), Vec::new(), Labels::default());
    let mut text = layout.text();
    let mut record = StringRecord::new();
    let mut n_rows = 0;
    while reader.read_record(&mut record).map_err(read_error)? {
        n_rows += 1;
        layout.check_width(n_rows, &record)?;
        for (cell, (role, name)) in record.iter().zip(layout.roles.iter().zip(&layout.header)) {
            let at = Position { row: n_rows, record: &record, column: name };
            match role {
                Role::Feature => values.push(parse_number(cell).ok_or_else(|| at.error(cell, "is not a number"))?),
                Role::Ignored => {}
                Role::Text(at) => text[*at].push(Some(cell.trim()).filter(|cell| !is_missing(cell))),
                Role::Time => time.push(parse_millis(cell).ok_or_else(|| at.error(cell, "is not a time"))?),
                Role::Label => labels.push(cell).map_err(|fault| at.error(cell, fault))?,
            }
        }
    }
    if n_rows == 0 {
        return Err(DetectorError::csv("the file has a header but no rows"));
    }
    let columns = layout.features();
    let values = Array2::from_shape_vec((n_rows, columns.len()), values)
        .map_err(|error| DetectorError::csv(format!("the rows do not form a table: {error}")))?;
    let time = options.time_column.is_some().then_some(time);
    let frame = Frame::new(columns, values, time, None)?;
    let frame = frame.with_text(text.into_iter().map(TextColumnBuilder::finish).collect())?;
    match options.label_column.is_some() {
        true => labels.put_on(frame),
        false => Ok(frame),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Feature,
    /// With its place among the columns of words.
    Text(usize),
    Ignored,
    Time,
    Label,
}

struct Layout {
    header: Vec<String>,
    roles: Vec<Role>,
}

impl Layout {
    fn from_header(record: &StringRecord, options: &CsvOptions) -> Result<Self, DetectorError> {
        let mut header: Vec<String> = record.iter().map(|name| name.trim().to_string()).collect();
        if let Some(first) = header.first_mut() {
            // Spreadsheets write a byte order mark, which is no part of the first name.
            *first = first.trim_start_matches('\u{feff}').to_string();
        }
        if header.iter().all(String::is_empty) {
            return Err(DetectorError::csv("the file is empty: expected a header line"));
        }
        if header.len() > options.max_columns {
            let (found, max) = (header.len(), options.max_columns);
            return Err(DetectorError::csv(format!("{found} columns, more than the permitted {max}")));
        }
        if let Some(position) = header.iter().position(String::is_empty) {
            return Err(DetectorError::csv(format!("column {} has no name in the header", position + 1)));
        }
        if let Some(name) = first_duplicate(&header) {
            return Err(DetectorError::csv(format!("the header names the column `{name}` twice")));
        }
        for (wanted, what) in [(&options.label_column, "label"), (&options.time_column, "time")] {
            if let Some(name) = wanted.as_ref().filter(|name| !header.contains(name)) {
                return Err(DetectorError::csv(format!("the {what} column `{name}` is not in the header")));
            }
        }
        if options.label_column.is_some() && options.label_column == options.time_column {
            return Err(DetectorError::csv("one column cannot be both label and time"));
        }
        if let Some(name) = options.number_columns.iter().flatten().find(|name| !header.contains(name)) {
            return Err(DetectorError::csv(format!("the column `{name}` is not in the header")));
        }
        let mut n_text = 0;
        let role = |name: &String| match Some(name) {
            name if name == options.label_column.as_ref() => Role::Label,
            name if name == options.time_column.as_ref() => Role::Time,
            Some(name) if options.text_columns.contains(name) => {
                n_text += 1;
                Role::Text(n_text - 1)
            }
            Some(name) if options.number_columns.as_ref().is_some_and(|wanted| !wanted.contains(name)) => Role::Ignored,
            _ => Role::Feature,
        };
        Ok(Self { roles: header.iter().map(role).collect(), header })
    }

    /// Empty columns for the words.
    fn text(&self) -> Vec<TextColumnBuilder> {
        let columns = self.header.iter().zip(&self.roles).filter(|(_, role)| matches!(role, Role::Text(_)));
        columns.map(|(name, _)| TextColumn::named(name)).collect()
    }

    fn features(&self) -> Vec<String> {
        self.header
            .iter()
            .zip(&self.roles)
            .filter(|(_, role)| **role == Role::Feature)
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn check_width(&self, row: usize, record: &StringRecord) -> Result<(), DetectorError> {
        if record.len() == self.header.len() {
            return Ok(());
        }
        let (line, found, expected) = (line_of(record), record.len(), self.header.len());
        let column = match self.header.get(found) {
            Some(name) => format!("column `{name}` is missing"),
            None => format!("column {} is one too many", expected + 1),
        };
        Err(DetectorError::csv(format!(
            "row {row} (line {line}): {found} cells where the header has {expected}; {column}"
        )))
    }
}

struct Position<'a> {
    row: usize,
    record: &'a StringRecord,
    column: &'a str,
}

impl Position<'_> {
    fn error(&self, cell: &str, problem: &str) -> DetectorError {
        // A cell can be megabytes long; a message must not be.
        let shown: String = cell.chars().take(40).collect();
        let (row, line, column) = (self.row, line_of(self.record), self.column);
        DetectorError::csv(format!("row {row} (line {line}), column `{column}`: `{shown}` {problem}"))
    }
}

fn line_of(record: &StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn is_missing(cell: &str) -> bool {
    matches!(cell, "" | "NA" | "N/A" | "NaN" | "nan" | "null" | "NULL" | "None")
}

fn parse_number(cell: &str) -> Option<f64> {
    let cell = cell.trim();
    if is_missing(cell) { Some(f64::NAN) } else { cell.parse().ok() }
}

fn read_error(error: csv::Error) -> DetectorError {
    match error.kind() {
        csv::ErrorKind::Utf8 { pos, err } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            DetectorError::csv(format!("line {line}, column {}: the text is not UTF-8", err.field() + 1))
        }
        csv::ErrorKind::Io(error) => DetectorError::csv(format!("the file could not be read: {error}")),
        _ => DetectorError::csv(format!("the file is not CSV: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Frame, String> {
        let options = CsvOptions { label_column: Some("label".into()), max_bytes: 80, ..CsvOptions::default() };
        Frame::from_csv(text.as_bytes(), &options).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_numbers_labels_and_missing_values() {
        let frame = read("\u{feff}a,label,b\r\n1,0,2.5\r\n,1,-1e3\r\n").unwrap();
        assert_eq!(frame.columns(), ["a", "b"]);
        assert_eq!(frame.labels(), Some(&[0, 1][..]));
        assert!(frame.row(1)[0].is_nan());
        assert_eq!(frame.row(1)[1], -1e3);
    }

    #[test]
    fn reads_words_and_classes() {
        let options = CsvOptions {
            label_column: Some("fault".into()),
            text_columns: vec!["kind".into(), "elsewhere".into()],
            number_columns: Some(vec!["a".into()]),
            ..CsvOptions::default()
        };
        let text = "kind,a,note,fault\nM,1,x,Normal\n,2,y,stuck valve\nL,3,z,Normal\n";
        let frame = Frame::from_csv(text.as_bytes(), &options).unwrap();
        assert_eq!(frame.columns(), ["a"]);
        assert_eq!((frame.text()[0].word(0), frame.text()[0].word(1)), (Some("M"), None));
        assert_eq!(frame.labels(), Some(&[0, 1, 0][..]));
        assert_eq!(frame.target().unwrap().names(), ["Normal", "stuck valve"]);
    }

    #[test]
    fn reads_times() {
        let options = CsvOptions { time_column: Some("timestamp".into()), ..CsvOptions::default() };
        let frame = Frame::from_csv("timestamp,value\n1970-01-01 00:00:01,5\n".as_bytes(), &options).unwrap();
        assert_eq!(frame.time(), Some(&[1000][..]));
        assert_eq!(frame.columns(), ["value"]);
    }

    #[test]
    fn errors_name_row_and_column() {
        let cases = [
            ("", "the file is empty: expected a header line"),
            ("a,label\n", "the file has a header but no rows"),
            ("a,a,label\n1,2,0\n", "the header names the column `a` twice"),
            ("a,,label\n1,2,0\n", "column 2 has no name in the header"),
            ("a,b\n1,2\n", "the label column `label` is not in the header"),
            ("a,label\n1,0\nx,0\n", "row 2 (line 3), column `a`: `x` is not a number"),
            (
                "a,label\n1,2\n",
                "no label means that nothing is wrong: one must be 0, normal, none, ok, healthy, no or false",
            ),
            (
                "a,label\n1,\n",
                "row 1 (line 2), column `label`: `` is no label: 0 (normal), 1 (anomaly) or the name of a class",
            ),
            ("a,b,label\n1,2,0\n1,2\n", "row 2 (line 3): 2 cells where the header has 3; column `label` is missing"),
            ("a,label\n1,0,9\n", "row 1 (line 2): 3 cells where the header has 2; column 3 is one too many"),
        ];
        for (text, message) in cases {
            assert_eq!(read(text).unwrap_err(), message);
        }
        let long = format!("a,label\n{}", "1,0\n".repeat(30));
        assert_eq!(read(&long).unwrap_err(), "the file is longer than the permitted 80 bytes");
    }
}
