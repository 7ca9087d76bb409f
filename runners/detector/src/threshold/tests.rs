use super::*;

fn held(scores: Vec<f64>) -> HeldOut {
    HeldOut { rows: (0..scores.len()).collect(), scores, probabilities: Vec::new(), source: Source::CrossFit }
}

fn options(method: Method) -> Options {
    Options { method, ..Options::default() }
}

#[test]
fn each_method_sets_its_threshold() {
    let scores: Vec<f64> = (1..=1000).map(f64::from).collect();
    let labels: Vec<u8> = (1..=1000).map(|i| u8::from(i > 980)).collect();
    let set = |options: &Options, labels: Option<&[u8]>| {
        calibrate(options, 0.1, &held(scores.clone()), &[0.0], labels).unwrap()
    };
    assert_eq!(set(&options(Method::Contamination), None).0, 900.1);
    assert_eq!(set(&options(Method::Quantile), None).0, 990.01);
    assert_eq!(set(&options(Method::FalseAlarmRate), None).0, 991.0);
    // Of 980 normal rows, ceil(981 x 0.99) = 972.
    assert_eq!(set(&options(Method::FalseAlarmRate), Some(&labels)).0, 972.0);
    assert_eq!(set(&options(Method::BestF1), Some(&labels)).0, 980.0);
    assert_eq!(set(&options(Method::Cost), Some(&labels)).0, 980.0);
    let (threshold, calibration) = set(&options(Method::Mad), None);
    assert!((threshold - (500.5 + 3.0 * 1.482_602_218_505_602 * 250.0)).abs() < 1e-9);
    assert!(calibration.expected_false_alarm_rate <= 1.0 / 1001.0, "no score is as high");
    assert!(calibration.curve.windows(2).all(|pair| pair[0].0 > pair[1].0 && pair[0].1 <= pair[1].1));
}

#[test]
fn equals_are_not_cut_through() {
    // What is one score to the whole fit is a little different to each part's.
    let parts: Vec<f64> = (0..100).map(|i| 5.0 + f64::from(i % 5) * 1e-3).collect();
    let (threshold, _) = calibrate(&options(Method::Contamination), 0.1, &held(parts), &[5.01; 100], None).unwrap();
    assert_eq!(threshold, 5.01);
}

#[test]
fn labels_are_needed_where_they_are_used() {
    for method in [Method::BestF1, Method::Cost] {
        for labels in [None, Some(&[0_u8; 30][..])] {
            let error = calibrate(&options(method), 0.1, &held(vec![1.0; 30]), &[1.0; 30], labels).unwrap_err();
            assert!(error.to_string().contains("need labels of both kinds"), "{error}");
        }
    }
}

#[test]
fn the_expected_rate_is_that_of_normal_rows() {
    let scores: Vec<f64> = (1..=200).map(f64::from).collect();
    let labels: Vec<u8> = (1..=200).map(|i| u8::from(i > 100)).collect();
    let (threshold, calibration) =
        calibrate(&options(Method::BestF1), 0.1, &held(scores.clone()), &scores, Some(&labels)).unwrap();
    assert_eq!(threshold, 100.0);
    assert!(calibration.expected_false_alarm_rate <= 1.0 / 101.0);
}
