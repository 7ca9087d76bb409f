//! Readings in order of time and sensor: sorted in memory as far as that goes, then merged from the disk.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::error::{Result, problem};

/// Readings that are sorted at a time: 48 MB.
const IN_MEMORY: usize = 2_000_000;
/// Sorted files: each is open while they are merged. Two thousand million readings.
const MAX_RUNS: usize = 500;
const BYTES: usize = 20;

/// A sensor's value at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    /// Microseconds since 1970.
    pub(super) time: i64,
    pub(super) sensor: u32,
    /// NaN is missing.
    pub(super) value: f64,
}

impl Reading {
    const fn key(&self) -> (i64, u32) {
        (self.time, self.sensor)
    }

    fn write(&self, file: &mut impl Write) -> io::Result<()> {
        file.write_all(&self.time.to_le_bytes())?;
        file.write_all(&self.sensor.to_le_bytes())?;
        file.write_all(&self.value.to_le_bytes())
    }

    fn read(file: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = [0; BYTES];
        match file.read_exact(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let [t0, t1, t2, t3, t4, t5, t6, t7, s0, s1, s2, s3, value @ ..] = bytes;
        Ok(Some(Self {
            time: i64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
            sensor: u32::from_le_bytes([s0, s1, s2, s3]),
            value: f64::from_le_bytes(value),
        }))
    }
}

/// Sorted stretches of readings.
pub(super) struct Runs {
    scratch: PathBuf,
    memory: Vec<Reading>,
    files: Vec<File>,
    /// The column of each sensor.
    places: Vec<usize>,
}

impl Runs {
    pub(super) fn new(scratch: &Path) -> Self {
        Self { scratch: scratch.to_owned(), memory: Vec::new(), files: Vec::new(), places: Vec::new() }
    }

    pub(super) fn push(&mut self, reading: Reading) -> Result<()> {
        self.memory.push(reading);
        if self.memory.len() < IN_MEMORY {
            return Ok(());
        }
        if self.files.len() == MAX_RUNS {
            let most = MAX_RUNS * IN_MEMORY;
            let message = format!("a long table has at most {most} readings; send it in several datasets, or wide");
            return Err(problem("FILE_TOO_LARGE", message));
        }
        Ok(self.put_aside()?)
    }

    fn put_aside(&mut self) -> io::Result<()> {
        // Stable, so that of two readings at once the one that came first stands first.
        self.memory.sort_by_key(Reading::key);
        let mut file = BufWriter::with_capacity(1 << 17, tempfile::tempfile_in(&self.scratch)?);
        self.memory.iter().try_for_each(|reading| reading.write(&mut file))?;
        self.memory.clear();
        self.files.push(file.into_inner().map_err(io::IntoInnerError::into_error)?);
        Ok(())
    }

    /// Ends the reading; `places` are the columns of the sensors.
    pub(super) fn finish(&mut self, places: Vec<usize>) -> io::Result<()> {
        self.memory.sort_by_key(Reading::key);
        self.places = places;
        Ok(())
    }

    /// All readings by time, those of one time by sensor, from the beginning.
    pub(super) fn merged(&mut self) -> io::Result<Merged<'_>> {
        let mut files = Vec::with_capacity(self.files.len());
        for file in &mut self.files {
            file.rewind()?;
            files.push(BufReader::with_capacity(1 << 16, &*file));
        }
        let mut merged = Merged { files, memory: self.memory.iter(), heap: BinaryHeap::new(), places: &self.places };
        for run in 0..=merged.files.len() {
            merged.refill(run)?;
        }
        Ok(merged)
    }
}

/// A reading on the heap: by time and sensor, then by the run that it is from.
#[derive(Debug, Clone, Copy)]
struct Next(Reading, usize);

impl Next {
    const fn key(&self) -> (i64, u32, usize) {
        (self.0.time, self.0.sensor, self.1)
    }
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Next {}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

pub(super) struct Merged<'a> {
    files: Vec<BufReader<&'a File>>,
    memory: std::slice::Iter<'a, Reading>,
    heap: BinaryHeap<Reverse<Next>>,
    places: &'a [usize],
}

impl Merged<'_> {
    /// The next reading, with its column for its sensor.
    pub(super) fn next_reading(&mut self) -> io::Result<Option<Reading>> {
        let Some(Reverse(Next(reading, run))) = self.heap.pop() else { return Ok(None) };
        self.refill(run)?;
        let place = self.places.get(reading.sensor as usize).copied().unwrap_or(0);
        Ok(Some(Reading { sensor: u32::try_from(place).unwrap_or(0), ..reading }))
    }

    fn refill(&mut self, run: usize) -> io::Result<()> {
        let next = match self.files.get_mut(run) {
            Some(file) => Reading::read(file)?,
            None => self.memory.next().copied(),
        };
        self.heap.extend(next.map(|reading| Reverse(Next(reading, run))));
        Ok(())
    }
}
