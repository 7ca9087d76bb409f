//! Seeded random numbers: one stream for each tree or run, whatever thread it is drawn on.

use nunatak_detector::random::scramble;
use nunatak_detector::{Context, DetectorError};
use rand::SeedableRng;
use rand::seq::index;
use rand_xoshiro::Xoshiro256Plus;

/// The `stream`-th generator of a run.
///
/// Both numbers are scrambled first. The generator's own seeding steps through its seeds with a fixed stride, so plain
/// arithmetic here can give neighbouring streams overlapping states, and trees that resemble each other.
pub(crate) fn generator(seed: u64, stream: u64) -> Xoshiro256Plus {
    Xoshiro256Plus::seed_from_u64(scramble(seed ^ scramble(stream.wrapping_add(1))))
}

/// At most `max_samples` row numbers in ascending order: all rows when there are no more, else drawn without replacement.
pub(crate) fn subsample(
    n_rows: usize,
    max_samples: usize,
    seed: u64,
    ctx: &Context<'_>,
) -> Result<Vec<usize>, DetectorError> {
    ctx.check_cancelled()?;
    if n_rows <= max_samples {
        return Ok((0..n_rows).collect());
    }
    let mut rows = index::sample(&mut generator(seed, 0), n_rows, max_samples).into_vec();
    rows.sort_unstable();
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use rand::RngCore;
    use std::collections::HashSet;

    use super::generator;

    #[test]
    fn neighbouring_streams_have_nothing_in_common() {
        let draws = |seed, stream| {
            let mut rng = generator(seed, stream);
            (0..50).map(move |_| rng.next_u64())
        };
        let all: HashSet<u64> = (0..20).flat_map(|seed| (0..20).flat_map(move |stream| draws(seed, stream))).collect();
        assert_eq!(all.len(), 20 * 20 * 50);
    }
}
