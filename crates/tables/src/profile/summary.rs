//! One column while it is read: what its cells amount to, and what is wrong with them.

use std::collections::HashSet;

use nunatak_domain::Problem;

use super::{Column, ColumnRole, ColumnType, classes::Classes};
use crate::error::excerpt;

/// Different values are counted up to here: enough to tell a category from a measurement.
const MAX_DISTINCT: usize = 1000;
/// Longer words that begin alike count as one.
const MAX_WORD: usize = 200;

/// What a column is taken for while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guess {
    Feature,
    /// The client says so, or it is named `label`: 0 and 1, or names of classes. Never a feature: a detector would
    /// learn from the answer.
    Label,
    Time,
    /// Named `timestamp` or `time` and made of numbers: a time if all of it is one, else a feature.
    MaybeTime,
}

/// A cell that cannot be what it should be: row (from 1, after the header) and text.
type Bad = (u64, String);

/// Sums up a column in one pass (Welford 1962).
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) name: String,
    guess: Guess,
    kind: ColumnType,
    missing: u64,
    count: u64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
    distinct: Option<HashSet<u64>>,
    last: Option<u64>,
    classes: Classes,
    words: HashSet<String>,
    not_number: Option<Bad>,
    not_time: Option<Bad>,
    times: (i64, i64),
}

impl Summary {
    pub(crate) fn new(name: String, guess: Guess, kind: ColumnType) -> Self {
        Self {
            name,
            guess,
            kind,
            missing: 0,
            count: 0,
            mean: 0.0,
            squares: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            distinct: Some(HashSet::new()),
            last: None,
            classes: Classes::default(),
            words: HashSet::new(),
            not_number: None,
            not_time: None,
            times: (i64::MAX, i64::MIN),
        }
    }

    /// Whether the column is already known to be unfit.
    pub(crate) fn is_bad(&self) -> bool {
        self.not_number.is_some()
            || self.not_time.is_some()
            || (self.guess == Guess::Label && self.classes.problem().is_some())
    }

    pub(crate) fn add_missing(&mut self, row: u64) {
        self.missing += 1;
        match self.guess {
            Guess::Label => self.classes.add(row, ""),
            Guess::Time | Guess::MaybeTime => self.bad_time(row, ""),
            Guess::Feature => {}
        }
    }

    /// A cell that is no number, in a column of numbers.
    pub(crate) fn bad_number(&mut self, row: u64, cell: &str) {
        self.not_number.get_or_insert_with(|| (row, excerpt(cell)));
    }

    /// A cell that is no time, in a column of times.
    pub(crate) fn bad_time(&mut self, row: u64, cell: &str) {
        self.not_time.get_or_insert_with(|| (row, excerpt(cell)));
    }

    /// What the label of a row says, as text.
    pub(crate) fn add_class(&mut self, row: u64, cell: &str) {
        self.classes.add(row, cell);
    }

    pub(crate) fn add_time(&mut self, micros: i64) {
        self.times = (self.times.0.min(micros), self.times.1.max(micros));
        self.see(micros.cast_unsigned());
    }

    pub(crate) fn add_word(&mut self, cell: &str) {
        if self.words.len() <= MAX_DISTINCT && !self.words.contains(cell) {
            self.words.insert(cell.chars().take(MAX_WORD).collect());
        }
    }

    pub(crate) fn add_number(&mut self, number: f64) {
        self.count += 1;
        #[expect(clippy::cast_precision_loss, reason = "a table has fewer than 2^52 rows")]
        let count = self.count as f64;
        let before = number - self.mean;
        self.mean += before / count;
        self.squares += before * (number - self.mean);
        self.min = self.min.min(number);
        self.max = self.max.max(number);
        // 0 and -0 are the same number.
        self.see((number + 0.0).to_bits());
    }

    /// Counts a value among the different ones.
    fn see(&mut self, bits: u64) {
        if self.last == Some(bits) {
            return;
        }
        self.last = Some(bits);
        if let Some(seen) = &mut self.distinct {
            seen.insert(bits);
            if seen.len() > MAX_DISTINCT {
                self.distinct = None;
            }
        }
    }

    /// The column as it turned out, and how many of its labels are 1.
    pub(crate) fn finish(self) -> Result<(Column, Option<i64>), Problem> {
        let role = match (self.guess, self.kind) {
            (Guess::Label, _) => ColumnRole::Label,
            (Guess::Time | Guess::MaybeTime, _) => ColumnRole::Time,
            (Guess::Feature, ColumnType::Number) => ColumnRole::Feature,
            (Guess::Feature, ColumnType::Text | ColumnType::Time) => ColumnRole::Ignored,
        };
        self.check(role)?;
        let ones = (role == ColumnRole::Label).then(|| self.classes.faults().cast_signed());
        Ok((self.column(role), ones))
    }

    fn check(&self, role: ColumnRole) -> Result<(), Problem> {
        let name = &self.name;
        if let (Guess::Label, Some(problem)) = (self.guess, self.classes.final_problem()) {
            let message = format!("the label column `{name}`: {problem}; rename the column if it is none");
            return Err(Problem::new("BAD_LABEL", message).at("labelColumn"));
        }
        if let Some((row, cell)) = &self.not_time {
            let what = if role == ColumnRole::Time { "the time column" } else { "the column of times" };
            let message = format!(
                "row {row} of {what} `{name}` is `{cell}`; write times as 2026-01-31T12:00:00Z, as \
                 2026-01-31 12:00:00 (UTC) or as seconds or milliseconds since 1970, or say how they are written \
                 (`format: {{timeFormat: …}}`)"
            );
            return Err(Problem::new("INVALID_TIME", message).at("timeColumn"));
        }
        if let Some((row, cell)) = &self.not_number {
            let message = format!(
                "row {row} of the column `{name}` is `{cell}`, which is not a finite number as the rows before; \
                 correct it, or drop the column"
            );
            return Err(Problem::new("NON_NUMERIC", message).at("upload"));
        }
        if role == ColumnRole::Feature && self.count == 0 {
            let message = format!("all {} values of the column `{name}` are missing; drop it", self.missing);
            return Err(Problem::new("ALL_MISSING", message).at("upload"));
        }
        Ok(())
    }

    fn column(self, role: ColumnRole) -> Column {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of dates and counts of rows stay below 2^53")]
        let (min, max, std) = match self.kind {
            ColumnType::Number if self.count > 0 => {
                (Some(self.min), Some(self.max), Some((self.squares / self.count as f64).sqrt()))
            }
            ColumnType::Time if self.times.0 <= self.times.1 => {
                let millis = |micros: i64| Some(micros.div_euclid(1000) as f64);
                (millis(self.times.0), millis(self.times.1), None)
            }
            _ => (None, None, None),
        };
        let seen = match (self.kind, role) {
            (ColumnType::Text, ColumnRole::Label) => Some(self.classes.count()),
            (ColumnType::Text, _) => Some(self.words.len()).filter(|words| *words <= MAX_DISTINCT),
            _ => self.distinct.map(|seen| seen.len()),
        };
        let mean = (self.kind == ColumnType::Number && self.count > 0).then_some(self.mean);
        Column {
            name: self.name,
            kind: self.kind,
            role,
            missing: self.missing.cast_signed(),
            min,
            max,
            mean: mean.filter(|mean| mean.is_finite()),
            std: std.filter(|std| std.is_finite()),
            distinct: seen.and_then(|seen| i64::try_from(seen).ok()),
        }
    }
}
