//! The records of a JSON file, `[{…}, …]` or one a line, cut out of the text one after another.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use super::MAX_ROW_BYTES;
use crate::error::{Result, excerpt, problem};

/// Cuts records out of a file; holds one at a time.
pub(super) struct Records {
    input: BufReader<File>,
    /// The record at hand.
    pub(super) text: Vec<u8>,
    /// Counts from 1.
    pub(super) number: u64,
    /// The line that the record begins in.
    pub(super) line: u64,
    line_now: u64,
    in_list: bool,
    ended: bool,
}

/// Where the scan of a record is.
#[derive(Default)]
struct Scan {
    depth: u32,
    quoted: bool,
    escaped: bool,
}

impl Records {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut input = BufReader::with_capacity(1 << 17, File::open(path)?);
        if input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            input.consume(3);
        }
        let text = Vec::new();
        Ok(Self { input, text, number: 0, line: 1, line_now: 1, in_list: false, ended: false })
    }

    /// Puts the next record into `text`; false at the end.
    pub(super) fn next(&mut self) -> Result<bool> {
        self.text.clear();
        if self.ended || !self.begin()? {
            return Ok(false);
        }
        self.number += 1;
        let mut scan = Scan::default();
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Err(self.broken("it is cut off in the middle of a record"));
            }
            let (used, done) = scan.pass(buffer);
            self.line_now += buffer[..used].iter().filter(|byte| **byte == b'\n').count() as u64;
            self.text.extend_from_slice(&buffer[..used]);
            self.input.consume(used);
            if done {
                return Ok(true);
            }
            if self.text.len() as u64 > MAX_ROW_BYTES {
                let message = format!("record {} is longer than {MAX_ROW_BYTES} bytes", self.number);
                return Err(problem("ROW_TOO_LONG", message));
            }
        }
    }

    /// Up to the brace that begins the next record; false where the file or its list ends.
    fn begin(&mut self) -> Result<bool> {
        let mut comma = self.number == 0 || !self.in_list;
        loop {
            let Some(byte) = self.input.fill_buf()?.first().copied() else {
                return if self.in_list { Err(self.broken("the list of records is not closed")) } else { Ok(false) };
            };
            match byte {
                b'{' if comma => {
                    self.line = self.line_now;
                    return Ok(true);
                }
                b'\n' => self.line_now += 1,
                b' ' | b'\t' | b'\r' => {}
                b'[' if self.number == 0 && !self.in_list => self.in_list = true,
                b',' if !comma => comma = true,
                b']' if self.in_list && (!comma || self.number == 0) => {
                    self.ended = true;
                    return Ok(false);
                }
                other => {
                    let shown = char::from(other).to_string();
                    let what = format!("`{}` where a record `{{…}}` should begin", excerpt(&shown));
                    return Err(self.broken(&what));
                }
            }
            self.input.consume(1);
        }
    }

    pub(super) fn broken(&self, what: &str) -> crate::TableError {
        let (number, line) = (self.number.max(1), self.line_now);
        problem("UNREADABLE_FILE", format!("the file is not JSON at record {number} (line {line}): {what}"))
    }
}

impl Scan {
    /// How many bytes belong to the record, and whether it ends there.
    fn pass(&mut self, buffer: &[u8]) -> (usize, bool) {
        for (place, byte) in buffer.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.quoted => self.escaped = true,
                b'"' => self.quoted = !self.quoted,
                _ if self.quoted => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return (place + 1, true);
                    }
                }
                _ => {}
            }
        }
        (buffer.len(), false)
    }
}
