//! Whether one value is better than another by enough.

use nunatak_domain::Direction;

/// What two values say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) better: bool,
    pub(super) reason: String,
}

/// By how much the candidate is better; negative where it is worse, NaN where that cannot be said.
pub(super) fn improvement(direction: Direction, candidate: f64, incumbent: f64) -> f64 {
    match direction {
        Direction::Maximize => candidate - incumbent,
        Direction::Minimize => incumbent - candidate,
    }
}

/// The same value is not better. A difference that is the least asked for counts, also where floats round it off:
/// from 0.2 to 0.3 is 0.1.
pub(super) fn judge(metric: &str, direction: Direction, candidate: f64, incumbent: f64, least: f64) -> Verdict {
    let gain = improvement(direction, candidate, incumbent);
    let rounding = 4.0 * f64::EPSILON * candidate.abs().max(incumbent.abs());
    let rounding = if rounding.is_finite() { rounding } else { 0.0 };
    let better = gain > 0.0 && gain + rounding >= least;
    let values = format!("`{metric}` is {candidate}, that of the version in place {incumbent}");
    let reason = if gain.is_nan() {
        format!("{values}: not to be compared")
    } else if better {
        format!("better: {values}")
    } else if gain > 0.0 {
        format!("better by too little: {values}, and at least {least} is asked for")
    } else if gain == 0.0 {
        format!("no better: {values}")
    } else {
        format!("worse: {values}")
    };
    Verdict { better, reason }
}

#[cfg(test)]
mod tests {
    use Direction::{Maximize, Minimize};

    use super::*;

    #[test]
    fn the_good_end_is_the_declared_one() {
        for (direction, candidate, incumbent, least, better) in [
            (Maximize, 0.9, 0.8, 0.0, true),
            (Minimize, 0.9, 0.8, 0.0, false),
            (Minimize, 0.7, 0.8, 0.05, true),
            (Maximize, 0.8, 0.8, 0.0, false),
            (Maximize, 0.3, 0.2, 0.1, true),
            (Maximize, 0.3, 0.2, 0.1001, false),
            (Minimize, 1.0, f64::INFINITY, 0.5, true),
        ] {
            let verdict = judge("m", direction, candidate, incumbent, least);
            assert_eq!(verdict.better, better, "{direction:?} {candidate} {incumbent} {least}: {}", verdict.reason);
        }
    }

    #[test]
    fn what_is_no_number_is_never_better() {
        for (candidate, incumbent) in [(f64::NAN, 0.5), (0.5, f64::NAN), (f64::INFINITY, f64::INFINITY)] {
            let verdict = judge("m", Maximize, candidate, incumbent, 0.0);
            assert!(!verdict.better && verdict.reason.contains("not to be compared"), "{}", verdict.reason);
        }
    }
}
