//! How long to wait before trying again.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Waiting times that double from `initial` up to `max`, each shortened at random by up to half, so that many clients that
/// lost the same server do not come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    next: Duration,
    random: StdRng,
}

impl Backoff {
    pub fn new(initial: Duration, max: Duration) -> Self {
        Self::seeded(initial, max, rand::rngs::OsRng.r#gen())
    }

    /// The same with a known sequence of random numbers.
    pub fn seeded(initial: Duration, max: Duration, seed: u64) -> Self {
        Self { initial, max, next: initial, random: StdRng::seed_from_u64(seed) }
    }

    /// The time to wait now; the next one is longer.
    pub fn next_delay(&mut self) -> Duration {
        let full = self.next.min(self.max);
        self.next = full.saturating_mul(2);
        full.mul_f64(self.random.gen_range(0.5..=1.0))
    }

    /// Starts over, after a success.
    pub fn reset(&mut self) {
        self.next = self.initial;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;

    #[test]
    fn waits_double_up_to_the_limit_and_start_over() {
        let mut backoff = Backoff::seeded(Duration::from_millis(100), Duration::from_secs(1), 7);
        for full_ms in [100, 200, 400, 800, 1000, 1000] {
            let delay_ms = backoff.next_delay().as_millis();
            assert!((full_ms / 2..=full_ms).contains(&delay_ms), "{delay_ms} of {full_ms}");
        }
        backoff.reset();
        assert!(backoff.next_delay() <= Duration::from_millis(100));
    }
}
