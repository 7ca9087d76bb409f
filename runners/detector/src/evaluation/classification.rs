//! How well classes were told apart. Definitions are scikit-learn's with `zero_division=0`, so that numbers can be compared.

use std::collections::BTreeMap;

use ndarray::{Array2, Axis};

use crate::{Classified, Target};

/// How often which class was taken for which: entry (i, j) counts the rows of class i that were taken for class j.
///
/// # Panics
/// When the slices differ in length or a class is not less than `n_classes`.
pub fn confusion_matrix(truth: &[u32], predicted: &[u32], n_classes: usize) -> Array2<u64> {
    assert_eq!(truth.len(), predicted.len(), "one predicted class for each row");
    let mut counts = Array2::zeros((n_classes, n_classes));
    for (truth, predicted) in truth.iter().zip(predicted) {
        counts[[*truth as usize, *predicted as usize]] += 1;
    }
    counts
}

/// Fractions of one class, or means over classes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Scores {
    /// Of the rows taken for the class, those that are of it. 0 when no row was.
    pub precision: f64,
    /// Of the rows of the class, those that were taken for it. 0 when there are none.
    pub recall: f64,
    /// The harmonic mean of both. 0 when the class neither occurs nor was predicted.
    pub f1: f64,
}

/// Precision, recall and F1 of each class of a confusion matrix.
pub fn per_class(confusion: &Array2<u64>) -> Vec<Scores> {
    let (occurs, taken) = (confusion.sum_axis(Axis(1)), confusion.sum_axis(Axis(0)));
    let scores = confusion.diag().into_iter().zip(occurs).zip(taken).map(|((hits, occurs), taken)| Scores {
        precision: ratio(*hits, taken),
        recall: ratio(*hits, occurs),
        f1: ratio(2 * hits, occurs + taken),
    });
    scores.collect()
}

/// The mean over the classes that occur or were predicted.
pub fn macro_average(confusion: &Array2<u64>) -> Scores {
    let (occurs, taken) = (confusion.sum_axis(Axis(1)), confusion.sum_axis(Axis(0)));
    average(confusion, |class| f64::from(u8::from(occurs[class] + taken[class] > 0)))
}

/// The mean over the classes, each with the weight of its rows.
pub fn weighted_average(confusion: &Array2<u64>) -> Scores {
    let occurs = confusion.sum_axis(Axis(1));
    average(confusion, |class| occurs[class] as f64)
}

fn average(confusion: &Array2<u64>, weight: impl Fn(usize) -> f64) -> Scores {
    let (mut sum, mut total) = (Scores::default(), 0.0);
    for (class, scores) in per_class(confusion).into_iter().enumerate() {
        let weight = weight(class);
        sum.precision += weight * scores.precision;
        sum.recall += weight * scores.recall;
        sum.f1 += weight * scores.f1;
        total += weight;
    }
    if total == 0.0 {
        return Scores::default();
    }
    Scores { precision: sum.precision / total, recall: sum.recall / total, f1: sum.f1 / total }
}

/// The fraction of rows whose class was found.
pub fn accuracy(confusion: &Array2<u64>) -> f64 {
    ratio(confusion.diag().sum(), confusion.sum())
}

/// The mean recall of the classes that occur.
pub fn balanced_accuracy(confusion: &Array2<u64>) -> f64 {
    let occurs = confusion.sum_axis(Axis(1));
    let recalls: Vec<f64> = per_class(confusion)
        .iter()
        .zip(occurs)
        .filter(|(_, rows)| *rows > 0)
        .map(|(scores, _)| scores.recall)
        .collect();
    if recalls.is_empty() { 0.0 } else { recalls.iter().sum::<f64>() / recalls.len() as f64 }
}

/// Matthews correlation coefficient, for any number of classes: 1 when all are right, 0 for guessing and when there is
/// only one class in truth or prediction.
pub fn matthews_correlation(confusion: &Array2<u64>) -> f64 {
    let total = confusion.sum() as f64;
    let occurs = confusion.sum_axis(Axis(1)).mapv(|rows| rows as f64);
    let taken = confusion.sum_axis(Axis(0)).mapv(|rows| rows as f64);
    let covariance = confusion.diag().sum() as f64 * total - occurs.dot(&taken);
    let spread = (total * total - occurs.dot(&occurs)) * (total * total - taken.dot(&taken));
    if spread > 0.0 { covariance / spread.sqrt() } else { 0.0 }
}

/// Mean of -log P(true class), probabilities kept at least machine epsilon from 0 and 1.
pub fn log_loss(truth: &[u32], probabilities: &Array2<f64>) -> f64 {
    let losses = truth.iter().zip(probabilities.rows()).map(|(class, row)| {
        let probability = row.get(*class as usize).copied().unwrap_or(0.0);
        -probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
    });
    if truth.is_empty() { 0.0 } else { losses.sum::<f64>() / truth.len() as f64 }
}

