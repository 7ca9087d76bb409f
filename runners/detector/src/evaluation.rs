//! How well scores agree with labels. Definitions are scikit-learn's and PyOD's, so that numbers can be compared.

pub mod classification;

use std::collections::BTreeMap;

pub mod series;

/// All metrics of `scores` against `labels` (1 = anomaly): `roc_auc`, `average_precision`, `best_f1`, `best_f1_threshold`,
/// `precision_at_n`, and at `threshold` `precision`, `recall` and `f1`.
///
/// A metric that is undefined is left out instead of being NaN: the first five when all labels are equal, `precision` when
/// no score exceeds the threshold, `recall` when there is no anomaly, `f1` when both are the case.
///
/// # Panics
/// When the slices differ in length.
pub fn evaluate(scores: &[f64], labels: &[u8], threshold: f64) -> BTreeMap<String, f64> {
    assert_eq!(scores.len(), labels.len(), "one label for each score");
    let best = best_f1(scores, labels);
    let found = [
        ("roc_auc", roc_auc(scores, labels)),
        ("average_precision", average_precision(scores, labels)),
        ("best_f1", best.map(|best| best.f1)),
        ("best_f1_threshold", best.map(|best| best.threshold)),
        ("precision_at_n", precision_at_n(scores, labels)),
    ];
    let mut metrics: BTreeMap<String, f64> =
        found.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect();

    let counts = Counts::at(scores, labels, threshold);
    let ratios = [
        ("precision", counts.true_positives, counts.flagged),
        ("recall", counts.true_positives, counts.positives),
        ("f1", 2 * counts.true_positives, counts.flagged + counts.positives),
    ];
    for (name, part, whole) in ratios {
        if whole > 0 {
            metrics.insert(name.to_string(), part as f64 / whole as f64);
        }
    }
    metrics
}

/// Area under the ROC curve: the probability that an anomaly scores higher than a normal row, ties counting half
/// (Mann-Whitney U with midranks). `None` when all labels are equal.
pub fn roc_auc(scores: &[f64], labels: &[u8]) -> Option<f64> {
    let (positives, negatives) = class_sizes(labels)?;
    // Pairs won plus half the pairs tied, counted from the lowest score upwards.
    let (mut below, mut won) = (0.0, 0.0);
    for step in steps(scores, labels).iter().rev() {
        won += step.positives * (below + step.negatives / 2.0);
        below += step.negatives;
    }
    Some(won / (positives * negatives))
}

/// scikit-learn's `average_precision_score`: sum over distinct scores of (recall step) x precision, without interpolation.
/// `None` when all labels are equal.
pub fn average_precision(scores: &[f64], labels: &[u8]) -> Option<f64> {
    let (positives, _) = class_sizes(labels)?;
    let (mut true_positives, mut flagged, mut area) = (0.0, 0.0, 0.0);
    for step in steps(scores, labels) {
        true_positives += step.positives;
        flagged += step.positives + step.negatives;
        area += step.positives / positives * (true_positives / flagged);
    }
    Some(area)
}

/// The best F1 that any threshold reaches, and such a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BestF1 {
    pub f1: f64,
    /// Rows with `score > threshold` reach `f1`. The highest such threshold when several do.
    pub threshold: f64,
}

/// See [`BestF1`]. `None` when all labels are equal.
pub fn best_f1(scores: &[f64], labels: &[u8]) -> Option<BestF1> {
    let (positives, _) = class_sizes(labels)?;
    let steps = steps(scores, labels);
    let (mut true_positives, mut flagged) = (0.0, 0.0);
    let mut best = BestF1 { f1: -1.0, threshold: f64::INFINITY };
    for (idx, step) in steps.iter().enumerate() {
        true_positives += step.positives;
        flagged += step.positives + step.negatives;
        let f1 = 2.0 * true_positives / (flagged + positives);
        if f1 > best.f1 {
            // Exceeding the next lower score is the same as reaching this one.
            let threshold = steps.get(idx + 1).map_or_else(|| step.score.next_down(), |next| next.score);
            best = BestF1 { f1, threshold };
        }
    }
    Some(best)
}

