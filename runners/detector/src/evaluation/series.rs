//! How well scores of a series agree with labelled ranges: a range is found or missed as a whole, early or late.
//!
//! A *range* is a maximal run of rows with label 1, an *alarm* a row whose score is greater than the threshold.

use std::collections::BTreeMap;
use std::ops::Range;

use super::labels_at;

#[path = "volume.rs"]
mod volume;

pub use volume::{Volume, volume_under_surface};

/// Weight of a false alarm in NAB's standard profile; that of a found and of a missed range is 1.
const NAB_FALSE_ALARM: f64 = 0.11;

/// Further behind a range than so many of its lengths, a false alarm counts in full.
const NAB_FAR_BEHIND: f64 = 3.0;

/// All metrics of `scores` against the ranges in `labels` (1 = anomaly); rows are in time order.
///
/// `threshold` decides what is an alarm; `window` (rows, usually the period of the series) is the largest tolerance of
/// `vus_pr` and `vus_roc`. Keys: `ranges`, `ranges_detected`, `point_adjusted_f1`, `range_precision`, `range_recall`,
/// `range_f1`, `vus_pr`, `vus_roc`, `nab_score`, `detection_delay_mean`, `detection_delay_median`. What is undefined is
/// left out: see the function of each.
///
/// # Panics
/// When the slices differ in length.
pub fn evaluate_series(scores: &[f64], labels: &[u8], threshold: f64, window: usize) -> BTreeMap<String, f64> {
    assert_eq!(scores.len(), labels.len(), "one label for each score");
    let alarms = labels_at(scores, threshold);
    let by_range = range_based(&alarms, labels);
    let volume = volume_under_surface(scores, labels, window);
    let delays = detection_delay(&alarms, labels);
    let found = [
        ("ranges", Some(ranges(labels).len() as f64)),
        ("ranges_detected", Some(delays.detected as f64)),
        ("point_adjusted_f1", point_adjusted_f1(&alarms, labels)),
        ("range_precision", by_range.precision),
        ("range_recall", by_range.recall),
        ("range_f1", by_range.f1),
        ("vus_pr", volume.map(|volume| volume.pr)),
        ("vus_roc", volume.map(|volume| volume.roc)),
        ("nab_score", nab_score(&alarms, labels)),
        ("detection_delay_mean", delays.mean),
        ("detection_delay_median", delays.median),
    ];
    found.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect()
}

