//! One random cut tree, and what inserting a point would do to it.

use nunatak_detector::DetectorError;
use rand::Rng;
use rand_xoshiro::Xoshiro256Plus;

/// A binary tree over points. Nodes are in preorder: the first child of node i is i + 1, and a node of m points whose
/// first child has k takes 2 d - 1 nodes for its d distinct points.
#[derive(Debug)]
pub(crate) struct CutTree {
    n_dimensions: usize,
    pub(crate) nodes: Vec<Node>,
    /// For each node, the smallest then the largest value of each dimension, shape (n_nodes, 2, n_dimensions).
    boxes: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Node {
    /// Points at or below it.
    pub(crate) mass: u32,
    /// The second child; 0 for a leaf, whose points are all equal.
    pub(crate) second: u32,
    /// Points with at most `cut` in this dimension are in the first child.
    pub(crate) dimension: u32,
    pub(crate) cut: f64,
}

impl CutTree {
    /// Cuts `points`, each of `n_dimensions` finite values, at random (Guha et al.): a dimension as likely as its range
    /// is large, at a uniform place in the range.
    pub(crate) fn grow(points: &[f64], n_dimensions: usize, rng: &mut Xoshiro256Plus) -> Self {
        let mut tree = Self { n_dimensions, nodes: Vec::new(), boxes: Vec::new() };
        let mut rows: Vec<usize> = (0..points.len() / n_dimensions).collect();
        tree.split(points, &mut rows, rng);
        tree
    }

    /// Appends the subtree of `rows`. No deeper than there are rows, of which a tree has a few hundred.
    fn split(&mut self, points: &[f64], rows: &mut [usize], rng: &mut Xoshiro256Plus) {
        let n = self.n_dimensions;
        let at = self.nodes.len();
        let value = |row: usize, dimension: usize| points[row * n + dimension];
        let first = self.boxes.len();
        for pick in [f64::min, f64::max] {
            let extreme = |dimension| rows.iter().map(|row| value(*row, dimension)).reduce(pick).unwrap_or(0.0);
            self.boxes.extend((0..n).map(extreme));
        }
        let (low, high) = self.boxes[first..].split_at(n);
        let cut = draw(low, high, rng);
        self.nodes.push(Node { mass: rows.len() as u32, second: 0, dimension: 0, cut: 0.0 });
        let Some((dimension, cut)) = cut else { return };
        rows.sort_by(|left, right| value(*left, dimension).total_cmp(&value(*right, dimension)));
        let n_first = rows.partition_point(|row| value(*row, dimension) <= cut);
        let (left, right) = rows.split_at_mut(n_first);
        self.split(points, left, rng);
        self.nodes[at] = Node { second: self.nodes.len() as u32, dimension: dimension as u32, cut, ..self.nodes[at] };
        self.split(points, right, rng);
    }

    /// The smallest and the largest value of each dimension of each leaf are one point: these, in the order of the
    /// leaves.
    pub(crate) fn points(&self) -> impl Iterator<Item = &[f64]> {
        let n = self.n_dimensions;
        let leaves = self.nodes.iter().zip(self.boxes.chunks_exact(2 * n)).filter(|(node, _)| node.second == 0);
        leaves.map(move |(_, corners)| &corners[..n])
    }

    /// Puts a tree together again from its nodes and the points of its leaves.
    ///
    /// # Errors
    /// [`DetectorError::Artifact`] when the nodes are no tree in preorder or the points are not as many as the leaves.
    pub(crate) fn rebuild(nodes: Vec<Node>, points: &[f64], n_dimensions: usize) -> Result<Self, DetectorError> {
        let broken = || DetectorError::artifact("the nodes of a tree do not fit together");
        let n_leaves = nodes.iter().filter(|node| node.second == 0).count();
        if nodes.is_empty() || points.len() != n_leaves * n_dimensions {
            return Err(broken());
        }
        let mut boxes = vec![0.0; nodes.len() * 2 * n_dimensions];
        let mut leaves = points.chunks_exact(n_dimensions).rev();
        // Children come behind their parent, so backwards each node finds its children's boxes done.
        for (at, node) in nodes.iter().enumerate().rev() {
            let (before, behind) = boxes.split_at_mut((at + 1) * 2 * n_dimensions);
            let corners = &mut before[at * 2 * n_dimensions..];
            let (low, high) = corners.split_at_mut(n_dimensions);
            if node.second == 0 {
                let point = leaves.next().ok_or_else(broken)?;
                low.copy_from_slice(point);
                high.copy_from_slice(point);
                continue;
            }
            let second = node.second as usize;
            if second <= at + 1 || second >= nodes.len() || node.dimension as usize >= n_dimensions {
                return Err(broken());
            }
            let child = |child: usize| &behind[(child - at - 1) * 2 * n_dimensions..][..2 * n_dimensions];
            let (one, two) = (child(at + 1), child(second));
            for dimension in 0..n_dimensions {
                low[dimension] = one[dimension].min(two[dimension]);
                high[dimension] = one[n_dimensions + dimension].max(two[n_dimensions + dimension]);
            }
        }
        Ok(Self { n_dimensions, nodes, boxes })
    }

