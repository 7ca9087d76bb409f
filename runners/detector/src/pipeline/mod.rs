//! From the columns that a user has to the columns that a detector sees: learned in training, stored in the version, applied
//! before every score.
//!
//! In this order: missing numbers are filled, columns of numbers scaled, then come indicators of what was missing, one-hot
//! columns, lags and rolling statistics of the scaled columns, and time features. Lags, rolling statistics and
//! `forward_fill` look at the rows before in the order given; everything else looks at a row alone.

mod columns;
mod filter;
pub(crate) mod grid;
mod options;

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(crate) use options::{Options, schema};

use crate::{DetectorError, Frame, evaluation::quantile};
use columns::{Builder, look_back, names, rolling, time_columns};
use options::{Impute, MAX_LOOK_BACK, Scale};

/// Words of a column that get a column of their own.
const MAX_WORDS: usize = 50;

/// A user's [`Options`] with all that was learned for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    pub(crate) options: Options,
    /// One for each column of numbers: what stands in for a missing value, and (x - centre) / spread.
    fill: Vec<f64>,
    centre: Vec<f64>,
    spread: Vec<f64>,
    /// Columns of numbers that had missing values in training, by their place.
    indicated: Vec<usize>,
    /// The words of each one-hot column, most frequent first.
    words: Vec<Vec<String>>,
    /// The columns that come out, each with the input column that it was made of.
    features: Vec<Derived>,
}

/// A column that a pipeline makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Derived {
    pub(crate) name: String,
    /// The input column that it was made of; `time` for time features.
    pub(crate) of: String,
}

/// What happened on the way, for the result: nothing is filled or left out in silence.
pub(crate) type Report = BTreeMap<String, f64>;

/// The columns that `hyperparameters`, as submitted, want to be read as words.
pub fn category_columns(hyperparameters: &serde_json::Value) -> Vec<String> {
    let named = hyperparameters.pointer("/preprocessing/one_hot").and_then(serde_json::Value::as_array);
    named.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect()
}

impl Pipeline {
    /// Learns from `frame`, whose rows have passed the filter.
    pub(crate) fn fit(options: Options, frame: &Frame) -> Result<Self, DetectorError> {
        let missing = |name: &str| {
            let known: Vec<&str> = frame.text().iter().map(|column| column.name()).collect();
            let message = format!("there is no column of words `{name}`; there are: {}", known.join(", "));
            DetectorError::hyperparameter("preprocessing.one_hot", message)
        };
        let mut words = Vec::new();
        for name in &options.one_hot {
            let column = frame.text().iter().find(|column| column.name() == name).ok_or_else(|| missing(name))?;
            let kept = column.counts().into_iter().take(MAX_WORDS).filter(|(_, count)| *count > 0);
            words.push(kept.map(|(word, _)| word.to_owned()).collect());
        }
        let mut pipeline = Self {
            fill: vec![0.0; frame.n_features()],
            centre: vec![0.0; frame.n_features()],
            spread: vec![1.0; frame.n_features()],
            indicated: Vec::new(),
            words,
            features: Vec::new(),
            options,
        };
        for (i, column) in frame.values().columns().into_iter().enumerate() {
            let present: Vec<f64> = column.iter().copied().filter(|x| !x.is_nan()).collect();
            if present.is_empty() {
                let name = &frame.columns()[i];
                return Err(DetectorError::data(format!("column `{name}` has no value in any row; remove the column")));
            }
            if pipeline.options.add_indicator && present.len() < column.len() {
                pipeline.indicated.push(i);
            }
            pipeline.fill[i] = match pipeline.options.impute {
                Impute::Constant => pipeline.options.fill_value,
                Impute::Mean => present.iter().map(|x| x / present.len() as f64).sum(),
                _ => quantile(&present, 0.5),
            };
            (pipeline.centre[i], pipeline.spread[i]) = scale_of(pipeline.options.scale, &present);
        }
        pipeline.features = names(frame, &pipeline);
        if pipeline.features.is_empty() {
            return Err(DetectorError::data("preprocessing leaves no feature column"));
        }
        Ok(pipeline)
    }

    /// The derived columns and what was done on the way.
    pub(crate) fn apply(&self, frame: &Frame) -> Result<(Frame, Report), DetectorError> {
        let built = self.build(frame)?;
        let mut report = built.report.clone();
        report.retain(|_, count| *count > 0.0);
        let names = self.features.iter().map(|feature| feature.name.clone()).collect();
        Ok((frame.with_values(names, built.into_table(frame.n_rows()))?, report))
    }

    /// The derived columns.
    pub(crate) fn features(&self) -> &[Derived] {
        &self.features
    }

