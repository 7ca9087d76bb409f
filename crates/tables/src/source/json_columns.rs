//! JSON column by column, as pandas' `to_json` writes it: `{"a": {"0": 1.0, "1": 2.0}, "b": …}`, or with lists. The columns
//! stand one after another in the file, so they are put aside on the disk and read side by side.

use std::{
    cell::{Cell as Shared, RefCell},
    fmt,
    fs::File,
    hash::{DefaultHasher, Hasher},
    io::{self, BufReader, Read},
    path::Path,
    rc::Rc,
};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{
    Flow, MAX_COLUMNS, MAX_ROW_BYTES, Source, Take, cells::CellOf, check_header, json_cells::KeyInto, spill::Spill,
    too_many_columns,
};
use crate::{
    TableError,
    error::{Result, excerpt, problem},
    row::Row,
};

/// A JSON file of columns, put aside.
pub(crate) struct JsonColumns {
    header: Vec<String>,
    rows: u64,
    spill: Spill,
}

impl JsonColumns {
    /// Reads the whole file once.
    pub(crate) fn open(path: &Path, scratch: &Path) -> Result<Self> {
        let left = Rc::new(Shared::new(MAX_ROW_BYTES));
        let mut file = File::open(path)?;
        skip_mark(&mut file)?;
        let input = Bounded { input: BufReader::with_capacity(1 << 17, file), left: Rc::clone(&left) };
        let reading = RefCell::new(Reading { spill: Spill::new(scratch)?, ..Reading::default() });
        let mut json = serde_json::Deserializer::from_reader(input);
        let read = json.deserialize_map(Columns { reading: &reading, left: &left }).and_then(|()| json.end());
        let Reading { header, lengths, failed, mut spill, .. } = reading.into_inner();
        if let Some(failed) = failed {
            return Err(failed);
        }
        read.map_err(unreadable)?;
        check_header(&header)?;
        spill.flush()?;
        Ok(Self { header, rows: lengths.first().map_or(0, |(rows, _)| *rows), spill })
    }
}

impl Source for JsonColumns {
    fn header(&self) -> &[String] {
        &self.header
    }

    fn each(&mut self, take: &mut Take<'_>) -> Result<()> {
        let mut cursors = self.spill.cursors();
        let mut row = Row::default();
        for _ in 0..self.rows {
            row.reset(self.header.len());
            for (place, cursor) in cursors.iter_mut().enumerate() {
                row.set(place, cursor.next_cell()?);
            }
            if take(&row)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Reading {
    header: Vec<String>,
    /// How many rows each column has, and what their names hash to.
    lengths: Vec<(u64, u64)>,
    spill: Spill,
    /// What the JSON library cannot carry.
    failed: Option<TableError>,
}

struct Columns<'a> {
    reading: &'a RefCell<Reading>,
    left: &'a Shared<u64>,
}

impl<'de> Visitor<'de> for Columns<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("columns by their names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let mut name = String::new();
        while map.next_key_seed(KeyInto(&mut name))?.is_some() {
            {
                let mut reading = self.reading.borrow_mut();
                reading.header.push(name.clone());
                if reading.header.len() > MAX_COLUMNS {
                    reading.failed = Some(too_many_columns(reading.header.len()));
                    return Err(A::Error::custom("too many columns"));
                }
            }
            let length = map.next_value_seed(OneColumn { reading: self.reading, left: self.left })?;
            let mut reading = self.reading.borrow_mut();
            reading.lengths.push(length);
            reading.spill.end_column();
            if reading.lengths[0] != length {
                let (first, other) = (excerpt(&reading.header[0]), excerpt(&name));
                let (rows, here) = (reading.lengths[0].0, length.0);
                let what = if rows == here { "names its rows otherwise than" } else { "has not as many rows as" };
                let message = format!("the column `{other}` ({here} rows) {what} `{first}` ({rows} rows)");
                reading.failed = Some(problem("RAGGED_ROW", message));
                return Err(A::Error::custom("ragged"));
            }
        }
        Ok(())
    }
}

struct OneColumn<'a> {
    reading: &'a RefCell<Reading>,
    left: &'a Shared<u64>,
}

impl OneColumn<'_> {
    /// Where the next cell goes; a failing disk is noted.
    fn keep<E: Error>(&self, kept: io::Result<()>) -> std::result::Result<(), E> {
        self.left.set(MAX_ROW_BYTES);
        kept.map_err(|error| {
            self.reading.borrow_mut().failed = Some(error.into());
            E::custom("the disk failed")
        })
    }
}

impl<'de> DeserializeSeed<'de> for OneColumn<'_> {
    type Value = (u64, u64);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(u64, u64), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneColumn<'_> {
    type Value = (u64, u64);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a column: a list of values, or values by the names of their rows")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(u64, u64), A::Error> {
        let (mut rows, mut hasher, mut name) = (0, DefaultHasher::new(), String::new());
        while map.next_key_seed(KeyInto(&mut name))?.is_some() {
            hasher.write(name.as_bytes());
            hasher.write_u8(0xff);
            let mut kept = Ok(());
            map.next_value_seed(CellOf(|cell: crate::Cell<'_>| kept = self.reading.borrow_mut().spill.push(cell)))?;
            self.keep(kept)?;
            rows += 1;
        }
        Ok((rows, hasher.finish()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<(u64, u64), A::Error> {
        let mut rows = 0;
        loop {
            let mut kept = Ok(());
            let seed = CellOf(|cell: crate::Cell<'_>| kept = self.reading.borrow_mut().spill.push(cell));
            if list.next_element_seed(seed)?.is_none() {
                return Ok((rows, 0));
            }
            self.keep(kept)?;
            rows += 1;
        }
    }
}

fn skip_mark(file: &mut File) -> io::Result<()> {
    use io::Seek;
    let mut mark = [0; 3];
    let marked = file.read(&mut mark)? == 3 && mark == *b"\xef\xbb\xbf";
    if marked { Ok(()) } else { file.rewind() }
}

fn unreadable(error: serde_json::Error) -> TableError {
    if error.is_io() {
        let error = io::Error::from(error);
        if error.kind() == io::ErrorKind::QuotaExceeded {
            return problem("ROW_TOO_LONG", format!("a cell or a name is longer than {MAX_ROW_BYTES} bytes"));
        }
        return error.into();
    }
    let code = if error.is_data() { "UNSUPPORTED_TYPE" } else { "UNREADABLE_FILE" };
    let what: String = error.to_string().chars().take(160).collect();
    let hint = if what.contains("expected value") { "; write null where there is no number, not NaN" } else { "" };
    problem(code, format!("the file is not JSON column by column: {what}{hint}"))
}

/// A reader that refuses to go on when one cell has taken too much.
struct Bounded {
    input: BufReader<File>,
    left: Rc<Shared<u64>>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let read = self.input.read(buffer)?;
        self.left.set(left.saturating_sub(read as u64));
        Ok(read)
    }
}
