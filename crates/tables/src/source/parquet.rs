//! A Parquet file as rows: its own columns, a stretch at a time.

use std::{fs::File, path::Path};

use super::{Flow, Source, Take, check_header};
use crate::{ParquetTable, error::Result, row::Row};

/// A Parquet file that somebody else wrote.
pub(crate) struct ParquetSource {
    table: ParquetTable,
}

impl ParquetSource {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let table = ParquetTable::open(File::open(path)?)?;
        check_header(table.names())?;
        Ok(Self { table })
    }
}

impl Source for ParquetSource {
    fn header(&self) -> &[String] {
        self.table.names()
    }

    fn each(&mut self, take: &mut Take<'_>) -> Result<()> {
        let width = self.table.names().len();
        let all: Vec<usize> = (0..width).collect();
        let (mut row, mut flow) = (Row::default(), Flow::On);
        self.table.each_stretch(0..u64::MAX, &all, |cursors, rows| {
            for _ in 0..rows {
                row.reset(width);
                for (place, cursor) in cursors.iter_mut().enumerate() {
                    row.set(place, cursor.next_cell()?);
                }
                flow = take(&row)?;
                if flow == Flow::Stop {
                    break;
                }
            }
            Ok(flow)
        })
    }
}