    pub(crate) fn one_hot(&self) -> &[String] {
        &self.options.one_hot
    }

    pub(crate) fn takes_missing(&self) -> bool {
        self.options.impute != Impute::Refuse
    }

    /// Rows before a row that its features depend on.
    pub(crate) fn look_back(&self) -> usize {
        let lag = self.options.lags.iter().copied().max().unwrap_or(0);
        lag.max(self.options.rolling_window.unwrap_or(0)).max(usize::from(self.options.impute == Impute::ForwardFill))
    }

    /// Refuses what cannot come from [`fit`](Self::fit).
    pub(crate) fn check(&self, n_numbers: usize, n_words: usize) -> Result<(), DetectorError> {
        let vectors = [&self.fill, &self.centre, &self.spread];
        let finite = vectors.iter().all(|vector| vector.len() == n_numbers && vector.iter().all(|x| x.is_finite()));
        let sound = finite
            && self.spread.iter().all(|spread| *spread > 0.0)
            && self.indicated.iter().all(|column| *column < n_numbers)
            && self.words.len() == n_words
            && self.options.one_hot.len() == n_words
            && self.look_back() <= MAX_LOOK_BACK
            && self.features.len() == self.width(n_numbers);
        if sound { Ok(()) } else { Err(DetectorError::artifact("its preprocessing does not fit its columns")) }
    }

    fn width(&self, n_numbers: usize) -> usize {
        let rolled = if self.options.rolling_window.is_some() { self.options.rolling.len() } else { 0 };
        let time: usize = self.options.time_features.iter().map(|feature| columns::time_width(*feature)).sum();
        let words: usize = self.words.iter().map(Vec::len).sum();
        n_numbers * (1 + self.options.lags.len() + rolled) + self.indicated.len() + words + time
    }

    fn build(&self, frame: &Frame) -> Result<Builder, DetectorError> {
        let mut builder = Builder::default();
        let mut scaled: Vec<Vec<f64>> = Vec::with_capacity(frame.n_features());
        for (i, column) in frame.values().columns().into_iter().enumerate() {
            let mut last = self.fill[i];
            let filled = column.iter().map(|x| {
                if x.is_nan() {
                    *builder.report.entry("imputed_values".into()).or_default() += 1.0;
                    let fill = if self.options.impute == Impute::ForwardFill { last } else { self.fill[i] };
                    return fill;
                }
                last = *x;
                *x
            });
            let filled: Vec<f64> = filled.collect();
            scaled.push(filled.iter().map(|x| (x - self.centre[i]) / self.spread[i]).collect());
        }
        for i in &self.indicated {
            builder.extra(frame.values().column(*i).iter().map(|x| f64::from(u8::from(x.is_nan()))).collect());
        }
        for (name, words) in self.options.one_hot.iter().zip(&self.words) {
            let column = frame.text().iter().find(|column| column.name() == name);
            let column =
                column.ok_or_else(|| DetectorError::data(format!("the column of words `{name}` is missing")))?;
            builder.one_hot(column, words);
        }
        let names = self.options.time_features.iter();
        let time = frame.time();
        for feature in names {
            let time = time.ok_or_else(|| {
                DetectorError::data("time features need a time column; say which column is the time, or leave them out")
            })?;
            time_columns(*feature, time).into_iter().for_each(|column| builder.extra(column));
        }
        let mut numbers = scaled.clone();
        for lag in &self.options.lags {
            numbers.extend(scaled.iter().map(|column| look_back(column, *lag)));
        }
        if let Some(window) = self.options.rolling_window {
            for statistic in &self.options.rolling {
                numbers.extend(scaled.iter().map(|column| rolling(column, window, *statistic)));
            }
        }
        builder.numbers = numbers;
        Ok(builder)
    }
}

/// Centre and spread of a column; a constant one has spread 1.
fn scale_of(scale: Scale, present: &[f64]) -> (f64, f64) {
    let (centre, spread) = match scale {
        Scale::None => return (0.0, 1.0),
        Scale::Standard => {
            let column = Array2::from_shape_vec((present.len(), 1), present.to_vec());
            let fitted = column.map(|column| crate::Standardization::fit(column.view()));
            return fitted.map_or((0.0, 1.0), |fitted| (fitted.mean[0], fitted.scale[0]));
        }
        Scale::Robust => (quantile(present, 0.5), quantile(present, 0.75) - quantile(present, 0.25)),
        Scale::MinMax => {
            let low = present.iter().copied().fold(f64::INFINITY, f64::min);
            (low, present.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low)
        }
    };
    (centre, if spread.is_finite() && spread > 0.0 { spread } else { 1.0 })
}

#[cfg(test)]
mod tests;
