//! Expected values are computed by hand from the definitions.

use super::*;

fn close(left: Option<f64>, right: f64) {
    let left = left.expect("a value");
    assert!((left - right).abs() < 1e-12, "{left} is not {right}");
}

/// Two ranges, of 4 and 2 rows.
const LABELS: [u8; 12] = [0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0];
/// One alarm at row 0, two rows in the first range in two runs (the second runs on behind it), none in the second.
const ALARMS: [u8; 12] = [1, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0];

#[test]
fn ranges_are_maximal_runs() {
    assert_eq!(ranges(&LABELS), [2..6, 9..11]);
    assert_eq!(ranges(&[1, 1, 0, 1]), [0..2, 3..4]);
    assert!(ranges(&[0, 0]).is_empty() && ranges(&[]).is_empty());
}

#[test]
fn one_alarm_adjusts_its_whole_range() {
    // 4 rows found, 2 missed, alarms at rows 0 and 6 are false.
    close(point_adjusted_f1(&ALARMS, &LABELS), 8.0 / (6.0 + 6.0));
    assert_eq!(point_adjusted_f1(&[0, 0], &[0, 0]), None);
    close(point_adjusted_f1(&[0, 1], &[0, 0]), 0.0);
}

#[test]
fn overlap_is_shared_among_the_runs_it_takes() {
    // Recall: the first range is half covered, by two runs; the second not at all.
    // Precision: the runs at rows 0, 3 and 5..7 are covered by 0, 1 and 1/2.
    let found = range_based(&ALARMS, &LABELS);
    close(found.recall, 0.25 / 2.0);
    close(found.precision, 1.5 / 3.0);
    close(found.f1, 2.0 * 0.125 * 0.5 / 0.625);
    assert_eq!(range_based(&[0; 3], &[0; 3]), RangeBased { precision: None, recall: None, f1: None });
    assert_eq!(range_based(&[0; 3], &[0, 1, 0]), RangeBased { precision: None, recall: Some(0.0), f1: Some(0.0) });
    let perfect = range_based(&LABELS, &LABELS);
    assert_eq!(perfect, RangeBased { precision: Some(1.0), recall: Some(1.0), f1: Some(1.0) });
}

#[test]
fn nab_rewards_early_alarms_and_scales_from_silent_to_perfect() {
    close(nab_score(&[0; 12], &LABELS), 0.0);
    let mut perfect = [0; 12];
    (perfect[2], perfect[9]) = (1, 1);
    close(nab_score(&perfect, &LABELS), 100.0);
    let s = |y: f64| 2.0 / (1.0 + (5.0 * y).exp()) - 1.0;
    // Row 3 is 3 of 4 rows before the first range's end; row 0 is before any range; row 6 is 1/3 of a length behind.
    let raw = s(-0.75) / s(-1.0) - 1.0 - 0.11 * (1.0 - s(1.0 / 3.0));
    close(nab_score(&ALARMS, &LABELS), 100.0 * (raw + 2.0) / 4.0);
    assert!(nab_score(&[1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1], &LABELS).unwrap() < 0.0);
    assert_eq!(nab_score(&ALARMS, &[0; 12]), None);
}

#[test]
fn delays_count_from_the_start_of_the_range() {
    assert_eq!(
        detection_delay(&ALARMS, &LABELS),
        Delays { detected: 1, missed: 1, mean: Some(1.0), median: Some(1.0) }
    );
    let late = [0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0];
    assert_eq!(detection_delay(&late, &LABELS), Delays { detected: 2, missed: 0, mean: Some(1.5), median: Some(1.5) });
    assert_eq!(detection_delay(&[0; 12], &LABELS), Delays { detected: 0, missed: 2, mean: None, median: None });
}

#[test]
fn what_is_undefined_is_left_out() {
    let scores = ALARMS.map(f64::from);
    let all = evaluate_series(&scores, &LABELS, 0.5, 3);
    let keys: Vec<&str> = all.keys().map(String::as_str).collect();
    let expected = [
        "detection_delay_mean",
        "detection_delay_median",
        "nab_score",
        "point_adjusted_f1",
        "range_f1",
        "range_precision",
        "range_recall",
        "ranges",
        "ranges_detected",
        "vus_pr",
        "vus_roc",
    ];
    assert_eq!(keys, expected);
    let silent = evaluate_series(&scores, &[0; 12], 2.0, 3);
    let keys: Vec<&str> = silent.keys().map(String::as_str).collect();
    assert_eq!(keys, ["ranges", "ranges_detected"]);
}
