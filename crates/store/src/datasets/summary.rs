//! One column while it is read: what its cells amount to, and what is wrong with them.

use std::collections::HashSet;

use nunatak_domain::Problem;

use super::{Column, ColumnRole, ColumnType, classes::Classes, timestamp::parse_millis};

/// Different values are counted up to here: enough to tell a category from a measurement.
const MAX_DISTINCT: usize = 1000;
/// Longer words that begin alike count as one.
const MAX_WORD: usize = 200;

/// What a column is taken for while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guess {
    Feature,
    /// The client says so, or it is named `label`: 0 and 1, or names of classes. Never a feature: a detector would
    /// learn from the answer.
    Label,
    Time,
    /// Named `timestamp` or `time`: a time if all of it is one, else a feature.
    MaybeTime,
}

/// A cell that cannot be what it should be: row (from 1, after the header) and text.
pub(super) type Bad = (u64, String);

/// Sums up a column in one pass (Welford 1962).
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) name: String,
    guess: Guess,
    missing: u64,
    count: u64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
    distinct: Option<HashSet<u64>>,
    last: Option<u64>,
    classes: Classes,
    /// The first cell that is there is no number: the column holds words.
    words: Option<HashSet<String>>,
    not_number: Option<Bad>,
    not_time: Option<Bad>,
    times: (i64, i64),
}

impl Summary {
    pub(super) fn new(name: String, guess: Guess) -> Self {
        Self {
            name,
            guess,
            missing: 0,
            count: 0,
            mean: 0.0,
            squares: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            distinct: Some(HashSet::new()),
            last: None,
            classes: Classes::default(),
            words: None,
            not_number: None,
            not_time: None,
            times: (i64::MAX, i64::MIN),
        }
    }

    /// Whether the column is already known to be unfit.
    pub(super) fn is_bad(&self) -> bool {
        match self.guess {
            Guess::Feature => self.not_number.is_some(),
            Guess::Label => self.classes.problem().is_some(),
            Guess::Time => self.not_time.is_some(),
            Guess::MaybeTime => self.not_number.is_some() && self.not_time.is_some(),
        }
    }

    pub(super) fn add(&mut self, row: u64, cell: &str) {
        let cell = cell.trim();
        if matches!(self.guess, Guess::Time | Guess::MaybeTime) {
            self.add_time(row, cell);
        }
        let number = match cell {
            "" | "NA" | "N/A" | "null" | "NULL" | "None" => Some(f64::NAN),
            _ => cell.parse::<f64>().ok().filter(|number| !number.is_infinite()),
        };
        if self.guess == Guess::Label {
            self.classes.add(row, cell);
        }
        match number {
            Some(number) if number.is_nan() => self.missing += 1,
            Some(_) if self.words.is_some() => self.add_word(cell),
            Some(number) => self.add_number(number),
            None if self.may_be_words(cell) => self.add_word(cell),
            None => {
                if self.guess != Guess::Time {
                    self.not_number.get_or_insert_with(|| bad(row, cell));
                }
            }
        }
    }

    fn add_time(&mut self, row: u64, cell: &str) {
        if self.not_time.is_some() {
            return;
        }
        match parse_millis(cell) {
            Some(millis) => {
                self.times = (self.times.0.min(millis), self.times.1.max(millis));
                self.see(millis.cast_unsigned());
            }
            None => self.not_time = Some(bad(row, cell)),
        }
    }

    /// An infinity is no word, and neither is a slip below numbers.
    fn may_be_words(&self, cell: &str) -> bool {
        self.guess == Guess::Feature && self.count == 0 && cell.parse::<f64>().is_err()
    }

    /// A cell of a column that holds words: its first value was one. A word further down is a slip in a column of
    /// numbers, and is refused.
    fn add_word(&mut self, cell: &str) {
        let words = self.words.get_or_insert_default();
        if words.len() <= MAX_DISTINCT && !words.contains(cell) {
            words.insert(cell.chars().take(MAX_WORD).collect());
        }
    }

