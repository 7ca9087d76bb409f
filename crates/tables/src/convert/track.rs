//! One column on its way: each cell becomes a value to write, and part of the summary.

use std::borrow::Cow;

use crate::{
    Cell, ColumnType, TimeFormat,
    parquet::write::Values,
    profile::{Guess, Summary},
    time,
};

/// What a column must begin anew as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retype {
    /// Labels that were numbers so far are names of classes.
    Words,
    /// What is called a time is none.
    Feature,
}

pub(super) struct Track {
    pub(super) summary: Summary,
    pub(super) values: Values,
    /// A cell was not what it should be: the column will not be written.
    pub(super) failed: bool,
    guess: Guess,
    kind: ColumnType,
    format: TimeFormat,
}

impl Track {
    pub(super) fn new(summary: Summary, guess: Guess, kind: ColumnType, format: TimeFormat) -> Self {
        Self { summary, values: Values::new(kind), failed: false, guess, kind, format }
    }

    pub(super) fn add(&mut self, row: u64, cell: Cell<'_>) -> Result<(), Retype> {
        let cell = match cell {
            Cell::Text(text) => Cell::Text(text.trim()),
            other => other,
        };
        match self.kind {
            ColumnType::Number => self.add_number(row, cell)?,
            ColumnType::Text => self.add_word(row, cell),
            ColumnType::Time => self.add_time(row, cell)?,
        }
        self.failed = self.failed || self.summary.is_bad();
        Ok(())
    }

    fn add_number(&mut self, row: u64, cell: Cell<'_>) -> Result<(), Retype> {
        let Values::Numbers(values) = &mut self.values else { return Ok(()) };
        let number = match cell {
            Cell::Missing => Some(f64::NAN),
            Cell::Number(number) => Some(number),
            Cell::Text(text) => number_of(text),
            Cell::Time(_) => None,
        };
        let is_label = self.guess == Guess::Label;
        match number {
            // `None` is no gap in labels but the class without a fault.
            Some(number) if number.is_nan() && is_label && cell == Cell::Text("None") => return Err(Retype::Words),
            Some(number) if number.is_nan() => {
                values.push(f64::NAN);
                self.summary.add_missing(row);
            }
            Some(number) if number.is_finite() => {
                values.push(number);
                self.summary.add_number(number);
                if is_label {
                    self.summary.add_class(row, &text_of(cell));
                }
            }
            None if is_label => return Err(Retype::Words),
            Some(_) | None => {
                values.push(f64::NAN);
                self.summary.bad_number(row, &text_of(cell));
            }
        }
        Ok(())
    }

    fn add_word(&mut self, row: u64, cell: Cell<'_>) {
        let Values::Words(values) = &mut self.values else { return };
        let is_label = self.guess == Guess::Label;
        let word = text_of(cell);
        if is_missing_word(cell, &word, is_label) {
            values.push(None);
            return self.summary.add_missing(row);
        }
        values.push(Some(&word));
        if is_label {
            self.summary.add_class(row, &word);
        } else {
            self.summary.add_word(&word);
        }
    }

    fn add_time(&mut self, row: u64, cell: Cell<'_>) -> Result<(), Retype> {
        let Values::Times(values) = &mut self.values else { return Ok(()) };
        let micros = match cell {
            Cell::Time(micros) => Some(micros),
            Cell::Number(number) => self.format.of_number(number),
            Cell::Text(text) => self.format.parse(text),
            Cell::Missing => None,
        };
        match micros.filter(|micros| *micros != i64::MIN) {
            Some(micros) => {
                values.push(micros);
                self.summary.add_time(micros);
            }
            None if self.guess == Guess::MaybeTime => return Err(Retype::Feature),
            None => {
                values.push(i64::MIN);
                match (self.guess, super::is_missing(cell)) {
                    // A gap in times that are not the time column is a gap as others.
                    (_, true) => self.summary.add_missing(row),
                    _ => self.summary.bad_time(row, &text_of(cell)),
                }
            }
        }
        Ok(())
    }
}

/// The number that a cell of text is, NaN where it says that there is none, nothing where it is a word.
pub(crate) fn number_of(text: &str) -> Option<f64> {
    match text {
        "" | "NA" | "N/A" | "null" | "NULL" | "None" => Some(f64::NAN),
        _ => text.parse().ok(),
    }
}

fn is_missing_word(cell: Cell<'_>, word: &str, is_label: bool) -> bool {
    let none_is_a_class = is_label && word == "None";
    matches!(cell, Cell::Missing)
        || matches!(cell, Cell::Number(number) if number.is_nan())
        || (!none_is_a_class && number_of(word).is_some_and(f64::is_nan))
}

/// What the first value of a column makes of it; nothing where the cell is missing.
pub(super) fn type_of(cell: Cell<'_>, guess: Guess) -> Option<ColumnType> {
    match cell {
        Cell::Text(text) if guess == Guess::Label && text.trim() == "None" => Some(ColumnType::Text),
        cell if super::is_missing(cell) => None,
        Cell::Time(_) => Some(ColumnType::Time),
        Cell::Text(text) if number_of(text.trim()).is_none() => Some(ColumnType::Text),
        _ => Some(ColumnType::Number),
    }
}

fn text_of(cell: Cell<'_>) -> Cow<'_, str> {
    match cell {
        Cell::Missing => Cow::Borrowed(""),
        Cell::Text(text) => Cow::Borrowed(text),
        Cell::Number(number) => Cow::Owned(number.to_string()),
        Cell::Time(micros) => Cow::Owned(time::to_text(micros)),
    }
}