/// The maximal runs of ones, in order.
pub fn ranges(labels: &[u8]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for row in (0..labels.len()).filter(|row| labels[*row] == 1) {
        match ranges.last_mut() {
            Some(range) if range.end == row => range.end = row + 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

/// F1 over rows, where one alarm anywhere in a range counts for all rows of the range (Xu et al., *Unsupervised anomaly
/// detection via variational auto-encoder*, WWW 2018). `None` with neither an anomaly nor an alarm.
///
/// It flatters: a random score does well on long ranges (Kim et al., *Towards a rigorous evaluation of time-series
/// anomaly detection*, AAAI 2022). Given for comparison with published numbers.
pub fn point_adjusted_f1(alarms: &[u8], labels: &[u8]) -> Option<f64> {
    let is_found = |range: &Range<usize>| alarms[range.clone()].contains(&1);
    let true_positives: usize = ranges(labels).into_iter().filter(is_found).map(|range| range.len()).sum();
    let false_positives = alarms.iter().zip(labels).filter(|(alarm, label)| **alarm == 1 && **label == 0).count();
    let positives = labels.iter().filter(|label| **label == 1).count();
    let whole = positives + true_positives + false_positives;
    (whole > 0).then(|| 2.0 * true_positives as f64 / whole as f64)
}

/// Precision, recall and F1 over ranges; see [`range_based`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RangeBased {
    /// `None` without an alarm.
    pub precision: Option<f64>,
    /// `None` without a labelled range.
    pub recall: Option<f64>,
    /// `None` when both are; 0 when one is, since then every range or every alarm is wrong.
    pub f1: Option<f64>,
}

/// Range-based precision and recall (Tatbul et al., *Precision and recall for time series*, NeurIPS 2018) with flat
/// bias, existence weight alpha = 0 and cardinality factor 1/x.
///
/// Recall is the mean over labelled ranges of (share of its rows with an alarm) / max(1, runs of alarms that overlap
/// it); precision the same with runs of alarms and labelled ranges changing places.
pub fn range_based(alarms: &[u8], labels: &[u8]) -> RangeBased {
    let (predicted, real) = (ranges(alarms), ranges(labels));
    let precision = mean_overlap(&predicted, &real);
    let recall = mean_overlap(&real, &predicted);
    let f1 = match (precision, recall) {
        (None, None) => None,
        (Some(precision), Some(recall)) if precision + recall > 0.0 => {
            Some(2.0 * precision * recall / (precision + recall))
        }
        _ => Some(0.0),
    };
    RangeBased { precision, recall, f1 }
}

/// Mean over `of` of the share that `by` covers, divided by how many of `by` it takes. Both ascend.
fn mean_overlap(of: &[Range<usize>], by: &[Range<usize>]) -> Option<f64> {
    let reward = |range: &Range<usize>| {
        let first = by.partition_point(|other| other.end <= range.start);
        let overlapping = by[first..].iter().take_while(|other| other.start < range.end);
        let covered: usize =
            overlapping.clone().map(|other| other.end.min(range.end) - other.start.max(range.start)).sum();
        covered as f64 / range.len() as f64 / overlapping.count().max(1) as f64
    };
    (!of.is_empty()).then(|| of.iter().map(reward).sum::<f64>() / of.len() as f64)
}

/// NAB's score in its standard profile (Lavin and Ahmad, *Evaluating real-time anomaly detection algorithms*, ICMLA
/// 2015): 100 for an alarm on the first row of each range and no other, 0 for no alarm at all, less than 0 for worse.
/// `None` without a range.
///
/// With s(y) = 2/(1 + exp(5 y)) - 1, the earliest alarm in a range of w rows whose last row is e earns
/// s(-(e - row + 1)/w) / s(-1); a range without alarm costs 1; an alarm outside costs 0.11 times -s(y), where
/// y = (row - e)/(w - 1) is counted from the range before it, and 1 before the first range or where y > 3. The sum is
/// scaled so that no alarm gives 0 and a perfect detector 100.
///
/// Two departures: the labelled ranges themselves are NAB's windows, and no rows are left out at the start, where NAB
/// leaves out the first 15 % for detectors that are still learning; ours have learned before.
pub fn nab_score(alarms: &[u8], labels: &[u8]) -> Option<f64> {
    let ranges = ranges(labels);
    let found: f64 = ranges.iter().map(|range| nab_range(range, alarms)).sum();
    let false_alarms = (0..alarms.len()).filter(|row| alarms[*row] == 1 && labels[*row] == 0);
    let cost: f64 = false_alarms.map(|row| nab_false_alarm(row, &ranges)).sum();
    let n = ranges.len() as f64;
    (n > 0.0).then(|| 100.0 * (found - NAB_FALSE_ALARM * cost + n) / (2.0 * n))
}

fn nab_sigmoid(position: f64) -> f64 {
    2.0 / (1.0 + (5.0 * position).exp()) - 1.0
}

/// What a range earns: up to 1 for an early alarm, -1 for none.
fn nab_range(range: &Range<usize>, alarms: &[u8]) -> f64 {
    let first = alarms[range.clone()].iter().position(|alarm| *alarm == 1);
    first.map_or(-1.0, |delay| nab_sigmoid(-((range.len() - delay) as f64) / range.len() as f64) / nab_sigmoid(-1.0))
}

/// How wrong an alarm outside the ranges is: near 0 just behind a range, 1 far from any.
fn nab_false_alarm(row: usize, ranges: &[Range<usize>]) -> f64 {
    let before = ranges.partition_point(|range| range.end <= row);
    let Some(range) = before.checked_sub(1).map(|last| &ranges[last]) else { return 1.0 };
    // A range of one row has no length to measure by; NAB would divide by 0.
    let position = (row + 1 - range.end) as f64 / (range.len() - 1).max(1) as f64;
    if position > NAB_FAR_BEHIND { 1.0 } else { -nab_sigmoid(position) }
}

/// How long labelled ranges went unnoticed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delays {
    /// Ranges with an alarm in them.
    pub detected: usize,
    /// Ranges without.
    pub missed: usize,
    /// Mean rows from the first row of a detected range to the first alarm in it; `None` when none is detected.
    pub mean: Option<f64>,
    /// The median of the same.
    pub median: Option<f64>,
}

/// Rows from the start of each range to the first alarm in it. Missed ranges have no delay: they are counted apart.
pub fn detection_delay(alarms: &[u8], labels: &[u8]) -> Delays {
    let ranges = ranges(labels);
    let first = |range: &Range<usize>| alarms[range.clone()].iter().position(|alarm| *alarm == 1);
    let delays: Vec<f64> = ranges.iter().filter_map(first).map(|rows| rows as f64).collect();
    let n = delays.len();
    Delays {
        detected: n,
        missed: ranges.len() - n,
        mean: (n > 0).then(|| delays.iter().sum::<f64>() / n as f64),
        median: (n > 0).then(|| super::quantile(&delays, 0.5)),
    }
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
