//! Reasons that come from the method itself: what each feature contributed to a score.

use ndarray::Array2;
use nunatak_detector::{Context, DetectorError, Frame};
use rayon::prelude::*;

use crate::linalg::dot;
use crate::rows::BLOCK_ROWS;

/// The contributions of each feature to the scores of `rows` (indices into `frame`), shape (rows.len(), n_features).
///
/// `contribute(scratch, row, out)` adds them to `out`, which starts at 0 and has an entry for each feature. Each task makes
/// its own scratch space with `scratch`.
pub(crate) fn contribute_rows<S>(
    frame: &Frame,
    rows: &[usize],
    ctx: &Context<'_>,
    scratch: impl Fn() -> S + Sync,
    contribute: impl Fn(&mut S, &[f64], &mut [f64]) + Sync,
) -> Result<Option<Array2<f64>>, DetectorError> {
    let n_features = frame.n_features();
    let mut shares = vec![0.0; rows.len() * n_features];
    shares.par_chunks_mut(BLOCK_ROWS * n_features).zip(rows.par_chunks(BLOCK_ROWS)).try_for_each(
        |(shares, rows)| {
            ctx.check_cancelled()?;
            let mut scratch = scratch();
            for (row, out) in rows.iter().zip(shares.chunks_exact_mut(n_features)) {
                contribute(&mut scratch, frame.row(*row), out);
            }
            Ok::<(), DetectorError>(())
        },
    )?;
    Array2::from_shape_vec((rows.len(), n_features), shares)
        .map(Some)
        .map_err(|error| DetectorError::numeric(format!("the contributions do not form a table: {error}")))
}

/// Splits the quadratic form sum_k weight_k (x . v_k)^2 over the entries of x: entry j gets x_j (A x)_j, where A is the
/// matrix of the form. The entries of `out`, which starts at 0, add up to the form; one may be negative, where a feature
/// makes the others less surprising.
pub(crate) fn split_quadratic<'a>(x: &[f64], terms: impl Iterator<Item = (&'a [f64], f64)>, out: &mut [f64]) {
    for (v, weight) in terms {
        let projection = dot(x, v) * weight;
        out.iter_mut().zip(v).for_each(|(out, v)| *out += projection * v);
    }
    out.iter_mut().zip(x).for_each(|(out, x)| *out *= x);
}