    fn add_number(&mut self, number: f64) {
        self.count += 1;
        #[expect(clippy::cast_precision_loss, reason = "a table has fewer than 2^52 rows")]
        let count = self.count as f64;
        let before = number - self.mean;
        self.mean += before / count;
        self.squares += before * (number - self.mean);
        self.min = self.min.min(number);
        self.max = self.max.max(number);
        if !matches!(self.guess, Guess::Time | Guess::MaybeTime) {
            // 0 and -0 are the same number.
            self.see((number + 0.0).to_bits());
        }
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
    pub(super) fn finish(self) -> Result<(Column, Option<i64>), Problem> {
        let role = match self.guess {
            Guess::Label => ColumnRole::Label,
            Guess::Time | Guess::MaybeTime if self.not_time.is_none() => ColumnRole::Time,
            _ if self.words.is_some() => ColumnRole::Ignored,
            _ => ColumnRole::Feature,
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
        let unfit_time = self.guess == Guess::Time || (self.guess == Guess::MaybeTime && self.not_number.is_some());
        if let (true, Some((row, cell))) = (unfit_time, &self.not_time) {
            let message = format!(
                "row {row} of the time column `{name}` is `{cell}`; write times as 2026-01-31T12:00:00Z, as \
                 2026-01-31 12:00:00 (UTC) or as seconds or milliseconds since 1970"
            );
            return Err(Problem::new("INVALID_TIME", message).at("timeColumn"));
        }
        if role != ColumnRole::Feature {
            return Ok(());
        }
        if let Some((row, cell)) = &self.not_number {
            let message = format!(
                "row {row} of the column `{name}` is `{cell}`, which is not a finite number as the rows before; \
                 correct it, or drop the column"
            );
            return Err(Problem::new("NON_NUMERIC", message).at("upload"));
        }
        if self.count == 0 {
            let message = format!("all {} values of the column `{name}` are missing; drop it", self.missing);
            return Err(Problem::new("ALL_MISSING", message).at("upload"));
        }
        Ok(())
    }

    fn column(self, role: ColumnRole) -> Column {
        if let Some(words) = &self.words {
            return self.words_column(role, words.len());
        }
        if role == ColumnRole::Label && self.not_number.is_some() {
            return self.words_column(role, self.classes.count());
        }
        let is_time = role == ColumnRole::Time;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of dates and counts of rows stay below 2^53")]
        let (min, max, std) = if is_time {
            (self.times.0 as f64, self.times.1 as f64, None)
        } else {
            (self.min, self.max, Some((self.squares / self.count as f64).sqrt()).filter(|std| std.is_finite()))
        };
        // A column that was expected to hold times counted none of its numbers.
        let counted = is_time || !matches!(self.guess, Guess::Time | Guess::MaybeTime);
        let distinct = self.distinct.filter(|_| counted).and_then(|seen| i64::try_from(seen.len()).ok());
        Column {
            name: self.name,
            kind: if is_time { ColumnType::Time } else { ColumnType::Number },
            role,
            missing: if is_time { 0 } else { self.missing.cast_signed() },
            min: Some(min),
            max: Some(max),
            mean: (!is_time).then_some(self.mean).filter(|mean| mean.is_finite()),
            std,
            distinct,
        }
    }
}

impl Summary {
    /// A column of words; only its distinct words are counted, up to [`MAX_DISTINCT`].
    fn words_column(&self, role: ColumnRole, distinct: usize) -> Column {
        Column {
            name: self.name.clone(),
            kind: ColumnType::Text,
            role,
            missing: self.missing.cast_signed(),
            min: None,
            max: None,
            mean: None,
            std: None,
            distinct: (distinct <= MAX_DISTINCT).then(|| i64::try_from(distinct).unwrap_or(i64::MAX)),
        }
    }
}

fn bad(row: u64, cell: &str) -> Bad {
    // A cell can be megabytes long; a message must not be.
    let mut shown: String = cell.chars().take(40).collect();
    if shown.len() < cell.len() {
        shown.push('…');
    }
    (row, shown)
}