/// The threshold with the lowest total cost, where a normal row above it costs `false_alarm_cost` and an anomaly not above
/// it `miss_cost`; the highest such threshold when several do. `None` when all labels are equal.
pub fn cheapest(scores: &[f64], labels: &[u8], false_alarm_cost: f64, miss_cost: f64) -> Option<f64> {
    let (positives, _) = class_sizes(labels)?;
    let steps = steps(scores, labels);
    // To flag nothing is a choice as well.
    let mut best = (positives * miss_cost, steps.first()?.score);
    let (mut found, mut false_alarms) = (0.0, 0.0);
    for (idx, step) in steps.iter().enumerate() {
        found += step.positives;
        false_alarms += step.negatives;
        let cost = false_alarms * false_alarm_cost + (positives - found) * miss_cost;
        if cost < best.0 {
            best = (cost, steps.get(idx + 1).map_or_else(|| step.score.next_down(), |next| next.score));
        }
    }
    Some(best.1)
}

/// PyOD's `precision_n_scores`: the precision of flagging as many rows as there are anomalies, that is all scores greater
/// than their (1 - n/rows) quantile. `None` when all labels are equal.
pub fn precision_at_n(scores: &[f64], labels: &[u8]) -> Option<f64> {
    let (positives, negatives) = class_sizes(labels)?;
    let threshold = quantile(scores, 1.0 - positives / (positives + negatives));
    let counts = Counts::at(scores, labels, threshold);
    Some(if counts.flagged == 0 { 0.0 } else { counts.true_positives as f64 / counts.flagged as f64 })
}

/// 1 where the score is greater than the threshold, else 0.
pub fn labels_at(scores: &[f64], threshold: f64) -> Vec<u8> {
    scores.iter().map(|score| u8::from(*score > threshold)).collect()
}

/// The `q` quantile (0..=1) with linear interpolation between order statistics, as NumPy's default. NaN for no values.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let mut sorted = values.to_vec();
    let position = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (below, fraction) = (position.floor() as usize, position.fract());
    let (_, low, above) = sorted.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    if fraction == 0.0 {
        return low;
    }
    let high = above.iter().copied().fold(f64::INFINITY, f64::min);
    // Clamped, because rounding must not push the quantile past the values that it lies between.
    (low + (high - low) * fraction).clamp(low, high)
}

struct Counts {
    true_positives: usize,
    flagged: usize,
    positives: usize,
}

impl Counts {
    fn at(scores: &[f64], labels: &[u8], threshold: f64) -> Self {
        let flagged = scores.iter().zip(labels).filter(|(score, _)| **score > threshold);
        Self {
            true_positives: flagged.clone().filter(|(_, label)| **label == 1).count(),
            flagged: flagged.count(),
            positives: labels.iter().filter(|label| **label == 1).count(),
        }
    }
}

/// One distinct score and how many rows have it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) score: f64,
    pub(crate) positives: f64,
    pub(crate) negatives: f64,
}

/// Distinct scores, highest first.
pub(crate) fn steps(scores: &[f64], labels: &[u8]) -> Vec<Step> {
    let mut pairs: Vec<(f64, u8)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    pairs.sort_unstable_by(|left, right| right.0.total_cmp(&left.0));
    let mut steps: Vec<Step> = Vec::new();
    for (score, label) in pairs {
        let (positive, negative) = if label == 1 { (1.0, 0.0) } else { (0.0, 1.0) };
        match steps.last_mut() {
            Some(step) if step.score == score => {
                step.positives += positive;
                step.negatives += negative;
            }
            _ => steps.push(Step { score, positives: positive, negatives: negative }),
        }
    }
    steps
}

/// Numbers of anomalies and of normal rows; `None` when there is only one kind.
pub(crate) fn class_sizes(labels: &[u8]) -> Option<(f64, f64)> {
    let positives = labels.iter().filter(|label| **label == 1).count();
    let negatives = labels.len() - positives;
    (positives > 0 && negatives > 0).then_some((positives as f64, negatives as f64))
}

#[cfg(test)]
#[path = "evaluation_tests.rs"]
mod tests;
