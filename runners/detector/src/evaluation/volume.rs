//! The volume under the surface: how well scores rank labelled ranges, whatever the threshold and the tolerance.

use std::ops::Range;

use super::ranges;
use crate::evaluation::class_sizes;

/// Thresholds of each curve, evenly spaced among the sorted scores: TSB-AD's.
const THRESHOLDS: usize = 250;

/// See [`volume_under_surface`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Volume {
    pub pr: f64,
    pub roc: f64,
}

/// VUS-PR and VUS-ROC (Paparrizos et al., *Volume under the surface: a new accuracy evaluation measure for time-series
/// anomaly detection*, VLDB 2022), as TSB-AD's `generate_curve` computes them. `None` when all labels are equal.
///
/// For each tolerance t = 0..=window, rows up to t/2 beside a labelled range count as anomalous by sqrt(1 -
/// distance/t), at most 1. At each of 250 thresholds, with T the weight of the rows that reach it, E the part of T
/// outside the ranges, N their number and P the labelled rows:
/// - recall = min(1, T / (P + E/2)) x (share of the widened ranges that hold such a row);
/// - precision = T / N;
/// - false alarm rate = (N - T) / (rows - P - E/2).
///
/// The area under each curve, averaged over the tolerances, is the volume.
///
/// Each row's distance to the ranges is measured once, and each row lies between two of the sorted thresholds, so a
/// tolerance costs one pass over the rows: O(window x rows) in all, not times the thresholds.
pub fn volume_under_surface(scores: &[f64], labels: &[u8], window: usize) -> Option<Volume> {
    let (positives, _) = class_sizes(labels)?;
    let surface = Surface::new(scores, labels, positives);
    let (mut pr, mut roc) = (0.0, 0.0);
    for tolerance in 0..=window {
        let (area_pr, area_roc) = surface.areas(tolerance);
        pr += area_pr;
        roc += area_roc;
    }
    let n = (window + 1) as f64;
    Some(Volume { pr: pr / n, roc: roc / n })
}

/// What all tolerances share.
struct Surface {
    ranges: Vec<Range<usize>>,
    /// Labelled rows.
    positives: f64,
    /// For each row, the first (highest) threshold that it reaches.
    reaches: Vec<usize>,
    /// For each threshold, the rows that reach it, and those of them that are labelled.
    flagged: Vec<f64>,
    true_positives: Vec<f64>,
    outside: Vec<Outside>,
}

/// A row outside the ranges.
struct Outside {
    reaches: usize,
    /// Rows to the nearest range and to the second nearest; `usize::MAX` for none.
    nearest: usize,
    second: usize,
}

impl Surface {
    fn new(scores: &[f64], labels: &[u8], positives: f64) -> Self {
        let thresholds = thresholds(scores);
        let reach = |score: &f64| thresholds.partition_point(|threshold| threshold > score);
        let reaches: Vec<usize> = scores.iter().map(reach).collect();
        let count = |label: Option<u8>| {
            let mut counts = vec![0.0; thresholds.len()];
            let rows = reaches.iter().zip(labels).filter(|(_, of)| label.is_none_or(|label| label == **of));
            rows.for_each(|(reaches, _)| counts[*reaches] += 1.0);
            accumulate(&mut counts);
            counts
        };
        let (flagged, true_positives) = (count(None), count(Some(1)));
        let ranges = ranges(labels);
        let outside = outside(&ranges, labels, &reaches);
        Self { ranges, positives, reaches, flagged, true_positives, outside }
    }

    /// Areas under the precision-recall and the ROC curve of one tolerance.
    fn areas(&self, tolerance: usize) -> (f64, f64) {
        let beside = self.weights_beside(tolerance);
        let existence = self.existence(tolerance / 2);
        let (mut area_pr, mut area_roc) = (0.0, 0.0);
        let (mut last_recall, mut last_false) = (0.0, 0.0);
        for (at, beside) in beside.iter().enumerate() {
            let weight = self.true_positives[at] + beside;
            let positives = self.positives + beside / 2.0;
            let recall = (weight / positives).min(1.0) * existence[at];
            let false_rate = (self.flagged[at] - weight) / (self.reaches.len() as f64 - positives);
            area_pr += (recall - last_recall) * weight / self.flagged[at];
            area_roc += (false_rate - last_false) * (recall + last_recall) / 2.0;
            (last_recall, last_false) = (recall, false_rate);
        }
        (area_pr, area_roc + (1.0 - last_false) * (1.0 + last_recall) / 2.0)
    }

    /// For each threshold, the weight of the rows outside the ranges that reach it.
    fn weights_beside(&self, tolerance: usize) -> Vec<f64> {
        let mut weights = vec![0.0; self.flagged.len()];
        for row in self.outside.iter().filter(|row| row.nearest <= tolerance / 2) {
            // Within t/2 of two ranges the weights add up to more than 1.
            let near_two = row.second <= tolerance / 2;
            let weight = if near_two { 1.0 } else { (1.0 - row.nearest as f64 / tolerance as f64).sqrt() };
            weights[row.reaches] += weight;
        }
        accumulate(&mut weights);
        weights
    }

    /// For each threshold, the share of the ranges, widened by `margin` and merged, that hold a row that reaches it.
    fn existence(&self, margin: usize) -> Vec<f64> {
        let mut counts = vec![0.0; self.flagged.len()];
        let mut n_widened = 0.0;
        let n_rows = self.reaches.len();
        for merged in self.ranges.chunk_by(|left, right| left.end - 1 + margin >= right.start.saturating_sub(margin)) {
            let first = merged[0].start.saturating_sub(margin);
            let last = (merged[merged.len() - 1].end + margin).min(n_rows);
            let highest = self.reaches[first..last].iter().copied().min().unwrap_or(counts.len() - 1);
            counts[highest] += 1.0;
            n_widened += 1.0;
        }
        accumulate(&mut counts);
        counts.iter_mut().for_each(|count| *count /= n_widened);
        counts
    }
}

/// NumPy's `linspace(0, n - 1, 250)` among the scores, highest first; the last is the smallest score.
fn thresholds(scores: &[f64]) -> Vec<f64> {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(|left, right| right.total_cmp(left));
    let last = scores.len() - 1;
    let step = last as f64 / (THRESHOLDS - 1) as f64;
    let at = |k: usize| if k + 1 == THRESHOLDS { last } else { ((k as f64 * step) as usize).min(last) };
    (0..THRESHOLDS).map(|k| sorted[at(k)]).collect()
}

/// Running sums, in place.
fn accumulate(values: &mut [f64]) {
    let mut sum = 0.0;
    for value in values {
        sum += *value;
        *value = sum;
    }
}

fn outside(ranges: &[Range<usize>], labels: &[u8], reaches: &[usize]) -> Vec<Outside> {
    let mut outside = Vec::new();
    let mut next = 0;
    for row in 0..labels.len() {
        while ranges.get(next).is_some_and(|range| range.end <= row) {
            next += 1;
        }
        if labels[row] == 1 {
            continue;
        }
        let before = |back: usize| next.checked_sub(back).map_or(usize::MAX, |range| row + 1 - ranges[range].end);
        let after = |ahead: usize| ranges.get(next + ahead).map_or(usize::MAX, |range| range.start - row);
        let mut distances = [before(1), before(2), after(0), after(1)];
        distances.sort_unstable();
        outside.push(Outside { reaches: reaches[row], nearest: distances[0], second: distances[1] });
    }
    outside
}

#[cfg(test)]
#[path = "volume_tests.rs"]
mod tests;
