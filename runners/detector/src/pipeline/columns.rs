//! The columns that a pipeline adds.

use std::f64::consts::TAU;

use chrono::{DateTime, Datelike, Timelike, Weekday};
use ndarray::Array2;

use super::{
    Derived, Pipeline, Report,
    options::{Statistic, TimeFeature},
};
use crate::{Frame, TextColumn};

/// Derived columns while they are made: those of numbers first, then all others.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) numbers: Vec<Vec<f64>>,
    extras: Vec<Vec<f64>>,
    pub(super) report: Report,
}

impl Builder {
    pub(super) fn extra(&mut self, column: Vec<f64>) {
        self.extras.push(column);
    }

    /// A column of 0 and 1 for each word.
    pub(super) fn one_hot(&mut self, column: &TextColumn, words: &[String]) {
        let mut columns = vec![vec![0.0; column.n_rows()]; words.len()];
        let places: std::collections::HashMap<&str, usize> =
            words.iter().enumerate().map(|(i, word)| (word.as_str(), i)).collect();
        let mut unknown = 0.0;
        for (row, word) in column.words().enumerate() {
            match word.and_then(|word| places.get(word)) {
                Some(place) => columns[*place][row] = 1.0,
                None => unknown += 1.0,
            }
        }
        *self.report.entry("unknown_words".into()).or_default() += unknown;
        self.extras.extend(columns);
    }

    /// The table, shape (n_rows, columns).
    pub(super) fn into_table(self, n_rows: usize) -> Array2<f64> {
        let columns: Vec<Vec<f64>> = self.numbers.into_iter().chain(self.extras).collect();
        Array2::from_shape_fn((n_rows, columns.len()), |(row, column)| columns[column][row])
    }
}

/// The names of all derived columns, in the order of [`Builder::into_table`].
pub(super) fn names(frame: &Frame, pipeline: &Pipeline) -> Vec<Derived> {
    let options = &pipeline.options;
    let numbers = frame.columns();
    let derived = |of: &str, name: String| Derived { name, of: of.to_owned() };
    let mut names: Vec<Derived> = numbers.iter().map(|name| derived(name, name.clone())).collect();
    for lag in &options.lags {
        names.extend(numbers.iter().map(|name| derived(name, format!("{name}_lag_{lag}"))));
    }
    if let Some(window) = options.rolling_window {
        for statistic in &options.rolling {
            let word = statistic.word();
            names.extend(numbers.iter().map(|name| derived(name, format!("{name}_rolling_{word}_{window}"))));
        }
    }
    names.extend(pipeline.indicated.iter().map(|i| derived(&numbers[*i], format!("{}_missing", numbers[*i]))));
    for (column, words) in options.one_hot.iter().zip(&pipeline.words) {
        names.extend(words.iter().map(|word| derived(column, format!("{column}={word}"))));
    }
    for feature in &options.time_features {
        names.extend(time_names(*feature).iter().map(|name| derived("time", (*name).to_owned())));
    }
    names
}

/// The column as it was `lag` rows before; the first rows repeat the first.
pub(super) fn look_back(column: &[f64], lag: usize) -> Vec<f64> {
    (0..column.len()).map(|row| column[row.saturating_sub(lag)]).collect()
}

/// A statistic of the last `window` rows, of fewer at the start.
pub(super) fn rolling(column: &[f64], window: usize, statistic: Statistic) -> Vec<f64> {
    let of = |row: usize| {
        let rows = &column[(row + 1).saturating_sub(window)..=row];
        let n = rows.len() as f64;
        let mean = rows.iter().map(|x| x / n).sum::<f64>();
        match statistic {
            Statistic::Mean => mean,
            Statistic::Std => rows.iter().map(|x| (x - mean).powi(2) / n).sum::<f64>().sqrt(),
            Statistic::Min => rows.iter().copied().fold(f64::INFINITY, f64::min),
            Statistic::Max => rows.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    };
    (0..column.len()).map(of).collect()
}

fn time_names(feature: TimeFeature) -> &'static [&'static str] {
    match feature {
        TimeFeature::TimeOfDay => &["time_of_day_sin", "time_of_day_cos"],
        TimeFeature::DayOfWeek => &["day_of_week_sin", "day_of_week_cos"],
        TimeFeature::DayOfYear => &["day_of_year_sin", "day_of_year_cos"],
        TimeFeature::Weekend => &["weekend"],
    }
}

pub(super) fn time_width(feature: TimeFeature) -> usize {
    time_names(feature).len()
}

pub(super) fn time_columns(feature: TimeFeature, time: &[i64]) -> Vec<Vec<f64>> {
    let date = |millis: &i64| DateTime::from_timestamp_millis(*millis).unwrap_or_default();
    let round = |turn: &dyn Fn(&i64) -> f64| {
        let angles: Vec<f64> = time.iter().map(|millis| turn(millis) * TAU).collect();
        vec![angles.iter().map(|angle| angle.sin()).collect(), angles.iter().map(|angle| angle.cos()).collect()]
    };
    match feature {
        TimeFeature::TimeOfDay => round(&|millis| f64::from(date(millis).num_seconds_from_midnight()) / 86_400.0),
        TimeFeature::DayOfWeek => round(&|millis| f64::from(date(millis).weekday().num_days_from_monday()) / 7.0),
        TimeFeature::DayOfYear => round(&|millis| f64::from(date(millis).ordinal0()) / 366.0),
        TimeFeature::Weekend => {
            let free = |millis| matches!(date(millis).weekday(), Weekday::Sat | Weekday::Sun);
            vec![time.iter().map(|millis| f64::from(u8::from(free(millis)))).collect()]
        }
    }
}
