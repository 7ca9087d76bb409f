//! The upper tail of normal scores: how often a threshold is exceeded, also beyond the highest score seen.

/// Excesses that a tail is fitted to: a tenth of the scores, at least 10.
const TAIL_SHARE: f64 = 0.1;
const MIN_EXCESSES: usize = 10;

/// Scores of normal rows, ascending, with the distribution fitted to the highest of them.
#[derive(Debug)]
pub(super) struct Upper {
    sorted: Vec<f64>,
    tail: Option<Pareto>,
}

/// Generalised Pareto distribution of what exceeds `from` (Pickands 1975): P(X > from + y) = share (1 + shape y / scale)^(-1/shape).
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pareto {
    from: f64,
    share: f64,
    shape: f64,
    scale: f64,
}

impl Upper {
    pub(super) fn of(scores: &[f64]) -> Self {
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let tail = Pareto::fit(&sorted);
        Self { sorted, tail }
    }

    /// The threshold that a new normal row exceeds with probability at most `rate`: the ceil((n + 1)(1 - rate))-th smallest
    /// of n scores (split conformal prediction, Vovk et al. 2005). Where n is too small for that, the fitted tail.
    pub(super) fn threshold(&self, rate: f64) -> f64 {
        let n = self.sorted.len();
        let rank = ((n as f64 + 1.0) * (1.0 - rate)).ceil() as usize;
        match rank {
            0 => self.sorted.first().copied().unwrap_or(0.0),
            rank if rank <= n => self.sorted[rank - 1],
            _ => self.extrapolated(rate),
        }
    }

    /// The threshold that the fitted tail is above with probability `rate`; the conformal one within the bulk.
    pub(super) fn extrapolated(&self, rate: f64) -> f64 {
        let highest = self.sorted.last().copied().unwrap_or(0.0);
        match self.tail {
            Some(tail) if rate <= tail.share => tail.quantile(rate),
            Some(_) => self.threshold(rate),
            None => highest,
        }
    }

    /// The probability that a new normal row exceeds `threshold`.
    pub(super) fn rate(&self, threshold: f64) -> f64 {
        let n = self.sorted.len() as f64;
        let above = self.sorted.len() - self.sorted.partition_point(|score| *score <= threshold);
        match self.tail {
            Some(tail) if above == 0 => tail.exceeded(threshold).min(1.0 / (n + 1.0)),
            _ => (above as f64 + 1.0) / (n + 1.0),
        }
    }
}

impl Pareto {
    /// Fitted to the highest of ascending scores by probability-weighted moments (Hosking and Wallis 1987), which need no
    /// iteration and are steady for few excesses. `None` for too few or equal excesses.
    fn fit(sorted: &[f64]) -> Option<Self> {
        let n = sorted.len();
        let n_excesses = ((n as f64 * TAIL_SHARE) as usize).max(MIN_EXCESSES);
        if n <= n_excesses {
            return None;
        }
        let from = sorted[n - n_excesses - 1];
        let excesses: Vec<f64> = sorted[n - n_excesses..].iter().map(|score| score - from).collect();
        let k = n_excesses as f64;
        let mean = excesses.iter().map(|x| x / k).sum::<f64>();
        // Mean of x times its probability to be exceeded.
        let weighted =
            excesses.iter().enumerate().map(|(i, x)| x / k * ((k - 1.0 - i as f64) / (k - 1.0))).sum::<f64>();
        let spread = mean - 2.0 * weighted;
        if !(spread.is_finite() && spread > 0.0 && mean > 0.0) {
            return None;
        }
        // Beyond a half, the variance is infinite and a few scores would decide on everything.
        let shape = (2.0 - mean / spread).clamp(-0.5, 0.5);
        let scale = mean * (1.0 - shape);
        Some(Self { from, share: k / n as f64, shape, scale })
    }

    fn quantile(&self, rate: f64) -> f64 {
        let ratio = self.share / rate;
        let excess = match self.shape {
            shape if shape.abs() < 1e-9 => self.scale * ratio.ln(),
            shape => self.scale / shape * (ratio.powf(shape) - 1.0),
        };
        self.from + excess
    }

    fn exceeded(&self, threshold: f64) -> f64 {
        let y = ((threshold - self.from) / self.scale).max(0.0);
        let beyond = match self.shape {
            shape if shape.abs() < 1e-9 => (-y).exp(),
            shape => (1.0 + shape * y).max(0.0).powf(-1.0 / shape),
        };
        self.share * beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The middle quantiles of a standard exponential distribution.
    fn exponential(n: usize) -> Vec<f64> {
        (0..n).map(|i| -(1.0 - (i as f64 + 0.5) / n as f64).ln()).collect()
    }

    #[test]
    fn the_tail_of_an_exponential_is_found() {
        let upper = Upper::of(&exponential(1000));
        let tail = upper.tail.unwrap();
        assert!(tail.shape.abs() < 0.1 && (tail.scale - 1.0).abs() < 0.1, "{tail:?}");
        // P(X > x) = exp(-x)
        for rate in [0.05_f64, 0.01, 1e-4] {
            let expected = -rate.ln();
            assert!((upper.extrapolated(rate) / expected - 1.0).abs() < 0.15, "{rate}");
        }
        assert!((upper.rate(9.2) / 1e-4).ln().abs() < 1.0);
    }

    #[test]
    fn the_conformal_rank_is_exact() {
        let scores: Vec<f64> = (1..=99).map(f64::from).collect();
        let upper = Upper::of(&scores);
        assert_eq!(upper.threshold(0.05), 95.0);
        assert_eq!(upper.threshold(0.01), 99.0);
        assert!(upper.threshold(0.001) > 99.0);
        assert_eq!(upper.rate(95.0), 0.05);
    }

    #[test]
    fn equal_and_few_scores_have_a_threshold() {
        for scores in [vec![2.0; 50], vec![1.0, 3.0], vec![4.0]] {
            let upper = Upper::of(&scores);
            let highest = scores.last().copied().unwrap();
            assert_eq!(upper.threshold(1e-3), highest);
            assert!(upper.rate(highest) > 0.0);
        }
    }
}