    /// The collusive displacement that inserting `point` would cause, as expected over the random cuts of the
    /// insertion; `credit(dimension, part)` is told what each dimension adds to it.
    ///
    /// On the way down, each node's box is cut off from the point with probability (how far the point is outside the
    /// box) / (the size of the box with the point), summed over the dimensions. A point cut off there displaces all
    /// points of the node; with those beside it higher up, it displaces their siblings, shared among them.
    pub(crate) fn displacement(&self, point: &[f64], mut credit: impl FnMut(usize, f64)) -> f64 {
        let n = self.n_dimensions;
        let (mut at, mut reached, mut sum) = (0, 1.0, 0.0);
        // The largest shared displacement among the groups above, and the dimension of the cut that made the group.
        let mut above = (0.0, 0);
        loop {
            let node = self.nodes[at];
            let (low, high) = self.boxes[at * 2 * n..(at + 1) * 2 * n].split_at(n);
            let outside =
                |dimension: usize| (low[dimension] - point[dimension]).max(point[dimension] - high[dimension]).max(0.0);
            let (mut size, mut distance) = (0.0, 0.0);
            for dimension in 0..n {
                size += high[dimension] - low[dimension];
                distance += outside(dimension);
            }
            if distance > 0.0 {
                let displaced = f64::from(node.mass).max(above.0);
                let cut_off = reached * distance / (size + distance) * displaced;
                sum += cut_off;
                for dimension in (0..n).filter(|dimension| outside(*dimension) > 0.0) {
                    credit(dimension, cut_off * outside(dimension) / distance);
                }
                reached *= size / (size + distance);
            }
            if node.second == 0 {
                // Only a point equal to the leaf gets here with anything left.
                credit(above.1, reached * above.0);
                return sum + reached * above.0;
            }
            let dimension = node.dimension as usize;
            let (child, sibling) = match point[dimension] <= node.cut {
                true => (at + 1, node.second as usize),
                false => (node.second as usize, at + 1),
            };
            let shared = f64::from(self.nodes[sibling].mass) / (f64::from(self.nodes[child].mass) + 1.0);
            if shared > above.0 {
                above = (shared, dimension);
            }
            at = child;
        }
    }
}

/// Where to cut a box; `None` when it is a point.
fn draw(low: &[f64], high: &[f64], rng: &mut Xoshiro256Plus) -> Option<(usize, f64)> {
    let size: f64 = low.iter().zip(high).map(|(low, high)| high - low).sum();
    if size <= 0.0 {
        return None;
    }
    let mut left = rng.r#gen::<f64>() * size;
    let widths = || low.iter().zip(high).map(|(low, high)| high - low).enumerate();
    let mut drawn = widths().rfind(|(_, width)| *width > 0.0)?;
    for (dimension, width) in widths() {
        if left < width {
            drawn = (dimension, width);
            break;
        }
        left -= width;
    }
    let (dimension, width) = drawn;
    let cut = low[dimension] + left.clamp(0.0, width);
    // Rounding may put the cut at the upper edge, which would leave the second child empty.
    Some((dimension, if cut < high[dimension] { cut } else { low[dimension] }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::generator;

    fn points() -> Vec<f64> {
        let value = |i: usize| if i < 40 { (i * 37 % 11) as f64 } else { 100.0 + (i % 2) as f64 };
        (0..42).flat_map(|i| [value(i), value(i * 3 % 40) / 2.0]).collect()
    }

    #[test]
    fn a_tree_is_the_same_after_rebuilding() {
        let tree = CutTree::grow(&points(), 2, &mut generator(1, 0));
        let leaves: Vec<f64> = tree.points().flatten().copied().collect();
        let again = CutTree::rebuild(tree.nodes.clone(), &leaves, 2).unwrap();
        assert_eq!(again.boxes, tree.boxes);
        assert_eq!(tree.nodes[0].mass, 42);
        assert!(CutTree::rebuild(tree.nodes.clone(), &leaves[2..], 2).is_err());
        assert!(CutTree::rebuild(Vec::new(), &[], 2).is_err());
        let mut loops = tree.nodes.clone();
        loops[0].second = 1;
        assert!(CutTree::rebuild(loops, &leaves, 2).is_err());
    }

    #[test]
    fn displacement_of_one_dimension_is_the_textbooks() {
        // Points 0 and 1 in any tree. 3 is 2 outside a box of 1: cut off from both with probability 2/3, else from the
        // point 1 alone, where it displaces 1 (shared with 0's displacement of 1/2 above).
        let tree = CutTree::grow(&[0.0, 1.0], 1, &mut generator(1, 0));
        let mut credited = 0.0;
        let found = tree.displacement(&[3.0], |_, part| credited += part);
        assert!((found - (2.0 / 3.0 * 2.0 + 1.0 / 3.0)).abs() < 1e-12, "{found}");
        assert!((credited - found).abs() < 1e-12);
        // A point of the tree displaces, with its equal, its sibling: 1 point shared by 2.
        assert!((tree.displacement(&[1.0], |_, _| ()) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn parts_add_up_and_far_points_displace_most() {
        let tree = CutTree::grow(&points(), 2, &mut generator(4, 0));
        let displacement = |point: [f64; 2]| {
            let mut parts = [0.0; 2];
            let sum = tree.displacement(&point, |dimension, part| parts[dimension] += part);
            assert!((parts[0] + parts[1] - sum).abs() < 1e-9, "{parts:?} {sum}");
            sum
        };
        let (inside, small_cluster, far) =
            (displacement([5.0, 2.0]), displacement([100.5, 1.0]), displacement([5.0, 5000.0]));
        assert!(inside < small_cluster && small_cluster < far, "{inside} {small_cluster} {far}");
    }
}
