//! Scoring rows one by one, in parallel, the same bit for bit however they are grouped.

use nunatak_detector::{Context, DetectorError, Frame};
use rayon::prelude::*;

/// Rows of one task: large enough to hide the cost of a task, small enough that a cancelled run ends at once.
pub(crate) const BLOCK_ROWS: usize = 512;

/// Scores every row of `frame` with `score(scratch, row)`. Each task makes its own scratch space with `scratch`.
pub(crate) fn score_rows<S>(
    frame: &Frame,
    ctx: &Context<'_>,
    scratch: impl Fn() -> S + Sync,
    score: impl Fn(&mut S, &[f64]) -> f64 + Sync,
) -> Result<Vec<f64>, DetectorError> {
    score_blocks(frame.as_slice(), frame.n_features(), ctx, |rows, scores| {
        let mut scratch = scratch();
        for (row, out) in rows.chunks_exact(frame.n_features()).zip(scores) {
            *out = score(&mut scratch, row);
        }
    })
}

/// Scores blocks of up to [`BLOCK_ROWS`] rows: `score(rows, scores)` fills one score for each row of `n_features` values.
pub(crate) fn score_blocks(
    values: &[f64],
    n_features: usize,
    ctx: &Context<'_>,
    score: impl Fn(&[f64], &mut [f64]) + Sync,
) -> Result<Vec<f64>, DetectorError> {
    let mut scores = vec![0.0; values.len() / n_features];
    scores.par_chunks_mut(BLOCK_ROWS).zip(values.par_chunks(BLOCK_ROWS * n_features)).try_for_each(
        |(scores, rows)| {
            ctx.check_cancelled()?;
            score(rows, scores);
            Ok::<(), DetectorError>(())
        },
    )?;
    Ok(scores)
}
