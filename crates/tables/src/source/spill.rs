//! Columns put aside on the disk one after another, to be read side by side.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use crate::{
    Cell,
    error::{Result, unreadable},
};

/// Of each column in memory: 1000 columns are 32 MB.
const AHEAD: usize = 32 * 1024;

/// Cells, column after column, in a file without a name.
#[derive(Default)]
pub(super) struct Spill {
    file: Option<BufWriter<File>>,
    written: u64,
    /// Where each column ends.
    ends: Vec<u64>,
    reader: Mutex<Option<File>>,
}

impl Spill {
    pub(super) fn new(scratch: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(scratch)?;
        Ok(Self { file: Some(BufWriter::with_capacity(1 << 17, file)), ..Self::default() })
    }

    pub(super) fn push(&mut self, cell: Cell<'_>) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        match cell {
            Cell::Missing => {
                file.write_all(&[0])?;
                self.written += 1;
            }
            Cell::Number(number) => {
                file.write_all(&[1])?;
                file.write_all(&number.to_le_bytes())?;
                self.written += 9;
            }
            Cell::Time(micros) => {
                file.write_all(&[3])?;
                file.write_all(&micros.to_le_bytes())?;
                self.written += 9;
            }
            Cell::Text(text) => {
                file.write_all(&[2])?;
                file.write_all(&(text.len() as u64).to_le_bytes())?;
                file.write_all(text.as_bytes())?;
                self.written += 9 + text.len() as u64;
            }
        }
        Ok(())
    }

    pub(super) fn end_column(&mut self) {
        self.ends.push(self.written);
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            *self.reader.get_mut().unwrap_or_else(PoisonError::into_inner) =
                Some(file.into_inner().map_err(io::IntoInnerError::into_error)?);
        }
        Ok(())
    }

    /// A cursor at the beginning of each column.
    pub(super) fn cursors(&self) -> Vec<Cursor<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let columns = starts.zip(self.ends.iter().copied());
        columns.map(|(at, end)| Cursor { spill: self, at, end, buffer: Vec::new(), taken: 0 }).collect()
    }
}

/// A place in a column.
pub(super) struct Cursor<'a> {
    spill: &'a Spill,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    taken: usize,
}

impl Cursor<'_> {
    pub(super) fn next_cell(&mut self) -> Result<Cell<'_>> {
        let kind = self.take(1)?[0];
        if kind == 0 {
            return Ok(Cell::Missing);
        }
        let eight: [u8; 8] = self.take(8)?.try_into().unwrap_or_default();
        if kind != 2 {
            let time = kind == 3;
            return Ok(if time {
                Cell::Time(i64::from_le_bytes(eight))
            } else {
                Cell::Number(f64::from_le_bytes(eight))
            });
        }
        let length = usize::try_from(u64::from_le_bytes(eight)).unwrap_or(0);
        let text = self.take(length)?;
        std::str::from_utf8(text).map(Cell::Text).map_err(|_| unreadable("JSON", "text that is not UTF-8"))
    }

    /// The next bytes of the column.
    fn take(&mut self, bytes: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.taken < bytes {
            self.fill(bytes)?;
        }
        let start = self.taken;
        self.taken += bytes;
        Ok(&self.buffer[start..start + bytes])
    }

    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let have = self.buffer.len();
        let room = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let more = room.min(bytes.max(AHEAD).saturating_sub(have));
        self.buffer.resize(have + more, 0);
        let mut file = self.spill.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let file = file.as_mut().ok_or_else(|| io::Error::other("nothing was put aside"))?;
        file.seek(SeekFrom::Start(self.at))?;
        file.read_exact(&mut self.buffer[have..])?;
        self.at += more as u64;
        if self.buffer.len() < bytes { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}
