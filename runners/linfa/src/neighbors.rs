//! Distances to the nearest of a set of points, on linfa-nn's k-d tree.
//!
//! linfa-nn's ball tree is never used: on 49 000 rows it took minutes where the k-d tree takes a fraction of a second.

use linfa_nn::distance::Distance;
use linfa_nn::{KdTree, NearestNeighbour};
use ndarray::{Array2, ArrayView, ArrayView1, Dimension};
use nunatak_detector::{Context, DetectorError};
use rayon::prelude::*;

use crate::linalg::squared_distance;

/// Up to so many queries all points are compared: cheaper than building a tree for them.
const BRUTE_FORCE_QUERIES: usize = 64;

/// Rows of one task; a query costs microseconds to milliseconds, so small blocks keep cancelling quick.
const BLOCK_ROWS: usize = 64;

const LEAF_SIZE: usize = 16;

/// For each row of `queries` calls `reduce(distances)` with the Euclidean distances to its `k` nearest `points`, ascending.
///
/// With `leave_out_self` the queries are the points themselves and each point is not its own neighbour. `k` must be at
/// most the number of points (less one when leaving out). Both tables are finite and have equally many columns.
pub(crate) fn nearest<T: Send>(
    points: &Array2<f64>,
    queries: &Array2<f64>,
    k: usize,
    leave_out_self: bool,
    ctx: &Context<'_>,
    reduce: impl Fn(&[f64]) -> T + Sync,
) -> Result<Vec<T>, DetectorError> {
    // The point itself is at distance 0, so it is (or is as good as) the first of one neighbour more.
    let skip = usize::from(leave_out_self);
    let search = Search::new(points, queries.nrows())?;
    let blocks: Vec<usize> = (0..queries.nrows()).step_by(BLOCK_ROWS).collect();
    let found: Result<Vec<Vec<T>>, DetectorError> = blocks
        .into_par_iter()
        .map(|first| {
            ctx.check_cancelled()?;
            let last = (first + BLOCK_ROWS).min(queries.nrows());
            (first..last)
                .map(|row| Ok(reduce(&search.distances(queries.row(row), k + skip)?[skip..])))
                .collect::<Result<Vec<T>, DetectorError>>()
        })
        .collect();
    Ok(found?.into_iter().flatten().collect())
}

enum Search<'a> {
    BruteForce(&'a Array2<f64>),
    Tree(Box<dyn 'a + Send + Sync + linfa_nn::NearestNeighbourIndex<f64>>),
}

impl<'a> Search<'a> {
    fn new(points: &'a Array2<f64>, n_queries: usize) -> Result<Self, DetectorError> {
        if n_queries <= BRUTE_FORCE_QUERIES {
            return Ok(Self::BruteForce(points));
        }
        KdTree::new()
            .from_batch_with_leaf_size(points, LEAF_SIZE, Euclidean)
            .map(Self::Tree)
            .map_err(|error| DetectorError::numeric(format!("the k-d tree could not be built: {error}")))
    }

    /// Ascending distances to the `k` nearest points. Both ways of searching compute each distance alike, so they agree
    /// bit for bit.
    fn distances(&self, query: ArrayView1<'_, f64>, k: usize) -> Result<Vec<f64>, DetectorError> {
        let point = query.as_slice().ok_or_else(|| DetectorError::numeric("a query row is not contiguous"))?;
        let mut distances: Vec<f64> = match self {
            Self::BruteForce(points) => {
                let mut all: Vec<f64> = points.rows().into_iter().map(|row| between(row, point)).collect();
                if k < all.len() {
                    all.select_nth_unstable_by(k, f64::total_cmp);
                    all.truncate(k);
                }
                all.sort_unstable_by(f64::total_cmp);
                all
            }
            Self::Tree(tree) => tree
                .k_nearest(query, k)
                .map_err(|error| DetectorError::numeric(error.to_string()))?
                .into_iter()
                .map(|(row, _)| between(row, point))
                .collect(),
        };
        distances.iter_mut().for_each(|distance| *distance = distance.sqrt());
        Ok(distances)
    }
}

fn between(row: ArrayView1<'_, f64>, point: &[f64]) -> f64 {
    // Rows of a standard-layout table are slices; any other layout is copied.
    row.as_slice().map_or_else(|| squared_distance(&row.to_vec(), point), |row| squared_distance(row, point))
}

/// Euclidean distance with our own summation, so that tree and brute force agree bit for bit.
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
