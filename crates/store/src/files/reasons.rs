//! The reasons in a prediction's safetensors file, read by position.

use std::{
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
};

/// A column that contributed to a row's score.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    pub column: String,
    /// Of all that made the row anomalous, 0 to 1.
    pub share: f64,
}

/// Where the arrays lie in the file, in bytes, and the names that they refer to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ReasonLayout {
    /// Explained rows, ascending u64.
    pub(super) rows: Range<u64>,
    /// Places in `names` as u32, `width` a row; those beyond it are none.
    pub(super) columns: Range<u64>,
    /// f32, `width` a row.
    pub(super) shares: Range<u64>,
    pub(super) width: u64,
    pub(super) names: Vec<String>,
}

impl ReasonLayout {
    fn len(&self) -> u64 {
        (self.rows.end - self.rows.start) / 8
    }

    /// The row that is explained at place `at`; `None` beyond the last.
    pub(crate) fn row(&self, file: &mut (impl Read + Seek), at: u64) -> io::Result<Option<u64>> {
        if at >= self.len() {
            return Ok(None);
        }
        read(file, self.rows.start + at * 8).map(|bytes| Some(u64::from_le_bytes(bytes)))
    }

    /// The first place whose row is not before `row`.
    pub(crate) fn first_from(&self, file: &mut (impl Read + Seek), row: u64) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.row(file, middle)? {
                Some(explained) if explained < row => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The reasons at place `at`.
    pub(crate) fn of(&self, file: &mut (impl Read + Seek), at: u64) -> io::Result<Vec<Reason>> {
        let mut reasons = Vec::new();
        for entry in at * self.width..(at + 1) * self.width {
            let column = u32::from_le_bytes(read(file, self.columns.start + entry * 4)?);
            let share = f32::from_le_bytes(read(file, self.shares.start + entry * 4)?);
            if let Some(name) = usize::try_from(column).ok().and_then(|column| self.names.get(column)) {
                reasons.push(Reason { column: name.clone(), share: f64::from(share) });
            }
        }
        Ok(reasons)
    }
}

fn read<const N: usize>(file: &mut (impl Read + Seek), at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
