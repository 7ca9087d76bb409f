//! The column of labels: 0 and 1, or names of classes.

use std::collections::HashMap;

use crate::{DetectorError, Frame, Target};

/// More are no classes but measurements or remarks.
const MAX_CLASSES: usize = 100;

/// Labels while they are read, a row at a time, from whatever file holds them.
#[derive(Debug, Default)]
pub struct Labels {
    codes: Vec<u32>,
    names: Vec<String>,
    seen: HashMap<String, u32>,
}

impl Labels {
    /// The next row's cell.
    ///
    /// # Errors
    /// A sentence without its subject that says what is wrong with the cell.
    pub fn push(&mut self, cell: &str) -> Result<(), &'static str> {
        let name = match cell.trim() {
            // `None` is no gap here but the class without a fault.
            "" | "NA" | "N/A" | "NaN" | "null" | "NULL" => {
                return Err("is no label: 0 (normal), 1 (anomaly) or the name of a class");
            }
            "0.0" => "0",
            "1.0" => "1",
            name => name,
        };
        let code = match self.seen.get(name) {
            Some(code) => *code,
            None if self.names.len() == MAX_CLASSES => return Err("is the 101st class; there may be 100"),
            None => {
                self.names.push(name.to_owned());
                self.seen.insert(name.to_owned(), self.seen.len() as u32);
                self.seen.len() as u32 - 1
            }
        };
        self.codes.push(code);
        Ok(())
    }

    /// The frame with these labels.
    ///
    /// # Errors
    /// [`DetectorError::Csv`] when none of the classes means that nothing is wrong; not one label for each row.
    pub fn put_on(self, frame: Frame) -> Result<Frame, DetectorError> {
        if self.names.iter().all(|name| name == "0" || name == "1") {
            let ones: Vec<u8> = self.names.iter().map(|name| u8::from(name == "1")).collect();
            return frame.with_labels(self.codes.iter().map(|code| ones[*code as usize]).collect());
        }
        if !self.names.iter().any(|name| Target::is_normal(name)) {
            return Err(DetectorError::csv(
                "no label means that nothing is wrong: one must be 0, normal, none, ok, healthy, no or false",
            ));
        }
        // By name, so that the order of the rows does not matter.
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_unstable_by(|a, b| self.names[*a].cmp(&self.names[*b]));
        let mut place = vec![0_u32; order.len()];
        order.iter().enumerate().for_each(|(new, old)| place[*old] = new as u32);
        let names = order.iter().map(|old| self.names[*old].clone()).collect();
        frame.with_target(Target::from_codes(names, self.codes.iter().map(|code| place[*code as usize]).collect())?)
    }
}
