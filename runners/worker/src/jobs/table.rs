//! A job's dataset from Parquet to a frame: numbers go straight to their place, a row group at a time, so that memory holds
//! the table once.

use std::fs::File;
use std::path::Path;

use ndarray::Array2;
use nunatak_detector::{Frame, Labels, TextColumn};
use nunatak_tables::{Cell, ParquetTable, TableError};

use crate::failure::Failure;

/// Which columns of the file a job needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    /// Numbers that a detector looks at, in this order.
    pub(crate) features: Vec<String>,
    /// Words, where the file has them.
    pub(crate) words: Vec<String>,
    pub(crate) time: Option<String>,
    pub(crate) label: Option<String>,
}

/// Reads all rows of these columns.
pub(crate) fn read(path: &Path, columns: &Columns, max_bytes: u64) -> Result<Frame, Failure> {
    let table = ParquetTable::open(File::open(path)?).map_err(unreadable)?;
    let (rows, width) = (table.row_count(), columns.features.len());
    let bytes = rows.saturating_mul(width as u64).saturating_mul(8);
    if bytes > max_bytes {
        return Err(too_large(rows, width, max_bytes));
    }
    let count = usize::try_from(rows).map_err(|_| too_large(rows, width, max_bytes))?;
    let mut values = vec![0.0; count.saturating_mul(width)];
    table.read_numbers(&columns.features, 0..rows, &mut values).map_err(unreadable)?;
    let values = Array2::from_shape_vec((count, width), values)
        .map_err(|error| Failure::fail("DATA", format!("the rows do not form a table: {error}")))?;
    let time = columns.time.as_deref().map(|name| times(&table, name)).transpose()?;
    let mut frame = Frame::new(columns.features.clone(), values, time, None)?;
    let words = columns.words.iter().filter(|name| table.names().contains(name));
    let words = words.map(|name| words_of(&table, name)).collect::<Result<Vec<_>, _>>()?;
    if !words.is_empty() {
        frame = frame.with_text(words)?;
    }
    match &columns.label {
        Some(name) => Ok(labels(&table, name)?.put_on(frame)?),
        None => Ok(frame),
    }
}

/// Milliseconds, which is what frames have.
fn times(table: &ParquetTable, name: &str) -> Result<Vec<i64>, Failure> {
    let (mut found, mut missing) = (Vec::new(), None);
    let read = table.read_column(name, 0..table.row_count(), |row, cell| {
        match cell {
            Cell::Time(micros) => found.push(micros.div_euclid(1000)),
            _ => {
                missing.get_or_insert(row + 1);
            }
        }
        Ok(())
    });
    read.map_err(unreadable)?;
    match missing {
        None => Ok(found),
        Some(row) => Err(Failure::fail("DATA", format!("row {row} of the time column `{name}` has no time"))),
    }
}

fn words_of(table: &ParquetTable, name: &str) -> Result<TextColumn, Failure> {
    let mut column = TextColumn::named(name);
    let read = table.read_column(name, 0..table.row_count(), |_, cell| {
        match cell {
            Cell::Text(word) => column.push(Some(word)),
            Cell::Number(number) if !number.is_nan() => column.push(Some(&number.to_string())),
            Cell::Number(_) | Cell::Missing | Cell::Time(_) => column.push(None),
        }
        Ok(())
    });
    read.map_err(unreadable)?;
    Ok(column.finish())
}

fn labels(table: &ParquetTable, name: &str) -> Result<Labels, Failure> {
    let (mut labels, mut wrong) = (Labels::default(), None);
    let read = table.read_column(name, 0..table.row_count(), |row, cell| {
        let pushed = match cell {
            Cell::Text(class) => labels.push(class),
            // What nearly every label is needs no text made of it.
            Cell::Number(0.0) => labels.push("0"),
            Cell::Number(1.0) => labels.push("1"),
            Cell::Number(number) if !number.is_nan() => labels.push(&number.to_string()),
            Cell::Number(_) | Cell::Missing | Cell::Time(_) => labels.push(""),
        };
        if let Err(what) = pushed {
            wrong.get_or_insert((row + 1, what));
        }
        Ok(())
    });
    read.map_err(unreadable)?;
    match wrong {
        None => Ok(labels),
        Some((row, what)) => Err(Failure::fail("DATA", format!("row {row} of the label column `{name}` {what}"))),
    }
}

fn too_large(rows: u64, width: usize, max_bytes: u64) -> Failure {
    let needed = rows.saturating_mul(width as u64).saturating_mul(8) >> 20;
    let message = format!(
        "The dataset needs {needed} MB of memory ({rows} rows x {width} columns x 8 bytes) and this runner gives {} MB; \
         use fewer columns or rows, or a runner with a larger NUNATAK_MAX_DATASET_BYTES.",
        max_bytes >> 20
    );
    Failure::fail("DATASET_TOO_LARGE", message)
}

fn unreadable(error: TableError) -> Failure {
    match error {
        TableError::Io(error) => error.into(),
        TableError::Invalid(problems) => {
            let what: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
            Failure::fail("DATA", what.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use nunatak_detector::CsvOptions;
    use nunatak_tables::{Request, Wishes, convert};

    use super::*;

    const TEXT: &str = "time,a,kind,b,fault\n1970-01-01T00:00:01Z,1.5,M,,Normal\n1970-01-01T00:00:02Z,-2,,0.1,stuck\n";

    /// `TEXT` as the server keeps it.
    fn table(directory: &tempfile::TempDir) -> std::path::PathBuf {
        let (csv, parquet) = (directory.path().join("a.csv"), directory.path().join("a.parquet"));
        File::create(&csv).unwrap().write_all(TEXT.as_bytes()).unwrap();
        let wishes = Wishes { label_column: Some("fault".into()), ..Wishes::default() };
        let usual = Wishes::default();
        let request =
            Request { path: &csv, file_name: "a.csv", wishes: &wishes, usual: &usual, scratch: directory.path() };
        convert(&request, || File::create(&parquet)).unwrap();
        parquet
    }

    #[test]
    fn a_table_is_the_same_frame_from_parquet_as_from_csv() {
        let directory = tempfile::tempdir().unwrap();
        let columns = Columns {
            features: vec!["a".into(), "b".into()],
            words: vec!["kind".into(), "elsewhere".into()],
            time: Some("time".into()),
            label: Some("fault".into()),
        };
        let frame = read(&table(&directory), &columns, 32).unwrap();
        let options = CsvOptions {
            label_column: columns.label.clone(),
            time_column: columns.time.clone(),
            text_columns: columns.words.clone(),
            number_columns: Some(columns.features.clone()),
            ..CsvOptions::default()
        };
        let expected = Frame::from_csv(TEXT.as_bytes(), &options).unwrap();
        // NaN is not itself; all else is compared as it is.
        assert!(frame.row(0)[1].is_nan() && expected.row(0)[1].is_nan());
        assert_eq!((frame.row(0)[0], frame.row(1)), (expected.row(0)[0], expected.row(1)));
        assert_eq!((frame.time(), frame.text()), (expected.time(), expected.text()));
        assert_eq!(frame.target(), expected.target());
    }

    #[test]
    fn what_does_not_fit_is_refused_before_it_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let columns = Columns { features: vec!["a".into(), "b".into()], ..Columns::default() };
        let Failure::Told(told) = read(&table(&directory), &columns, 31).unwrap_err() else { panic!("told nothing") };
        assert_eq!((told.code.as_str(), told.retryable), ("DATASET_TOO_LARGE", false));
    }
}
