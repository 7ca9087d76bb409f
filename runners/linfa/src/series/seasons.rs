//! The profile of a season, and where in it a series begins.

use crate::series::spread::{CLIP, median};

/// The profile of a season: for each of its `period` rows the median of what the rows of that phase are above the
/// moving average of a season; its mean is 0. Empty when there are fewer than two seasons.
pub(crate) fn profile(values: &[f64], period: usize) -> Vec<f64> {
    let half = period / 2;
    if period < 2 || values.len() < 2 * period {
        return Vec::new();
    }
    // The average of period + 1 values of which the outer two count half is centred for even periods too.
    let mut sum: f64 = values[..period].iter().sum();
    let mut phases: Vec<Vec<f64>> = vec![Vec::new(); period];
    for first in 0..values.len() - period {
        let next = sum + values[first + period] - values[first];
        let average = if period.is_multiple_of(2) { (sum + next) / 2.0 } else { sum } / period as f64;
        let row = first + half;
        phases[row % period].push(values[row] - average);
        sum = next;
    }
    let medians = phases.into_iter().map(|mut phase| {
        phase.sort_unstable_by(f64::total_cmp);
        if phase.is_empty() { 0.0 } else { median(&phase) }
    });
    centred(medians.collect())
}

/// `values` less their mean.
pub(crate) fn centred(mut values: Vec<f64>) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter_mut().for_each(|x| *x -= mean);
    values
}

/// The phase of the first of `values`, a season: the shift of `profile` that leaves the least variance. The first of
/// equals.
pub(crate) fn phase(profile: &[f64], values: &[f64]) -> usize {
    // One wild row must not decide: no value counts as further from the middle than the season can take it.
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = if sorted.is_empty() { 0.0 } else { median(&sorted) };
    let reach = 2.0 * profile.iter().fold(0.0, |reach: f64, x| reach.max(x.abs())) + CLIP;
    let values: Vec<f64> = values.iter().map(|x| (x - middle).clamp(-reach, reach)).collect();
    let unexplained = |shift: usize| {
        let shifted = profile[shift..].iter().chain(&profile[..shift]);
        let (mut sum, mut squares) = (0.0, 0.0);
        for (x, season) in values.iter().zip(shifted) {
            let rest = x - season;
            sum += rest;
            squares += rest * rest;
        }
        squares - sum * sum / values.len() as f64
    };
    let mut best = (0, f64::INFINITY);
    for shift in 0..profile.len() {
        let rest = unexplained(shift);
        if rest < best.1 {
            best = (shift, rest);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_those_of_the_season_whatever_the_trend() {
        for period in [4, 7] {
            let season = centred((0..period).map(|i| ((i * i) % 5) as f64).collect());
            let values: Vec<f64> = (0..10 * period).map(|t| 0.5 * t as f64 + season[t % period]).collect();
            let found = profile(&values, period);
            assert!(found.iter().zip(&season).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {season:?}");
            for start in 0..period {
                let mut first: Vec<f64> = (start..start + period).map(|t| 9.0 + season[t % period]).collect();
                assert_eq!(phase(&found, &first), start);
                first[1] = 9.0 + 1e50;
                assert!(phase(&found, &first) < period);
            }
        }
        assert!(profile(&[1.0, 2.0, 1.0], 2).is_empty());
    }
}
