//! A Parquet file as a table: its columns by name, a stretch of rows at a time.

use std::{fs::File, ops::Range};

use parquet::file::{
    metadata::ParquetMetaData,
    reader::{FileReader, SerializedFileReader},
};

use super::column::{ColumnCursor, Meaning, meaning};
use crate::{
    Cell,
    error::{Result, TableError, problem, unreadable},
    source::Flow,
};

/// Rows that are in memory at a time, of each column.
const STRETCH: usize = 4096;
/// A footer of 1000 columns and 10,000 row groups has some 100 MB; ours have a few MB at most.
const MAX_FOOTER: u64 = 256 << 20;

/// A file, its footer read and checked.
pub struct ParquetTable {
    file: SerializedFileReader<File>,
    names: Vec<String>,
    meanings: Vec<Meaning>,
}

impl std::fmt::Debug for ParquetTable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ParquetTable").field("names", &self.names).finish_non_exhaustive()
    }
}

impl ParquetTable {
    /// Reads the footer.
    ///
    /// # Errors
    /// `UNREADABLE_FILE`, `UNSUPPORTED_TYPE`; a failing disk.
    pub fn open(file: File) -> Result<Self> {
        check_footer(&file)?;
        guarded(|| {
            let file = SerializedFileReader::new(file)?;
            let schema = file.metadata().file_metadata().schema_descr();
            let names = schema.columns().iter().map(|column| column.name().to_owned()).collect();
            let meanings = schema.columns().iter().map(|column| meaning(column)).collect::<Result<_>>()?;
            Ok(Self { file, names, meanings })
        })
    }

    /// The columns' names, in the file's order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many rows there are.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        (0..self.metadata().num_row_groups()).map(|group| self.group_rows(group)).sum()
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.file.metadata()
    }

    fn group_rows(&self, group: usize) -> u64 {
        u64::try_from(self.metadata().row_group(group).num_rows()).unwrap_or(0)
    }

    /// Calls `take` with the number of each row of `rows`, counted from the first of them, and its cell in this column.
    ///
    /// # Errors
    /// `UNKNOWN_COLUMN`, `UNREADABLE_FILE`; what `take` gives.
    pub fn read_column(
        &self,
        name: &str,
        rows: Range<u64>,
        mut take: impl FnMut(usize, Cell<'_>) -> Result<()>,
    ) -> Result<()> {
        let column = self.place_of(name)?;
        let mut row = 0;
        self.each_stretch(rows, &[column], |cursors, stretch| {
            for _ in 0..stretch {
                take(row, cursors[0].next_cell()?)?;
                row += 1;
            }
            Ok(Flow::On)
        })
    }

    /// Writes the numbers of these columns into `into`, row after row, one of each column; NaN where there is none. A
    /// row group at a time, column by column, without another copy.
    ///
    /// # Errors
    /// `UNKNOWN_COLUMN`, `UNREADABLE_FILE`; a column that holds no numbers.
    pub fn read_numbers(&self, names: &[String], rows: Range<u64>, into: &mut [f64]) -> Result<()> {
        let width = names.len();
        let places = names.iter().map(|name| self.place_of(name)).collect::<Result<Vec<_>>>()?;
        let mut first = 0;
        self.each_stretch(rows, &places, |cursors, stretch| {
            for (column, cursor) in cursors.iter_mut().enumerate() {
                let cells = into[first * width + column..].iter_mut().step_by(width).take(stretch);
                take_numbers(cursor, cells, &names[column])?;
            }
            first += stretch;
            Ok(Flow::On)
        })
    }

    fn place_of(&self, name: &str) -> Result<usize> {
        let place = self.names.iter().position(|known| known == name);
        place.ok_or_else(|| problem("UNKNOWN_COLUMN", format!("the file has no column `{name}`")))
    }

    /// Reads these columns side by side, some rows at a time; `take` gets the cursors and how many rows they hold.
    pub(crate) fn each_stretch(
        &self,
        rows: Range<u64>,
        columns: &[usize],
        mut take: impl FnMut(&mut [ColumnCursor], usize) -> Result<Flow>,
    ) -> Result<()> {
        guarded(|| {
            let mut start = 0;
            for group in 0..self.metadata().num_row_groups() {
                let end = start + self.group_rows(group);
                let wanted = rows.start.max(start)..rows.end.min(end);
                let inside = wanted.start.saturating_sub(start)..wanted.end.saturating_sub(start);
                if wanted.start < wanted.end && self.each_of_group(group, inside, columns, &mut take)? == Flow::Stop {
                    break;
                }
                start = end;
            }
            Ok(())
        })
    }

    fn each_of_group(
        &self,
        group: usize,
        rows: Range<u64>,
        columns: &[usize],
        take: &mut impl FnMut(&mut [ColumnCursor], usize) -> Result<Flow>,
    ) -> Result<Flow> {
        let reader = self.file.get_row_group(group)?;
        let schema = self.metadata().file_metadata().schema_descr();
        let count = |rows: u64| usize::try_from(rows).map_err(|_| unreadable("Parquet", "too many rows"));
        let mut cursors = Vec::with_capacity(columns.len());
        for &column in columns {
            let descriptor = schema.column(column);
            let mut cursor = ColumnCursor::new(reader.get_column_reader(column)?, &descriptor, self.meanings[column])?;
            if rows.start > 0 {
                cursor.skip(count(rows.start)?)?;
            }
            cursors.push(cursor);
        }
        let mut left = count(rows.end - rows.start)?;
        while left > 0 {
            let stretch = left.min(STRETCH);
            cursors.iter_mut().try_for_each(|cursor| cursor.read(stretch))?;
            if take(&mut cursors, stretch)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            left -= stretch;
        }
        Ok(Flow::On)
    }
}

fn take_numbers<'a>(cursor: &mut ColumnCursor, cells: impl Iterator<Item = &'a mut f64>, name: &str) -> Result<()> {
    if let Some((values, levels)) = cursor.doubles() {
        let mut values = values.iter().copied();
        for (row, cell) in cells.enumerate() {
            let there = levels.is_none_or(|levels| levels.get(row) == Some(&1));
            *cell = if there { values.next().unwrap_or(f64::NAN) } else { f64::NAN };
        }
        return Ok(());
    }
    for cell in cells {
        *cell = match cursor.next_cell()? {
            Cell::Number(number) => number,
            Cell::Missing => f64::NAN,
            Cell::Text(_) | Cell::Time(_) => {
                return Err(problem("NON_NUMERIC", format!("the column `{name}` does not hold numbers")));
            }
        };
    }
    Ok(())
}

/// The footer's length stands before the last four bytes; what it says is believed by the reader, which makes room for it.
fn check_footer(mut file: &File) -> Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    let length = file.metadata()?.len();
    if length < 12 {
        return Err(unreadable("Parquet", "it is too short"));
    }
    let mut tail = [0; 8];
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut tail)?;
    let [a, b, c, d, magic @ ..] = tail;
    let footer = u64::from(u32::from_le_bytes([a, b, c, d]));
    if &magic != b"PAR1" || footer + 12 > length {
        return Err(unreadable("Parquet", "its end is missing"));
    }
    if footer > MAX_FOOTER {
        return Err(unreadable("Parquet", &format!("its footer has {footer} bytes, more than {MAX_FOOTER}")));
    }
    Ok(())
}

/// The reader's code is written for files that mean well: on others it may panic, which is then a problem of the file.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    caught.unwrap_or_else(|_| Err::<T, TableError>(unreadable("Parquet", "its parts contradict each other")))
}
