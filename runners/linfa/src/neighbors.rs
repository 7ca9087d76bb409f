//! Nearest neighbours in Euclidean distance, on a k-d tree of our own.
//!
//! linfa-nn's k-d tree keeps its points one by one on the heap and hands back a new vector for each query; this one lays
//! them out leaf by leaf, so that a query is a few runs through contiguous memory. linfa-nn's ball tree is never used: on
//! 49 000 rows it took minutes.

use linfa_nn::distance::Distance;
use ndarray::{Array2, ArrayView, Dimension};
use nunatak_detector::{Context, DetectorError};
use rayon::prelude::*;

use crate::kd_tree::{Candidates, KdTree};
use crate::linalg::squared_distance;

/// Rows of one task; a query costs microseconds to milliseconds.
const BLOCK_ROWS: usize = 64;

/// The neighbours of one query, nearest first; of equally near ones that with the smaller index first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neighbors<'a> {
    /// Euclidean, ascending.
    pub(crate) distances: &'a [f64],
    /// Positions in the order of the tree.
    pub(crate) indices: &'a [u32],
}

/// For each row of `queries` calls `reduce` with its `k` nearest points of the tree.
///
/// With `leave_out_self` the queries are rows of the tree themselves, and each is not its own neighbour. Of rows that
/// equal it one is left out, whichever: they cannot be told apart. `k` must be at most the number of points (less one when
/// leaving out). Queries are finite and have as many columns as the points.
pub(crate) fn nearest<T: Send + Sync + Copy>(
    tree: &KdTree,
    queries: &Array2<f64>,
    k: usize,
    leave_out_self: bool,
    ctx: &Context<'_>,
    reduce: impl Fn(Neighbors<'_>) -> T + Sync,
) -> Result<Vec<T>, DetectorError> {
    let skip = usize::from(leave_out_self);
    let n_features = tree.n_features();
    let Some(values) = queries.as_slice().filter(|_| queries.ncols() == n_features) else {
        return Err(DetectorError::numeric("the queries are no row-major table of the tree's features"));
    };
    let row = |row: u32| &values[row as usize * n_features..][..n_features];
    // Queries that are near each other find the same leaves in the processor's cache.
    let mut order: Vec<(u32, u32)> =
        (0..queries.nrows() as u32).into_par_iter().map(|idx| (tree.home(row(idx)), idx)).collect();
    order.sort_unstable();
    ctx.check_cancelled()?;
    let found: Result<Vec<Vec<T>>, DetectorError> = order
        .par_chunks(BLOCK_ROWS)
        .map(|block| {
            let mut candidates = Candidates::new(k + skip);
            let search = |(_, idx): &(u32, u32)| {
                ctx.check_cancelled()?;
                tree.search(row(*idx), &mut candidates);
                let (distances, indices) = candidates.ascending();
                Ok(reduce(Neighbors { distances: &distances[skip..], indices: &indices[skip..] }))
            };
            block.iter().map(search).collect()
        })
        .collect();
    let found = found?;
    let mut by_row: Vec<Option<T>> = vec![None; queries.nrows()];
    for ((_, idx), value) in order.iter().zip(found.into_iter().flatten()) {
        by_row[*idx as usize] = Some(value);
    }
    Ok(by_row.into_iter().flatten().collect())
}

/// The `k` nearest other points of each point of the tree, in the order of the tree: fills `distances` and `indices`, both of
/// shape (n_points, k).
///
/// As [`nearest`] with `leave_out_self`, of equal points it may be a point itself that is kept and its equal that is not.
pub(crate) fn self_neighbors(
    tree: &KdTree,
    k: usize,
    ctx: &Context<'_>,
    distances: &mut [f64],
    indices: &mut [u32],
) -> Result<(), DetectorError> {
    let points = tree.points();
    let values = points.as_slice().unwrap_or_default();
    let blocks = values.par_chunks(BLOCK_ROWS * tree.n_features());
    let found = distances.par_chunks_mut(BLOCK_ROWS * k).zip(indices.par_chunks_mut(BLOCK_ROWS * k));
    blocks.zip(found).try_for_each(|(points, (distances, indices))| {
        let mut candidates = Candidates::new(k + 1);
        let rows = distances.chunks_exact_mut(k).zip(indices.chunks_exact_mut(k));
        for (point, (distances, indices)) in points.chunks_exact(tree.n_features()).zip(rows) {
            ctx.check_cancelled()?;
            tree.search(point, &mut candidates);
            let found = candidates.ascending();
            distances.copy_from_slice(&found.0[1..]);
            indices.copy_from_slice(&found.1[1..]);
        }
        Ok(())
    })
}

/// Euclidean distance for linfa's algorithms.
#[derive(Debug, Clone)]
pub(crate) struct Euclidean;

impl<F: linfa::Float> Distance<F> for Euclidean {
    fn distance<D: Dimension>(&self, a: ArrayView<'_, F, D>, b: ArrayView<'_, F, D>) -> F {
        self.rdistance(a, b).sqrt()
    }

    fn rdistance<D: Dimension>(&self, a: ArrayView<'_, F, D>, b: ArrayView<'_, F, D>) -> F {
        match (a.as_slice(), b.as_slice()) {
            (Some(a), Some(b)) => squared_distance(a, b),
            // linfa-nn hands over contiguous rows only; any other view is copied.
            _ => squared_distance(&a.iter().copied().collect::<Vec<_>>(), &b.iter().copied().collect::<Vec<_>>()),
        }
    }

    fn rdist_to_dist(&self, rdist: F) -> F {
        rdist.sqrt()
    }

    fn dist_to_rdist(&self, dist: F) -> F {
        dist * dist
    }
}
