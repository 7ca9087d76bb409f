//! Successive halving (Jamieson and Talwalkar, AISTATS 2016), with the arithmetic of Hyperband's brackets (Li et al.,
//! JMLR 2018): many configurations get little of a resource, the best of them more, the best of those all of it.

use serde::{Deserialize, Serialize};

/// How many trials get how much.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    pub trials: u32,
    pub resource: f64,
}

/// The rungs from the first to the last. The last has all of the resource (`max`), each one before a part of `eta`
/// less, as long as that is `min` at least and a configuration is left for the last: rung k of s has
/// floor(trials / eta^k) trials with max / eta^(s - k).
pub(super) fn rungs(trials: u32, eta: u32, (min, max): (f64, f64), integer: bool) -> Vec<Rung> {
    let eta = eta.max(2);
    let mut powers = vec![1_u32];
    while let Some(next) = powers.last().and_then(|power| power.checked_mul(eta)) {
        // A hair below `min` is rounding.
        if next > trials || max / f64::from(next) < min * (1.0 - 1e-9) {
            break;
        }
        powers.push(next);
    }
    let rung = |(less, fewer): (&u32, &u32)| {
        let resource = max / f64::from(*less);
        Rung { trials: trials / fewer, resource: if integer { resource.round() } else { resource } }
    };
    powers.iter().rev().zip(&powers).map(rung).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn computed(trials: u32, eta: u32, min: f64, max: f64) -> Vec<(u32, f64)> {
        rungs(trials, eta, (min, max), true).into_iter().map(|rung| (rung.trials, rung.resource)).collect()
    }

    #[test]
    fn rungs_are_those_computed_by_hand() {
        // The bracket s = 4 of the table in Li et al. 2018, R = 81, eta = 3.
        assert_eq!(computed(81, 3, 1.0, 81.0), [(81, 1.0), (27, 3.0), (9, 9.0), (3, 27.0), (1, 81.0)]);
        // 100 / 2^3 = 12.5, and 100 / 2^4 would be below 10.
        assert_eq!(computed(10, 2, 10.0, 100.0), [(10, 13.0), (5, 25.0), (2, 50.0), (1, 100.0)]);
        // With 5 trials there is nothing left to halve after two rungs of eta 3.
        assert_eq!(computed(5, 3, 1.0, 1000.0), [(5, 333.0), (1, 1000.0)]);
        // No room between min and max: everything gets all.
        assert_eq!(computed(8, 4, 60.0, 100.0), [(8, 100.0)]);
        // 0.9 / 9 is a hair below 0.1 and counts all the same.
        let shares = rungs(9, 3, (0.1, 0.9), false);
        assert_eq!(shares.iter().map(|rung| rung.trials).collect::<Vec<_>>(), [9, 3, 1]);
        for (rung, expected) in shares.iter().zip([0.1, 0.3, 0.9]) {
            assert!((rung.resource - expected).abs() < 1e-12, "{rung:?}");
        }
    }
}
