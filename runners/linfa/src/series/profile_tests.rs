use super::*;

/// Random-looking values with a flat stretch and another one on another level.
fn values(n: usize, seed: usize) -> Vec<f64> {
    let noise = |i: usize| ((i * i * 31 + i * 17 + seed) % 1009) as f64 / 1009.0;
    let value = |i: usize| match i {
        60..=85 => 2.0,
        120..=140 => -1.0,
        _ => (i as f64 / 9.0).sin() + noise(i) + if i > 200 { 100.0 } else { 0.0 },
    };
    (0..n).map(value).collect()
}

/// Mean 0 and standard deviation 1; `None` for a constant window.
fn normalized(window: &[f64]) -> Option<Vec<f64>> {
    let n = window.len() as f64;
    let mean = window.iter().sum::<f64>() / n;
    let sd = (window.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    (window.iter().any(|x| *x != window[0])).then(|| window.iter().map(|x| (x - mean) / sd).collect())
}

fn naive(left: &[f64], right: &[f64], window: usize, exclusion: Option<usize>) -> Vec<f64> {
    let all = |values: &[f64]| values.windows(window).map(normalized).collect::<Vec<_>>();
    let (left, right) = (all(left), all(right));
    let distance = |a: &Option<Vec<f64>>, b: &Option<Vec<f64>>| match (a, b) {
        (None, None) => 0.0,
        (Some(a), Some(b)) => a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt(),
        _ => (window as f64).sqrt(),
    };
    let nearest = |(i, a): (usize, &Option<Vec<f64>>)| {
        let others = right.iter().enumerate().filter(|(j, _)| exclusion.is_none_or(|zone| i.abs_diff(*j) > zone));
        others.map(|(_, b)| distance(a, b)).fold(f64::INFINITY, f64::min)
    };
    left.iter().enumerate().map(nearest).collect()
}

fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 1e-6, "window {at}: {found} is not {expected}");
    }
}

#[test]
fn a_self_join_agrees_with_comparing_all_pairs() {
    let quiet = Context::quiet(0);
    for (n, window) in [(300, 8), (301, 13), (257, 3), (40, 10), (700, 50)] {
        let values = values(n, 5);
        let windows = Windows::new(values.clone(), window);
        let exclusion = window.div_ceil(4);
        let found = Join::with_itself(&windows, exclusion).distances(&quiet).unwrap();
        assert_close(&found, &naive(&values, &values, window, Some(exclusion)));
    }
}

#[test]
fn a_join_of_two_series_agrees_with_comparing_all_pairs() {
    let quiet = Context::quiet(0);
    for (left, right, window) in [(300, 350, 8), (12, 300, 12), (13, 300, 12), (300, 20, 12), (90, 85, 20)] {
        let (left, right) = (values(left, 5), values(right, 11));
        let join = (Windows::new(left.clone(), window), Windows::new(right.clone(), window));
        let found = Join::with(&join.0, &join.1).distances(&quiet).unwrap();
        assert_close(&found, &naive(&left, &right, window, None));
    }
}

#[test]
fn rounding_does_not_gather_along_long_diagonals() {
    // More rows than a covariance is followed without computing it afresh.
    let values = values(RENEW_STEPS + 1500, 3);
    let windows = Windows::new(values.clone(), 16);
    let found = Join::with_itself(&windows, 4).distances(&Context::quiet(0)).unwrap();
    assert_close(&found, &naive(&values, &values, 16, Some(4)));
}

#[test]
fn equal_windows_are_at_distance_nought() {
    let values: Vec<f64> = (0..200).map(|i| f64::from(i % 20)).collect();
    let windows = Windows::new(values, 20);
    let found = Join::with_itself(&windows, 5).distances(&Context::quiet(0)).unwrap();
    assert!(found.iter().all(|distance| *distance < 1e-9));
}
