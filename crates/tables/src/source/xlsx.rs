//! A sheet of an Excel workbook as rows. The first row that is not empty has the names; empty rows are passed over.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use calamine::{DataRef, Reader, Xlsx, XlsxError};
use chrono::NaiveDate;

use super::{Flow, Source, Take, check_header, xlsx_check};
use crate::{
    Cell, TableError,
    error::{Result, excerpt, problem, unreadable},
    row::Row,
    time,
};

/// A workbook, looked through.
pub(crate) struct XlsxSource {
    path: PathBuf,
    sheet: String,
    header: Vec<String>,
    /// The column of the sheet that the first name stands in.
    first: u32,
}

impl XlsxSource {
    /// Chooses the sheet and reads its first row.
    pub(crate) fn open(path: &Path, sheet: Option<&str>) -> Result<Self> {
        xlsx_check::check(path)?;
        let mut workbook = open_workbook(path)?;
        let sheet = choose(&workbook.sheet_names(), sheet)?;
        let mut cells = workbook.worksheet_cells_reader(&sheet).map_err(broken)?;
        let (mut at, mut first, mut header) = (None, 0, Vec::new());
        while let Some(cell) = cells.next_cell().map_err(broken)? {
            let (row, column) = cell.get_position();
            let name = text_of(cell.get_value());
            if name.is_empty() {
                continue;
            }
            if *at.get_or_insert(row) != row {
                break;
            }
            if header.is_empty() {
                first = column;
            }
            let place = (column - first) as usize;
            if place >= super::MAX_COLUMNS {
                return Err(super::too_many_columns(place + 1));
            }
            header.resize(place, String::new());
            header.push(name);
        }
        check_header(&header)?;
        Ok(Self { path: path.to_owned(), sheet, header, first })
    }
}

impl Source for XlsxSource {
    fn header(&self) -> &[String] {
        &self.header
    }

    fn each(&mut self, take: &mut Take<'_>) -> Result<()> {
        let mut workbook = open_workbook(&self.path)?;
        let mut cells = workbook.worksheet_cells_reader(&self.sheet).map_err(broken)?;
        let width = self.header.len();
        // The row at hand of the sheet; the first is the header.
        let (mut row, mut at, mut header_passed) = (Row::default(), None, false);
        row.reset(width);
        while let Some(cell) = cells.next_cell().map_err(broken)? {
            let (number, column) = cell.get_position();
            if matches!(cell.get_value(), DataRef::Empty) {
                continue;
            }
            if at.is_some_and(|at| at != number) {
                if header_passed && take(&row)? == Flow::Stop {
                    return Ok(());
                }
                header_passed = true;
                row.reset(width);
            }
            at = Some(number);
            row.line = Some(u64::from(number) + 1);
            if !header_passed {
                continue;
            }
            let place = column.checked_sub(self.first).map(|place| place as usize).filter(|place| *place < width);
            let Some(place) = place else {
                let message = format!("row {} of the sheet has a cell in a column without a name", number + 1);
                return Err(problem("RAGGED_ROW", message));
            };
            set(&mut row, place, cell.get_value());
        }
        if header_passed {
            take(&row)?;
        }
        Ok(())
    }
}

fn open_workbook(path: &Path) -> Result<Xlsx<BufReader<File>>> {
    Xlsx::new(BufReader::new(File::open(path)?)).map_err(broken)
}

fn choose(sheets: &[String], wanted: Option<&str>) -> Result<String> {
    let found = match wanted {
        Some(wanted) => sheets.iter().find(|name| *name == wanted),
        None => sheets.first(),
    };
    found.cloned().ok_or_else(|| {
        let known = sheets.iter().take(20).map(|name| excerpt(name)).collect::<Vec<_>>().join("`, `");
        let message = format!("the workbook has no sheet `{}`; it has `{known}`", excerpt(wanted.unwrap_or_default()));
        nunatak_domain::Problem::new("UNKNOWN_SHEET", message).at("sheet").at("format").into()
    })
}

fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::String(text) => text.trim().to_owned(),
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(_) => micros_of(value).map(time::to_text).unwrap_or_default(),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a measurement above 2^53 loses what no instrument resolves")]
fn set(row: &mut Row, place: usize, value: &DataRef<'_>) {
    let cell = match value {
        DataRef::Int(number) => Cell::Number(*number as f64),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::Bool(value) => Cell::Number(f64::from(u8::from(*value))),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::Text(text),
        DataRef::SharedString(text) => Cell::Text(text),
        DataRef::DateTime(moment) if moment.is_duration() => Cell::Number(moment.as_f64() * 86_400.0),
        DataRef::DateTime(_) => micros_of(value).map_or(Cell::Missing, Cell::Time),
        // `#N/A`, `#DIV/0!`: there is no value.
        DataRef::Error(_) | DataRef::Empty => Cell::Missing,
    };
    row.set(place, cell);
}

/// A date of Excel, which has no zone, as UTC.
fn micros_of(value: &DataRef<'_>) -> Option<i64> {
    let DataRef::DateTime(moment) = value else { return None };
    let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
    let date = NaiveDate::from_ymd_opt(i32::from(year), month.into(), day.into())?;
    let time = date.and_hms_milli_opt(hour.into(), minute.into(), second.into(), milli.into())?;
    Some(time.and_utc().timestamp_micros())
}

fn broken(error: XlsxError) -> TableError {
    match error {
        XlsxError::Io(error) if error.kind() != std::io::ErrorKind::InvalidData => error.into(),
        XlsxError::Password => problem("UNREADABLE_FILE", "the workbook has a password; save it without one"),
        error => unreadable("XLSX", &error.to_string()),
    }
}