/// `accuracy`, `balanced_accuracy`, `f1_macro`, `f1_weighted`, `precision_macro`, `recall_macro`, `mcc` and `log_loss`.
///
/// Classes are matched by name, so that either side may have some that the other has not: rows of a class that the
/// detector does not know count as wrong. Empty when there are no rows.
///
/// # Panics
/// When there is not one row of probabilities for each row of the target.
pub fn evaluate_classes(target: &Target, classified: &Classified) -> BTreeMap<String, f64> {
    let Matched { names, truth, predicted } = matched(target, classified);
    if truth.is_empty() {
        return BTreeMap::new();
    }
    let confusion = confusion_matrix(&truth, &predicted, names.len());
    let means = macro_average(&confusion);
    let metrics = [
        ("accuracy", accuracy(&confusion)),
        ("balanced_accuracy", balanced_accuracy(&confusion)),
        ("f1_macro", means.f1),
        ("f1_weighted", weighted_average(&confusion).f1),
        ("precision_macro", means.precision),
        ("recall_macro", means.recall),
        ("mcc", matthews_correlation(&confusion)),
        ("log_loss", log_loss(&truth, &classified.probabilities)),
    ];
    metrics.map(|(name, value)| (name.to_string(), value)).into()
}

/// True and predicted classes under common names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The classes of the detector in their order, then those that only the target has.
    pub names: Vec<String>,
    /// The true class of each row.
    pub truth: Vec<u32>,
    /// The most probable class of each row, the first of equals.
    pub predicted: Vec<u32>,
}

/// Puts the true classes and the most probable ones under common names.
///
/// # Panics
/// When there is not one row of probabilities for each row of the target.
pub fn matched(target: &Target, classified: &Classified) -> Matched {
    assert_eq!(target.codes().len(), classified.probabilities.nrows(), "one row of probabilities for each row");
    let mut names = classified.names.clone();
    let mut places = Vec::new();
    for name in target.names() {
        let place = names.iter().position(|known| known == name).unwrap_or_else(|| {
            names.push(name.clone());
            names.len() - 1
        });
        places.push(place as u32);
    }
    let truth = target.codes().iter().map(|code| places[*code as usize]).collect();
    let predicted = classified.probabilities.rows().into_iter().map(|row| {
        let best = |best: usize, class: usize| if row[class] > row[best] { class } else { best };
        (0..row.len()).fold(0, best) as u32
    });
    Matched { predicted: predicted.collect(), names, truth }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }

    const ACCURACY: f64 = 0.5;
    const BALANCED_ACCURACY: f64 = 0.4222222222222222;
    const MCC: f64 = 0.25013900473690126;
    const MACRO: [f64; 3] = [0.2875, 0.31666666666666665, 0.29166666666666663];
    const WEIGHTED: [f64; 3] = [0.495, 0.5, 0.4833333333333333];
    const F1: [f64; 4] = [0.6666666666666666, 0.5, 0.0, 0.0];

    /// scikit-learn 1.9.1 on the same rows, `zero_division=0`; class 3 is predicted but does not occur.
    #[test]
    fn numbers_are_scikit_learns() {
        let truth = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2];
        let predicted = [0, 0, 0, 1, 3, 1, 1, 0, 1, 1];
        let confusion = confusion_matrix(&truth, &predicted, 4);
        assert_eq!(confusion, array![[3, 1, 0, 1], [1, 2, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0]]);
        close(accuracy(&confusion), ACCURACY);
        close(balanced_accuracy(&confusion), BALANCED_ACCURACY);
        close(matthews_correlation(&confusion), MCC);
        let (means, weighted) = (macro_average(&confusion), weighted_average(&confusion));
        for (ours, theirs) in [(means, MACRO), (weighted, WEIGHTED)] {
            close(ours.precision, theirs[0]);
            close(ours.recall, theirs[1]);
            close(ours.f1, theirs[2]);
        }
        let f1: Vec<f64> = per_class(&confusion).iter().map(|scores| scores.f1).collect();
        F1.iter().zip(f1).for_each(|(theirs, ours)| close(ours, *theirs));
    }

    #[test]
    fn classes_are_matched_by_name() {
        let classified = Classified {
            names: vec!["leak".into(), "normal".into()],
            probabilities: array![[0.25, 0.75], [0.5, 0.5], [1.0, 0.0], [0.0, 1.0]],
        };
        let target = Target::new(&["normal", "leak", "leak", "stuck"]);
        let metrics = evaluate_classes(&target, &classified);
        close(metrics["accuracy"], 0.75);
        // Recalls of leak, normal and stuck: 1, 1, 0.
        close(metrics["balanced_accuracy"], 2.0 / 3.0);
        close(metrics["precision_macro"], (1.0 + 0.5 + 0.0) / 3.0);
        // The unknown class costs -ln(epsilon), 52 ln 2.
        let certain = -(1.0 - f64::EPSILON).ln();
        close(metrics["log_loss"], (-(0.75_f64.ln()) + 2.0_f64.ln() + certain + 52.0 * 2.0_f64.ln()) / 4.0);
        assert_eq!(metrics.len(), 8);
    }

    #[test]
    fn degenerate_tables_have_finite_metrics() {
        let one = confusion_matrix(&[0, 0], &[0, 0], 1);
        assert_eq!((accuracy(&one), balanced_accuracy(&one), matthews_correlation(&one)), (1.0, 1.0, 0.0));
        let none = confusion_matrix(&[], &[], 2);
        assert_eq!((accuracy(&none), balanced_accuracy(&none), macro_average(&none)), (0.0, 0.0, Scores::default()));
    }
}
