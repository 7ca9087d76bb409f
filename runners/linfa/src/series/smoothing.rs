//! Additive exponential smoothing of level, trend and season, and the search for its parameters.

use nunatak_detector::{Context, DetectorError};

use crate::series::seasons;

/// No component of the state gets larger; sums of them stay finite.
const MAX_STATE: f64 = 1e120;

/// How fast level, trend and season follow; each in 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Gains {
    pub(crate) level: f64,
    pub(crate) trend: f64,
    pub(crate) season: f64,
}

/// What a series begins with.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// Change a row.
    pub(crate) trend: f64,
    /// One entry a row of the season, mean 0; a single 0 without a season.
    pub(crate) season: Vec<f64>,
}

impl Start {
    /// `values`: the training series in units of its spread, clipped, of at least two seasons.
    pub(crate) fn of(values: &[f64], period: usize) -> Self {
        let mut slopes: Vec<f64> =
            values[period..].iter().zip(values).map(|(later, earlier)| (later - earlier) / period as f64).collect();
        slopes.sort_unstable_by(f64::total_cmp);
        let trend = if slopes.is_empty() { 0.0 } else { crate::series::spread::median(&slopes) };
        let season = if period < 2 { vec![0.0] } else { seasons::profile(values, period) };
        Self { trend, season }
    }
}

/// The running state.
#[derive(Debug, Clone)]
pub(crate) struct Smoothed {
    gains: Gains,
    level: f64,
    trend: f64,
    season: Vec<f64>,
    /// The next row's place in `season`.
    at: usize,
    /// Rows taken so far.
    n_rows: usize,
}

impl Smoothed {
    /// After the first season of a series, of as many rows as the season has.
    pub(crate) fn after(first: &[f64], start: &Start, gains: Gains) -> Self {
        let detrended = first.iter().enumerate().map(|(t, z)| z - start.trend * t as f64);
        let phase = seasons::phase(&start.season, &detrended.collect::<Vec<_>>());
        let mut season = start.season.clone();
        season.rotate_left(phase);
        let mut state = Self { gains, level: 0.0, trend: start.trend, season, at: 0, n_rows: 0 };
        // The first pass finds the level only; trend and season are better known than one season can tell.
        for (z, season) in first.iter().zip(state.season.iter()) {
            let error = z - (state.level + state.trend + season);
            state.level += state.trend + level_gain(gains, state.n_rows) * error;
            state.n_rows += 1;
        }
        state
    }

    pub(crate) fn expect(&self) -> f64 {
        self.level + self.trend + self.season[self.at]
    }

    /// Takes the next value; gives its error.
    pub(crate) fn take(&mut self, z: f64) -> f64 {
        let Gains { trend, season, .. } = self.gains;
        let level = level_gain(self.gains, self.n_rows);
        let error = z - self.expect();
        let bounded = |x: f64| x.clamp(-MAX_STATE, MAX_STATE);
        self.level = bounded(self.level + self.trend + level * error);
        self.trend = bounded(self.trend + self.gains.level * trend * error);
        self.season[self.at] = bounded(self.season[self.at] + season * (1.0 - self.gains.level) * error);
        self.at = (self.at + 1) % self.season.len();
        self.n_rows = self.n_rows.saturating_add(1);
        error
    }
}

/// At first the level is the mean of the rows so far, until its own gain takes over.
fn level_gain(gains: Gains, n_rows: usize) -> f64 {
    gains.level.max(1.0 / (n_rows as f64 + 1.0))
}

/// Mean squared error one row ahead after the first season.
fn squared_error(values: &[f64], start: &Start, gains: Gains) -> f64 {
    let (first, rest) = values.split_at(start.season.len());
    let mut state = Smoothed::after(first, start, gains);
    rest.iter().map(|z| state.take(*z).powi(2)).sum::<f64>() / rest.len().max(1) as f64
}

/// Gains where the search begins.
const LEVELS: [f64; 5] = [0.02, 0.1, 0.3, 0.6, 0.95];
const TRENDS: [f64; 3] = [0.0, 0.01, 0.1];
const SEASONS: [f64; 3] = [0.0, 0.1, 0.4];

/// The search ends when steps are this small.
const SMALLEST_STEP: f64 = 0.002;

/// Or after that many rounds; 20 are usual.
const MAX_ROUNDS: usize = 100;

