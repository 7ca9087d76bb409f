//! Expected values are scikit-learn's and PyOD's (computed by hand from their definitions).

use super::*;

const SCORES: [f64; 8] = [0.1, 0.4, 0.35, 0.8, 0.8, 0.2, 0.4, 0.9];
const LABELS: [u8; 8] = [0, 0, 1, 1, 0, 0, 1, 1];

fn close(left: Option<f64>, right: f64) {
    let left = left.expect("a value");
    assert!((left - right).abs() < 1e-12, "{left} is not {right}");
}

#[test]
fn scikit_learns_first_example() {
    let (scores, labels) = ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]);
    close(roc_auc(&scores, &labels), 0.75);
    close(average_precision(&scores, &labels), 0.833_333_333_333_333_3);
}

#[test]
fn ties_count_half() {
    // Of 16 pairs 11 are won and 2 tied.
    close(roc_auc(&SCORES, &LABELS), 12.0 / 16.0);
    // Distinct scores downwards: 0.9 (1/1), 0.8 (2/3), 0.4 (3/5), 0.35 (4/6), each a recall step of 1/4.
    close(average_precision(&SCORES, &LABELS), 0.25 * (1.0 + 2.0 / 3.0 + 3.0 / 5.0 + 4.0 / 6.0));
    close(roc_auc(&[1.0; 4], &[0, 1, 0, 1]), 0.5);
}

#[test]
fn best_f1_and_its_threshold_agree_with_the_rule_for_labels() {
    let best = best_f1(&SCORES, &LABELS).unwrap();
    // Flagging 0.35 and above finds all 4 with 2 false: 2*4/(6+4).
    assert_eq!(best.f1, 0.8);
    assert_eq!(best.threshold, 0.2);
    let all_alike = best_f1(&[1.0; 4], &[0, 1, 0, 1]).unwrap();
    assert!(1.0 > all_alike.threshold && all_alike.f1 == 2.0 / 3.0);
    let metrics = evaluate(&SCORES, &LABELS, best.threshold);
    assert_eq!(metrics["f1"], metrics["best_f1"]);
}

#[test]
fn precision_at_n_is_pyods() {
    // The median (4 of 8 are anomalies) is 0.4: above it lie 0.8, 0.8, 0.9, of which 2 are anomalies.
    close(precision_at_n(&SCORES, &LABELS), 2.0 / 3.0);
    close(precision_at_n(&[1.0; 4], &[0, 1, 0, 1]), 0.0);
}

#[test]
fn undefined_metrics_are_left_out() {
    let keys = |labels: &[u8], threshold: f64| evaluate(&[0.1, 0.2], labels, threshold).into_keys().collect::<Vec<_>>();
    assert_eq!(keys(&[0, 0], 1.0), Vec::<String>::new());
    assert_eq!(keys(&[0, 0], 0.15), ["f1", "precision"]);
    assert_eq!(keys(&[1, 1], 1.0), ["f1", "recall"]);
    assert_eq!(
        keys(&[0, 1], 0.15),
        ["average_precision", "best_f1", "best_f1_threshold", "f1", "precision", "precision_at_n", "recall", "roc_auc"]
    );
}

#[test]
fn quantiles_are_numpys() {
    let values = [3.0, 1.0, 2.0, 4.0];
    assert_eq!(quantile(&values, 0.0), 1.0);
    assert_eq!(quantile(&values, 1.0), 4.0);
    assert_eq!(quantile(&values, 0.5), 2.5);
    assert!((quantile(&values, 0.9) - 3.7).abs() < 1e-12);
    assert!(quantile(&[], 0.5).is_nan());
}
