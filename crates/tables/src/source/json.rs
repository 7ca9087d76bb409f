//! JSON records as rows: a list of them, or one a line. A key that a record lacks is a missing cell.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::{
    Flow, MAX_COLUMNS, Source, Take, check_header, json_cells::read_record, records::Records, too_many_columns,
};
use crate::{
    Cell,
    error::{Result, excerpt, problem},
    row::Row,
};

/// Records whose keys make the columns: those behind them may lack some, but have no others.
const HEADER_RECORDS: u64 = 1000;

/// A JSON file of records.
pub(crate) struct JsonSource {
    path: PathBuf,
    header: Vec<String>,
    places: HashMap<String, usize>,
}

impl JsonSource {
    /// Reads the first records for their keys.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut records = Records::open(path)?;
        let (mut header, mut places) = (Vec::new(), HashMap::new());
        while records.number < HEADER_RECORDS && records.next()? {
            let mut twice = None;
            let mut seen = vec![false; header.len()];
            read_record(&records, |_, key, _| {
                let place = *places.entry(key.to_owned()).or_insert_with(|| {
                    header.push(key.to_owned());
                    header.len() - 1
                });
                seen.resize(header.len(), false);
                if std::mem::replace(&mut seen[place], true) {
                    twice.get_or_insert_with(|| key.to_owned());
                }
            })?;
            if let Some(key) = twice {
                let message = format!("record {} has the key `{}` twice", records.number, excerpt(&key));
                return Err(problem("DUPLICATE_COLUMN", message));
            }
            if header.len() > MAX_COLUMNS {
                return Err(too_many_columns(header.len()));
            }
        }
        if records.number == 0 {
            return Err(problem("NO_ROWS", "the file has no records"));
        }
        check_header(&header)?;
        Ok(Self { path: path.to_owned(), header, places })
    }
}

impl Source for JsonSource {
    fn header(&self) -> &[String] {
        &self.header
    }

    fn each(&mut self, take: &mut Take<'_>) -> Result<()> {
        let mut records = Records::open(&self.path)?;
        let mut row = Row::default();
        while records.next()? {
            row.reset(self.header.len());
            row.line = Some(records.line);
            let mut unknown = None;
            read_record(&records, |nth, key, cell: Cell<'_>| {
                // Records mostly have the same keys in the same order.
                let here = self.header.get(nth).is_some_and(|name| name == key).then_some(nth);
                match here.or_else(|| self.places.get(key).copied()) {
                    Some(place) => row.set(place, cell),
                    None => {
                        unknown.get_or_insert_with(|| key.to_owned());
                    }
                }
            })?;
            if let Some(key) = unknown {
                let message = format!(
                    "record {} (line {}) has the key `{}`, which none of the first {HEADER_RECORDS} records has; let the \
                     first record have all keys, with null where there is no value",
                    records.number,
                    records.line,
                    excerpt(&key)
                );
                return Err(problem("RAGGED_ROW", message));
            }
            if take(&row)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }
}
