//! Long tables made wide: readings `(time, sensor, value)` in any order become a row for each time and a column for each
//! sensor. They are sorted on the disk, so that memory does not grow with the file.

mod runs;

use std::{collections::HashMap, path::Path};

use nunatak_domain::Problem;

use self::runs::{Reading, Runs};
use crate::{
    Cell, LongColumns, TimeFormat,
    error::{Result, excerpt, problem},
    row::Row,
    source::{Flow, MAX_COLUMNS, Source, Take, check_header},
    time,
};

/// The name of the time column, unless a sensor is called so; then the one of the long table.
pub(crate) struct LongSource {
    header: Vec<String>,
    runs: Runs,
}

impl LongSource {
    /// Reads the whole file once.
    pub(crate) fn open(
        inner: &mut dyn Source,
        columns: &LongColumns,
        format: &TimeFormat,
        scratch: &Path,
    ) -> Result<Self> {
        let places = Places::of(inner.header(), columns)?;
        let (mut sensors, mut runs, mut rows) = (HashMap::new(), Runs::new(scratch), 0_u64);
        let mut names: Vec<String> = Vec::new();
        inner.each(&mut |row| {
            rows += 1;
            let reading = places.reading(row, rows, columns, format, &mut |name: &str| {
                if let Some(known) = sensors.get(name) {
                    return *known;
                }
                names.push(name.to_owned());
                sensors.insert(name.to_owned(), names.len() - 1);
                names.len() - 1
            })?;
            if sensors.len() >= MAX_COLUMNS {
                let message = format!(
                    "`{}` names more than {} sensors; a table has at most {MAX_COLUMNS} columns",
                    excerpt(&columns.sensor),
                    MAX_COLUMNS - 1
                );
                return Err(problem("TOO_MANY_COLUMNS", message));
            }
            runs.push(reading)?;
            Ok(Flow::On)
        })?;
        if names.contains(&columns.time) {
            let message = format!("a sensor has the name of the time column, `{}`; rename one", excerpt(&columns.time));
            return Err(problem("DUPLICATE_COLUMN", message));
        }
        // By name, so that the order of the readings does not matter.
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_unstable_by(|a, b| names[*a].cmp(&names[*b]));
        let mut place = vec![0; names.len()];
        order.iter().enumerate().for_each(|(new, old)| place[*old] = new + 1);
        let header: Vec<String> =
            std::iter::once(columns.time.clone()).chain(order.iter().map(|old| names[*old].clone())).collect();
        check_header(&header)?;
        runs.finish(place)?;
        Ok(Self { header, runs })
    }
}

impl Source for LongSource {
    fn header(&self) -> &[String] {
        &self.header
    }

    fn each(&mut self, take: &mut Take<'_>) -> Result<()> {
        let mut row = Row::default();
        let mut last: Option<Reading> = None;
        let mut merged = self.runs.merged()?;
        while let Some(reading) = merged.next_reading()? {
            if last.is_none_or(|last| last.time != reading.time) {
                if last.is_some() && take(&row)? == Flow::Stop {
                    return Ok(());
                }
                row.reset(self.header.len());
                row.set(0, Cell::Time(reading.time));
            } else if last.is_some_and(|last| last.sensor == reading.sensor) {
                return Err(twice(&self.header, reading));
            }
            if !reading.value.is_nan() {
                row.set(reading.sensor as usize, Cell::Number(reading.value));
            }
            last = Some(reading);
        }
        if last.is_some() {
            take(&row)?;
        }
        Ok(())
    }
}

fn twice(header: &[String], reading: Reading) -> crate::TableError {
    let sensor = header.get(reading.sensor as usize).map(String::as_str).unwrap_or_default();
    let message = format!(
        "the sensor `{}` has two readings at {}; keep one of them, or write times more finely",
        excerpt(sensor),
        time::to_text(reading.time)
    );
    problem("DUPLICATE_READING", message)
}

/// Where the three columns are.
struct Places {
    time: usize,
    sensor: usize,
    value: usize,
}

impl Places {
    fn of(header: &[String], columns: &LongColumns) -> Result<Self> {
        let find = |name: &String, field: &str| {
            header.iter().position(|known| known == name).ok_or_else(|| {
                let known = header.iter().take(50).map(String::as_str).collect::<Vec<_>>().join(", ");
                let message = format!("there is no column `{}`; the file has: {known}", excerpt(name));
                Problem::new("UNKNOWN_COLUMN", message).at(field).at("long").at("format")
            })
        };
        let (time, sensor) = (find(&columns.time, "time")?, find(&columns.sensor, "sensor")?);
        Ok(Self { time, sensor, value: find(&columns.value, "value")? })
    }

    fn reading(
        &self,
        row: &Row,
        number: u64,
        columns: &LongColumns,
        format: &TimeFormat,
        sensor_of: &mut dyn FnMut(&str) -> usize,
    ) -> Result<Reading> {
        let time = match row.cell(self.time) {
            Cell::Time(micros) => Some(micros),
            Cell::Number(number) => format.of_number(number),
            Cell::Text(text) => format.parse(text.trim()),
            Cell::Missing => None,
        };
        let wrong = |code, column: &str, what: &str| {
            problem(code, format!("row {number} of the column `{}` {what}; correct it", excerpt(column)))
        };
        let time = time.ok_or_else(|| wrong("INVALID_TIME", &columns.time, "is no time"))?;
        let sensor = match row.cell(self.sensor) {
            Cell::Text(text) if !text.trim().is_empty() => sensor_of(text.trim()),
            Cell::Number(number) => sensor_of(&number.to_string()),
            _ => return Err(wrong("UNNAMED_COLUMN", &columns.sensor, "names no sensor")),
        };
        let value = match row.cell(self.value) {
            Cell::Missing => Some(f64::NAN),
            Cell::Number(number) => Some(number),
            Cell::Text(text) => crate::convert::number_of(text.trim()),
            Cell::Time(_) => None,
        };
        let value = value.filter(|value| !value.is_infinite());
        let value = value.ok_or_else(|| wrong("NON_NUMERIC", &columns.value, "is no finite number"))?;
        Ok(Reading { time, sensor: u32::try_from(sensor).unwrap_or(u32::MAX), value })
    }
}