/// The gains of the least squared error one row ahead; those `given` stay as they are.
///
/// A coarse grid, then steps along each axis in turn, halved when none of them helps (Hooke and Jeeves, 1961).
pub(crate) fn fit_gains(
    values: &[f64],
    start: &Start,
    given: [Option<f64>; 3],
    ctx: &Context<'_>,
) -> Result<Gains, DetectorError> {
    let seasonal = start.season.len() > 1;
    let grid = |which: usize, points: &'static [f64]| given[which].map_or(points.to_vec(), |gain| vec![gain]);
    let of = |gains: [f64; 3]| Gains { level: gains[0], trend: gains[1], season: gains[2] };
    let mut best = ([0.3, 0.0, 0.0], f64::INFINITY);
    for &level in &grid(0, &LEVELS) {
        for &trend in &grid(1, &TRENDS) {
            for &season in &grid(2, if seasonal { &SEASONS } else { &SEASONS[..1] }) {
                ctx.check_cancelled()?;
                let gains = [level, trend, season];
                let error = squared_error(values, start, of(gains));
                if error < best.1 {
                    best = (gains, error);
                }
            }
        }
    }
    let axes: Vec<usize> = (0..3).filter(|axis| given[*axis].is_none() && (*axis < 2 || seasonal)).collect();
    let mut step = 0.1;
    for _ in 0..MAX_ROUNDS {
        let before = best.1;
        for (axis, sign) in axes.iter().flat_map(|axis| [(*axis, 1.0), (*axis, -1.0)]) {
            ctx.check_cancelled()?;
            let mut gains = best.0;
            gains[axis] = (gains[axis] + sign * step).clamp(0.0, 1.0);
            let error = squared_error(values, start, of(gains));
            if error < best.1 {
                best = (gains, error);
            }
        }
        if best.1 >= before {
            step /= 2.0;
        }
        if step < SMALLEST_STEP {
            break;
        }
    }
    Ok(of(best.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngCore;

    fn gains(level: f64, trend: f64, season: f64) -> Gains {
        Gains { level, trend, season }
    }

    #[test]
    fn steps_are_the_textbooks() {
        let start = Start { trend: 0.0, season: vec![1.0, -1.0] };
        let mut state = Smoothed::after(&[11.0, 9.0], &start, gains(0.5, 0.2, 0.3));
        assert_eq!(state.expect(), 10.0 + 1.0);
        // Hyndman's error form: e = 2; level 10 + 0.5 e, trend 0.5 * 0.2 e, season 1 + 0.3 (1 - 0.5) e.
        assert_eq!(state.take(13.0), 2.0);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(state.level, 11.0) && close(state.trend, 0.2) && close(state.season[0], 1.3), "{state:?}");
        assert!(close(state.expect(), 11.0 + 0.2 - 1.0));
    }

    #[test]
    fn a_series_may_begin_anywhere_in_its_season() {
        let wave = |t: usize| 0.01 * t as f64 + [0.0, 2.0, 1.0, -3.0, 0.0][t % 5];
        let values: Vec<f64> = (0..200).map(wave).collect();
        let start = Start::of(&values, 5);
        for begin in 0..5 {
            let first: Vec<f64> = (begin..begin + 5).map(wave).collect();
            let state = Smoothed::after(&first, &start, gains(0.3, 0.0, 0.0));
            assert!((state.expect() - wave(begin + 5)).abs() < 0.05, "{begin}: {}", state.expect());
        }
    }

    #[test]
    fn the_search_finds_the_gain_of_a_series_made_with_it() {
        // A level of gain 0.4 and noise that never repeats itself: the error that remains is the noise alone.
        let fitted = |seed: u64| {
            let mut rng = crate::random::generator(seed, 0);
            let mut level = 0.0;
            let mut next = || {
                let noise = f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5;
                let value = level + noise;
                level += 0.4 * noise;
                value
            };
            let values: Vec<f64> = (0..4000).map(|_| next()).collect();
            let start = Start { trend: 0.0, season: vec![0.0] };
            fit_gains(&values, &start, [None, Some(0.0), None], &Context::quiet(0)).unwrap()
        };
        // One series of 4000 rows tells the gain to 0.013.
        let found: Vec<Gains> = (0..8).map(fitted).collect();
        let mean = found.iter().map(|gains| gains.level).sum::<f64>() / 8.0;
        assert!((mean - 0.4).abs() < 0.015 && found.iter().all(|gains| gains.trend == 0.0), "{found:?}");
    }
}
