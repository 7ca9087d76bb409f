//! Files as rows: one module a format. A source is read from its beginning as often as it takes.

mod cells;
pub(crate) mod csv;
mod json;
mod json_cells;
mod json_columns;
mod parquet;
mod records;
mod spill;
mod xlsx;
mod xlsx_check;

use std::{collections::HashSet, path::Path};

use nunatak_domain::Key;

use crate::{
    FileKind, FormatOptions,
    error::{Result, excerpt, problem},
    row::Row,
};

/// More columns than any detector here is meant for; wide enough for a spectrum.
pub(crate) const MAX_COLUMNS: usize = 1000;
/// A row of 1000 numbers has some 20 KB; a quote that is never closed would make one of the whole file.
pub(crate) const MAX_ROW_BYTES: u64 = 4 << 20;

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    On,
    Stop,
}

/// What takes rows.
pub(crate) type Take<'a> = dyn FnMut(&Row) -> Result<Flow> + 'a;

/// A file that gives rows.
pub(crate) trait Source {
    /// The names of the columns, checked.
    fn header(&self) -> &[String];

    /// Every row from the first, each as long as the header, until `take` has enough.
    fn each(&mut self, take: &mut Take<'_>) -> Result<()>;
}

/// Opens a file of this kind and reads its header. `scratch` is a directory for what must be sorted.
pub(crate) fn open(path: &Path, kind: FileKind, options: &FormatOptions, scratch: &Path) -> Result<Box<dyn Source>> {
    Ok(match kind {
        FileKind::Csv => Box::new(csv::CsvSource::open(path, options.delimiter)?),
        FileKind::Json | FileKind::JsonLines => Box::new(json::JsonSource::open(path)?),
        FileKind::JsonColumns => Box::new(json_columns::JsonColumns::open(path, scratch)?),
        FileKind::Xlsx => Box::new(xlsx::XlsxSource::open(path, options.sheet.as_deref())?),
        FileKind::Parquet => Box::new(parquet::ParquetSource::open(path)?),
    })
}

/// Names that columns can have.
pub(crate) fn check_header(header: &[String]) -> Result<()> {
    if header.is_empty() || header.iter().all(String::is_empty) {
        return Err(problem("EMPTY_FILE", "the file is empty; a table begins with a line of column names"));
    }
    if header.len() > MAX_COLUMNS {
        return Err(too_many_columns(header.len()));
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

pub(crate) fn too_many_columns(found: usize) -> crate::TableError {
    problem("TOO_MANY_COLUMNS", format!("the file has {found} columns; at most {MAX_COLUMNS} are allowed"))
}
