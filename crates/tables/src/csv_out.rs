//! A Parquet file as CSV, a stretch of rows at a time.

use std::{fmt::Write as _, io::Write, ops::Range};

use crate::{Cell, ParquetTable, error::Result, source::Flow, time};

/// Writes the names and these rows as CSV (RFC 4180, lines end with a line feed). Numbers are the shortest that read back as
/// the same double, times are RFC 3339 in UTC, what is missing is empty.
///
/// # Errors
/// `UNREADABLE_FILE`; what `output` gives.
pub fn write_csv(table: &ParquetTable, rows: Range<u64>, output: &mut dyn Write) -> Result<()> {
    let mut text = String::new();
    for (place, name) in table.names().iter().enumerate() {
        separate(&mut text, place);
        push_text(&mut text, name);
    }
    text.push('\n');
    let all: Vec<usize> = (0..table.names().len()).collect();
    table.each_stretch(rows, &all, |cursors, rows| {
        for _ in 0..rows {
            for (place, cursor) in cursors.iter_mut().enumerate() {
                separate(&mut text, place);
                push_cell(&mut text, cursor.next_cell()?);
            }
            text.push('\n');
        }
        output.write_all(text.as_bytes())?;
        text.clear();
        Ok(Flow::On)
    })?;
    output.write_all(text.as_bytes())?;
    Ok(())
}

impl ParquetTable {
    /// These rows as text, in the order of the columns; `None` for a missing cell.
    ///
    /// # Errors
    /// `UNREADABLE_FILE`; a failing disk.
    pub fn text(&self, rows: Range<u64>) -> Result<Vec<Vec<Option<String>>>> {
        let all: Vec<usize> = (0..self.names().len()).collect();
        let mut found = Vec::new();
        self.each_stretch(rows, &all, |cursors, rows| {
            for _ in 0..rows {
                let cells = cursors.iter_mut().map(|cursor| Ok(plain(cursor.next_cell()?)));
                found.push(cells.collect::<Result<_>>()?);
            }
            Ok(Flow::On)
        })?;
        Ok(found)
    }
}

fn plain(cell: Cell<'_>) -> Option<String> {
    match cell {
        Cell::Missing => None,
        Cell::Number(number) => Some(number.to_string()),
        Cell::Time(micros) => Some(time::to_text(micros)),
        Cell::Text(word) => Some(word.to_owned()),
    }
}

fn separate(text: &mut String, place: usize) {
    if place > 0 {
        text.push(',');
    }
}

fn push_cell(text: &mut String, cell: Cell<'_>) {
    // Writing to a String cannot fail.
    let _ = match cell {
        Cell::Missing => Ok(()),
        Cell::Number(number) => write!(text, "{number}"),
        Cell::Time(micros) => write!(text, "{}", time::to_text(micros)),
        Cell::Text(word) => {
            push_text(text, word);
            Ok(())
        }
    };
}

fn push_text(text: &mut String, word: &str) {
    if word.contains([',', '"', '\n', '\r']) {
        text.push('"');
        text.push_str(&word.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(word);
    }
}
