//! Where normal ends: the threshold, set on scores of rows that the detector did not learn from.
//!
//! A detector fits the rows that it learns from better than any others, so their scores are too low, and a threshold set on
//! them raises many times the alarms that were asked for. Here every score comes from a fit that was not given the row:
//! see [`held_out`].

mod held_out;
mod options;
mod tail;

use serde::{Deserialize, Serialize};

pub(crate) use held_out::{HeldOut, held_out};
pub use options::Method;
pub(crate) use options::{Calibration as CalibrationRule, Options, schema};

use crate::DetectorError;
use crate::evaluation::{best_f1, cheapest, quantile};

/// What a version knows of its threshold, besides the number itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// `contamination`, `false_alarm_rate`, `quantile`, `mad`, `pot`, `best_f1`, `cost` or `probability`.
    pub method: Method,
    /// Where the scores came from: `cross_fit`, `split`, or `training` where there were too few rows to hold any back.
    pub rows_from: Source,
    /// How many scores the threshold was set on.
    pub n_rows: u64,
    /// The fraction of normal rows of the same source that will exceed the threshold: of those labelled normal, or of all
    /// rows where there are no labels.
    pub expected_false_alarm_rate: f64,
    /// Pairs (false-alarm rate, threshold), rates descending: what the threshold would be for other rates.
    pub curve: Vec<(f64, f64)>,
}

/// Where the scores that a threshold was set on came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Every row was scored by a fit on other rows.
    CrossFit,
    /// One part of the rows was held back from a fit.
    Split,
    /// The rows that the detector learned from: the alarm rate will be higher than asked for.
    Training,
}

/// The lowest rate on the curve: there the tail is extrapolated.
const LOWEST_RATE: f64 = 1e-6;

/// Points of the curve for each factor of ten.
const POINTS_A_DECADE: usize = 8;

/// Sets the threshold by `options` on the scores of held-back rows. `labels` has one entry for each row of the table, 1 for
/// an anomaly, as `training_scores` has, which the held-back quantiles never fall below: where many rows share a score, the
/// fits on parts give it slightly different values, and a threshold among these would cut through equals.
///
/// # Errors
/// [`DetectorError::Hyperparameter`] for a method that needs labels where there are none of both kinds.
pub(crate) fn calibrate(
    options: &Options,
    contamination: f64,
    held: &HeldOut,
    training_scores: &[f64],
    labels: Option<&[u8]>,
) -> Result<(f64, Calibration), DetectorError> {
    let labels: Option<Vec<u8>> = labels.map(|labels| held.rows.iter().map(|row| labels[*row]).collect());
    let normal: Vec<f64> = match &labels {
        Some(labels) if labels.contains(&0) => {
            held.scores.iter().zip(labels).filter(|(_, label)| **label == 0).map(|(score, _)| *score).collect()
        }
        _ => held.scores.clone(),
    };
    let upper = tail::Upper::of(&normal);
    let with_labels = |search: &dyn Fn(&[u8]) -> Option<f64>| {
        labels.as_deref().and_then(search).ok_or_else(|| {
            let message = "the methods `best_f1` and `cost` need labels of both kinds, 0 and 1; choose another or \
                           name a label column";
            DetectorError::hyperparameter("threshold.method", message)
        })
    };
    let threshold = match options.method {
        Method::Contamination => upper_quantile(&held.scores, training_scores, 1.0 - contamination),
        Method::Quantile => upper_quantile(&held.scores, training_scores, options.quantile),
        Method::FalseAlarmRate => upper.threshold(options.false_alarm_rate),
        Method::Pot => upper.extrapolated(options.false_alarm_rate),
        Method::Mad => {
            let median = quantile(&held.scores, 0.5);
            let distances: Vec<f64> = held.scores.iter().map(|score| (score - median).abs()).collect();
            // 1.4826 times the MAD of normal data is its standard deviation.
            median + options.factor * 1.482_602_218_505_602 * quantile(&distances, 0.5)
        }
        Method::BestF1 => with_labels(&|labels| best_f1(&held.scores, labels).map(|best| best.threshold))?,
        Method::Cost => {
            with_labels(&|labels| cheapest(&held.scores, labels, options.false_alarm_cost, options.miss_cost))?
        }
        Method::Probability => 0.5,
    };
    if !threshold.is_finite() {
        return Err(DetectorError::numeric("the threshold is not finite; are there values of extreme size?"));
    }
    let steps = (-LOWEST_RATE.log10() * POINTS_A_DECADE as f64) as usize;
    let rates = (2..=steps).map(|i| 10_f64.powf(-(i as f64) / POINTS_A_DECADE as f64));
    let calibration = Calibration {
        method: options.method,
        rows_from: held.source,
        n_rows: held.scores.len() as u64,
        expected_false_alarm_rate: upper.rate(threshold),
        curve: rates.map(|rate| (rate, upper.threshold(rate))).filter(|(_, x)| x.is_finite()).collect(),
    };
    Ok((threshold, calibration))
}

fn upper_quantile(held: &[f64], training: &[f64], q: f64) -> f64 {
    quantile(held, q).max(quantile(training, q))
}

#[cfg(test)]
mod tests;
