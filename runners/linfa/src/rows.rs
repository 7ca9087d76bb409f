//! Scoring rows one by one, in parallel, the same bit for bit however they are grouped.

use nunatak_detector::{Context, DetectorError, Frame};
use rayon::prelude::*;

use crate::scaling::Scaling;

/// Rows of one task: large enough to hide the cost of a task, small enough that a cancelled run ends at once.
pub(crate) const BLOCK_ROWS: usize = 512;

/// Rows that are worked on side by side.
pub(crate) const LANES: usize = 8;

/// `rows` of `n_features` values in groups of [`LANES`], each of shape (n_features, LANES): the values of one feature lie side
/// by side. The last group is filled up with the last row.
pub(crate) fn interleave(rows: &[f64], n_features: usize) -> Vec<[f64; LANES]> {
    let n_rows = rows.len() / n_features;
    let mut groups = vec![[0.0; LANES]; n_rows.div_ceil(LANES) * n_features];
    for (idx, group) in groups.chunks_exact_mut(n_features).enumerate() {
        for lane in 0..LANES {
            let row = (idx * LANES + lane).min(n_rows - 1);
            for (lanes, x) in group.iter_mut().zip(&rows[row * n_features..][..n_features]) {
                lanes[lane] = *x;
            }
        }
    }
    groups
}

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

/// Scores every row of `frame`, scaled, [`LANES`] at a time: `score(scratch, group)` gives the scores of a group of shape
/// (n_features, LANES). As no lane looks at another, a row alone scores as in a batch.
pub(crate) fn score_lanes<S>(
    frame: &Frame,
    scaling: &Scaling,
    ctx: &Context<'_>,
    scratch: impl Fn() -> S + Sync,
    score: impl Fn(&mut S, &[[f64; LANES]]) -> [f64; LANES] + Sync,
) -> Result<Vec<f64>, DetectorError> {
    let n_features = frame.n_features();
    score_blocks(frame.as_slice(), n_features, ctx, |rows, scores| {
        let mut scratch = scratch();
        let mut scaled = vec![0.0; rows.len()];
        for (row, out) in rows.chunks_exact(n_features).zip(scaled.chunks_exact_mut(n_features)) {
            scaling.row(row, out);
        }
        let groups = interleave(&scaled, n_features);
        for (scores, group) in scores.chunks_mut(LANES).zip(groups.chunks_exact(n_features)) {
            scores.copy_from_slice(&score(&mut scratch, group)[..scores.len()]);
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
