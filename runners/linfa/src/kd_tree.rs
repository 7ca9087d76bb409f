//! A balanced k-d tree in three flat arrays.
//!
//! The points are put in an order in which every subtree is a run of whole leaves, so the tree is that order: nothing but
//! the bounding boxes has to be computed to get it back from a stored table, and a table in any other order (a forged one)
//! makes a slow tree, never a wrong one. The order depends on the values of the points alone, not on the order they came
//! in.

use std::cmp::Ordering;

use ndarray::Array2;
use nunatak_detector::{Context, DetectorError};

/// Points of one leaf, whose distances are computed side by side.
const LEAF: usize = 16;

/// Features between two looks at whether a leaf is out of reach already.
const STRIDE: usize = 16;

/// Points below which a subtree is built on one thread.
const PARALLEL_POINTS: usize = 4_096;

#[derive(Debug)]
pub(crate) struct KdTree {
    n_points: usize,
    n_features: usize,
    /// Leaf after leaf, each of shape (n_features, LEAF); what the last leaf has no point for is infinite.
    leaves: Vec<f64>,
    /// Lowest and highest value of each feature in each subtree, shape (n_nodes, n_features, 2), parents before children:
    /// the left child of a node comes right after it, the right one after all of the left subtree.
    boxes: Vec<f64>,
}

/// A subtree: its place in `boxes` and the leaves it has.
#[derive(Debug, Clone, Copy)]
struct Node {
    idx: usize,
    first_leaf: usize,
    n_leaves: usize,
}

impl Node {
    fn children(self) -> (Self, Self) {
        let n_left = self.n_leaves.div_ceil(2);
        let left = Self { idx: self.idx + 1, n_leaves: n_left, ..self };
        // A subtree of m leaves has 2 m - 1 nodes.
        let right =
            Self { idx: self.idx + 2 * n_left, first_leaf: self.first_leaf + n_left, n_leaves: self.n_leaves - n_left };
        (left, right)
    }
}

impl KdTree {
    /// Orders `points` (finite, at least one row and column) and builds their tree.
    pub(crate) fn build(points: &Array2<f64>, ctx: &Context<'_>) -> Result<Self, DetectorError> {
        let order = order(points, ctx)?;
        Ok(Self::from_ordered(&points.select(ndarray::Axis(0), &order)))
    }

    /// The tree whose [`points`](Self::points) are these, in this order.
    pub(crate) fn from_ordered(points: &Array2<f64>) -> Self {
        let (n_points, n_features) = points.dim();
        let n_leaves = n_points.div_ceil(LEAF);
        let mut leaves = vec![f64::INFINITY; n_leaves * n_features * LEAF];
        for (idx, point) in points.rows().into_iter().enumerate() {
            let leaf = &mut leaves[idx / LEAF * n_features * LEAF..];
            for (feature, value) in point.iter().enumerate() {
                leaf[feature * LEAF + idx % LEAF] = *value;
            }
        }
        let boxes = vec![0.0; (2 * n_leaves).saturating_sub(1) * n_features * 2];
        let mut tree = Self { n_points, n_features, leaves, boxes };
        if n_leaves > 0 {
            tree.bound(Node { idx: 0, first_leaf: 0, n_leaves });
        }
        tree
    }

    pub(crate) fn n_points(&self) -> usize {
        self.n_points
    }

    pub(crate) fn n_features(&self) -> usize {
        self.n_features
    }

    /// The points in the order of the tree, shape (n_points, n_features).
    pub(crate) fn points(&self) -> Array2<f64> {
        Array2::from_shape_fn((self.n_points, self.n_features), |(idx, feature)| {
            self.leaves[(idx / LEAF * self.n_features + feature) * LEAF + idx % LEAF]
        })
    }

    fn root(&self) -> Node {
        Node { idx: 0, first_leaf: 0, n_leaves: self.n_points.div_ceil(LEAF) }
    }

