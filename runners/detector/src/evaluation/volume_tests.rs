use super::*;

/// The definition, one threshold, tolerance and row after the other.
fn naive(scores: &[f64], labels: &[u8], window: usize) -> Volume {
    let n = scores.len();
    let ranges = ranges(labels);
    let positives = labels.iter().filter(|label| **label == 1).count() as f64;
    let (mut pr, mut roc) = (0.0, 0.0);
    for tolerance in 0..=window {
        let half = tolerance / 2;
        let weight = |row: usize| {
            let near = |range: &Range<usize>| {
                let distance = if row < range.start { range.start - row } else { (row + 1).saturating_sub(range.end) };
                let weight = (1.0 - distance as f64 / tolerance.max(1) as f64).sqrt();
                if distance <= half { weight } else { 0.0 }
            };
            ranges.iter().map(near).sum::<f64>().min(1.0)
        };
        let mut widened: Vec<Range<usize>> = Vec::new();
        for range in &ranges {
            let wide = range.start.saturating_sub(half)..(range.end + half).min(n);
            match widened.last_mut() {
                Some(last) if wide.start < last.end => last.end = wide.end,
                _ => widened.push(wide),
            }
        }
        let mut last = (0.0, 0.0);
        for threshold in thresholds(scores) {
            let flagged: Vec<usize> = (0..n).filter(|row| scores[*row] >= threshold).collect();
            let found = widened.iter().filter(|range| flagged.iter().any(|row| range.contains(row))).count();
            let total: f64 = flagged.iter().map(|row| weight(*row)).sum();
            let outside: f64 = flagged.iter().filter(|row| labels[**row] == 0).map(|row| weight(*row)).sum();
            let all = positives + outside / 2.0;
            let recall = (total / all).min(1.0) * found as f64 / widened.len() as f64;
            let false_rate = (flagged.len() as f64 - total) / (n as f64 - all);
            pr += (recall - last.0) * total / flagged.len() as f64;
            roc += (false_rate - last.1) * (recall + last.0) / 2.0;
            last = (recall, false_rate);
        }
        roc += (1.0 - last.1) * (1.0 + last.0) / 2.0;
    }
    Volume { pr: pr / (window + 1) as f64, roc: roc / (window + 1) as f64 }
}

#[test]
fn agrees_with_the_definition() {
    // Ranges at both ends, single rows, neighbours closer than the window, tied scores.
    let labels: Vec<u8> =
        (0..400).map(|row| u8::from(matches!(row, 0..=3 | 50..=69 | 75 | 77 | 200..=239 | 390..=399))).collect();
    for modulus in [7, 401] {
        let scores: Vec<f64> = (0..400)
            .map(|row| f64::from(row * 271 % modulus) / f64::from(modulus) + 0.3 * f64::from(labels[row as usize]))
            .collect();
        for window in [0, 1, 2, 9, 40] {
            let (fast, slow) =
                (volume_under_surface(&scores, &labels, window).unwrap(), naive(&scores, &labels, window));
            assert!((fast.pr - slow.pr).abs() < 1e-12, "{modulus} {window}: {fast:?}, {slow:?}");
            assert!((fast.roc - slow.roc).abs() < 1e-12, "{modulus} {window}: {fast:?}, {slow:?}");
        }
    }
}

#[test]
fn is_one_for_perfect_scores_without_tolerance() {
    let labels: Vec<u8> = (0..100).map(|row| u8::from((40..50).contains(&row))).collect();
    let scores: Vec<f64> = labels.iter().map(|label| f64::from(*label)).collect();
    assert_eq!(volume_under_surface(&scores, &labels, 0), Some(Volume { pr: 1.0, roc: 1.0 }));
    assert_eq!(volume_under_surface(&scores, &[0; 100], 5), None);
    assert_eq!(volume_under_surface(&scores, &[1; 100], 5), None);
}