    /// Fills in the box of `node` and of all below it.
    fn bound(&mut self, node: Node) {
        let width = self.n_features * 2;
        if node.n_leaves == 1 {
            let n_lanes = (self.n_points - node.first_leaf * LEAF).min(LEAF);
            let leaf = &self.leaves[node.first_leaf * self.n_features * LEAF..][..self.n_features * LEAF];
            let bounds = &mut self.boxes[node.idx * width..][..width];
            for (values, bound) in leaf.chunks_exact(LEAF).zip(bounds.chunks_exact_mut(2)) {
                bound[0] = values[..n_lanes].iter().copied().fold(f64::INFINITY, f64::min);
                bound[1] = values[..n_lanes].iter().copied().fold(f64::NEG_INFINITY, f64::max);
            }
            return;
        }
        let (left, right) = node.children();
        self.bound(left);
        self.bound(right);
        for feature in 0..self.n_features {
            let at = |node: Node| node.idx * width + feature * 2;
            self.boxes[at(node)] = self.boxes[at(left)].min(self.boxes[at(right)]);
            self.boxes[at(node) + 1] = self.boxes[at(left) + 1].max(self.boxes[at(right) + 1]);
        }
    }

    /// The leaf whose box is nearest on the way down: queries with equal homes are near each other.
    pub(crate) fn home(&self, query: &[f64]) -> u32 {
        let mut node = self.root();
        while node.n_leaves > 1 {
            let (left, right) = node.children();
            node = if self.distance_to_box(left, query) <= self.distance_to_box(right, query) { left } else { right };
        }
        node.first_leaf as u32
    }

    /// Puts the points nearest to `query` into `candidates`, as many as it holds (at most all).
    pub(crate) fn search(&self, query: &[f64], candidates: &mut Candidates) {
        candidates.clear();
        self.visit(self.root(), query, candidates);
    }

    fn visit(&self, node: Node, query: &[f64], candidates: &mut Candidates) {
        if node.n_leaves <= 1 {
            self.scan(node.first_leaf, query, candidates);
            return;
        }
        let (left, right) = node.children();
        let (to_left, to_right) = (self.distance_to_box(left, query), self.distance_to_box(right, query));
        // Of equally near ones the left has the smaller indices, which go first: it may spare us the right one.
        let nearest_first = if to_left <= to_right {
            [(left, to_left), (right, to_right)]
        } else {
            [(right, to_right), (left, to_left)]
        };
        for (child, distance) in nearest_first {
            if candidates.would_take(distance, (child.first_leaf * LEAF) as u32) {
                self.visit(child, query, candidates);
            }
        }
    }

    /// Squared distance to the nearest point that could be in the box. Summed in the order of the features as in
    /// [`scan`](Self::scan): rounding then never makes it greater than that of a point inside.
    fn distance_to_box(&self, node: Node, query: &[f64]) -> f64 {
        let width = self.n_features * 2;
        let bounds = &self.boxes[node.idx * width..][..width];
        let outside = |(bound, x): (&[f64], &f64)| (bound[0] - x).max(x - bound[1]).max(0.0);
        bounds.chunks_exact(2).zip(query).map(outside).fold(0.0, |sum, distance| sum + distance * distance)
    }

    fn scan(&self, leaf: usize, query: &[f64], candidates: &mut Candidates) {
        let values = &self.leaves[leaf * self.n_features * LEAF..][..self.n_features * LEAF];
        let mut sums = [0.0; LEAF];
        for (values, query) in values.chunks(STRIDE * LEAF).zip(query.chunks(STRIDE)) {
            for (lanes, x) in values.as_chunks::<LEAF>().0.iter().zip(query) {
                for (sum, value) in sums.iter_mut().zip(lanes) {
                    *sum += (value - x) * (value - x);
                }
            }
            if !sums.iter().any(|sum| *sum <= candidates.worst()) {
                return;
            }
        }
        let first = leaf * LEAF;
        for (idx, sum) in (first..self.n_points).zip(sums) {
            if candidates.would_take(sum, idx as u32) {
                candidates.replace_worst(sum, idx as u32);
            }
        }
    }
}

/// The order of the tree: row numbers such that each subtree is a run of them.
fn order(points: &Array2<f64>, ctx: &Context<'_>) -> Result<Vec<usize>, DetectorError> {
    let mut order: Vec<usize> = (0..points.nrows()).collect();
    let rows = points.as_slice().ok_or_else(|| DetectorError::numeric("the points are no row-major table"))?;
    split(&mut order, rows, points.ncols(), ctx)?;
    Ok(order)
}

/// Halves `order` by its widest feature, again and again, down to leaves.
fn split(order: &mut [usize], rows: &[f64], n_features: usize, ctx: &Context<'_>) -> Result<(), DetectorError> {
    let row = |idx: usize| &rows[idx * n_features..][..n_features];
    // Rows that are equal in the feature are told apart by the others, so that the halves do not depend on how the rows
    // came.
    let by_row = |a: &usize, b: &usize| {
        let features = row(*a).iter().zip(row(*b)).map(|(a, b)| a.total_cmp(b));
        features.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    let n_leaves = order.len().div_ceil(LEAF);
    if n_leaves <= 1 {
        order.sort_unstable_by(by_row);
        return Ok(());
    }
    ctx.check_cancelled()?;
    let widest = widest_feature(order, rows, n_features);
    let middle = n_leaves.div_ceil(2) * LEAF;
    order.select_nth_unstable_by(middle, |a, b| row(*a)[widest].total_cmp(&row(*b)[widest]).then_with(|| by_row(a, b)));
    let parallel = order.len() >= PARALLEL_POINTS;
    let (left, right) = order.split_at_mut(middle);
    if parallel {
        let (left, right) = rayon::join(|| split(left, rows, n_features, ctx), || split(right, rows, n_features, ctx));
        return left.and(right);
    }
    split(left, rows, n_features, ctx)?;
    split(right, rows, n_features, ctx)
}

fn widest_feature(order: &[usize], rows: &[f64], n_features: usize) -> usize {
    let mut bounds = vec![(f64::INFINITY, f64::NEG_INFINITY); n_features];
    for idx in order {
        for ((low, high), x) in bounds.iter_mut().zip(&rows[idx * n_features..]) {
            *low = low.min(*x);
            *high = high.max(*x);
        }
    }
    let widths = bounds.iter().map(|(low, high)| high - low).enumerate();
    widths.fold((0, f64::NEG_INFINITY), |best, next| if next.1 > best.1 { next } else { best }).0
}

/// The nearest points so far: a heap of fixed size with the worst on top. Points are ordered by distance, then by index.
#[derive(Debug)]
pub(crate) struct Candidates {
    /// Squared distance and index; an index of `u32::MAX` stands for none yet.
    heap: Vec<(f64, u32)>,
    distances: Vec<f64>,
    indices: Vec<u32>,
}

impl Candidates {
    /// Room for `k` points, at least one.
    pub(crate) fn new(k: usize) -> Self {
        let k = k.max(1);
        Self {
            heap: vec![(f64::INFINITY, u32::MAX); k],
            distances: Vec::with_capacity(k),
            indices: Vec::with_capacity(k),
        }
    }

    fn clear(&mut self) {
        self.heap.fill((f64::INFINITY, u32::MAX));
    }

    fn worst(&self) -> f64 {
        self.heap[0].0
    }

    fn would_take(&self, distance: f64, idx: u32) -> bool {
        before((distance, idx), self.heap[0])
    }

    fn replace_worst(&mut self, distance: f64, idx: u32) {
        let heap = &mut self.heap[..];
        let mut hole = 0;
        loop {
            let mut child = 2 * hole + 1;
            if child >= heap.len() {
                break;
            }
            if child + 1 < heap.len() && before(heap[child], heap[child + 1]) {
                child += 1;
            }
            if !before((distance, idx), heap[child]) {
                break;
            }
            heap[hole] = heap[child];
            hole = child;
        }
        heap[hole] = (distance, idx);
    }

    /// Euclidean distances and indices, nearest first. Takes the heap apart: the next search clears it.
    pub(crate) fn ascending(&mut self) -> (&[f64], &[u32]) {
        self.heap.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.distances.clear();
        self.distances.extend(self.heap.iter().map(|(squared, _)| squared.sqrt()));
        self.indices.clear();
        self.indices.extend(self.heap.iter().map(|(_, idx)| *idx));
        (&self.distances, &self.indices)
    }
}

fn before(a: (f64, u32), b: (f64, u32)) -> bool {
    a.0 < b.0 || (a.0 == b.0 && a.1 < b.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All distances and indices, by comparing everything.
    fn brute_force(points: &Array2<f64>, query: &[f64], k: usize) -> Vec<(f64, u32)> {
        let squared =
            |row: ndarray::ArrayView1<'_, f64>| row.iter().zip(query).fold(0.0, |sum, (a, b)| sum + (a - b) * (a - b));
        let mut all: Vec<(f64, u32)> =
            points.rows().into_iter().zip(0..).map(|(row, idx)| (squared(row), idx)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all.truncate(k);
        all.into_iter().map(|(squared, idx)| (squared.sqrt(), idx)).collect()
    }

    /// Coarse numbers, so that there are many equal distances and some equal rows.
    fn table(n_rows: usize, n_features: usize, levels: usize) -> Array2<f64> {
        Array2::from_shape_fn((n_rows, n_features), |(row, column)| {
            let mixed = (row * 7919 + column * 104_729 + row * row * 31) % 1009;
            (mixed % levels) as f64 * 0.37
        })
    }

    #[test]
    fn finds_what_comparing_everything_finds() {
        let quiet = Context::quiet(0);
        for (n_rows, n_features, levels) in
            [(1, 1, 2), (16, 2, 5), (17, 3, 1009), (500, 1, 3), (700, 5, 4), (300, 40, 1009)]
        {
            let tree = KdTree::build(&table(n_rows, n_features, levels), &quiet).unwrap();
            let points = tree.points();
            for query in table(40, n_features, 1009).rows() {
                let query = query.to_vec();
                for k in [1, 3, 20].into_iter().filter(|k| *k <= n_rows) {
                    let mut candidates = Candidates::new(k);
                    tree.search(&query, &mut candidates);
                    let (distances, indices) = candidates.ascending();
                    let found: Vec<(f64, u32)> = distances.iter().copied().zip(indices.iter().copied()).collect();
                    assert_eq!(found, brute_force(&points, &query, k));
                }
            }
        }
    }

    #[test]
    fn the_order_of_the_rows_does_not_matter() {
        let points = table(777, 3, 9);
        let backwards = points.select(ndarray::Axis(0), &(0..777).rev().collect::<Vec<_>>());
        let quiet = Context::quiet(0);
        let (forward, backward) = (KdTree::build(&points, &quiet).unwrap(), KdTree::build(&backwards, &quiet).unwrap());
        assert_eq!(forward.points(), backward.points());
        assert_eq!(KdTree::from_ordered(&forward.points()).boxes, forward.boxes);
    }

    #[test]
    fn distances_beyond_all_numbers_still_give_neighbours() {
        let points = ndarray::array![[1e300], [-1e300], [0.0]];
        let tree = KdTree::build(&points, &Context::quiet(0)).unwrap();
        let mut candidates = Candidates::new(3);
        tree.search(&[1e300], &mut candidates);
        assert_eq!(candidates.ascending(), (&[0.0, f64::INFINITY, f64::INFINITY][..], &[2, 0, 1][..]));
    }
}
