//! Isolation trees as flat arrays of 16-byte nodes, built to be walked without branches.

use rand::Rng;
use rand::seq::index;
use rand_xoshiro::Xoshiro256Plus;

/// One node. An inner node sends a row to `left` when `row[feature] <= threshold`, else to `left + 1`. A leaf has itself as
/// `left` and an infinite threshold, so that walking on from a leaf stays there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Node {
    pub(crate) threshold: f64,
    pub(crate) feature: u32,
    pub(crate) left: u32,
}

/// One isolation tree. Children come after their parent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    /// For a leaf, the path length h(x) of the rows that end there: its depth plus c(rows in it). Unused for inner nodes.
    pub(crate) path_lengths: Vec<f64>,
    /// Steps from the root to the deepest leaf.
    pub(crate) depth: u32,
}

/// c(n), the mean path length of an unsuccessful search in a binary search tree of n nodes: 2 H(n-1) - 2 (n-1)/n with
/// H(i) = ln(i) + Euler's constant.
pub(crate) fn average_path_length(n: usize) -> f64 {
    const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let n = n as f64;
            2.0 * ((n - 1.0).ln() + EULER_GAMMA) - 2.0 * (n - 1.0) / n
        }
    }
}

/// How many rows n a leaf has, from its c(n); at least 1, at most the largest sample there is, whatever a forged file says.
fn rows_of_leaf(c: f64) -> f64 {
    const MAX_ROWS: usize = 65_536;
    let (mut low, mut high) = (1, MAX_ROWS);
    while low < high {
        let middle = low.midpoint(high);
        // Half way to the next: path lengths come from a sum, so c is exact only to its rounding.
        let boundary = average_path_length(middle).midpoint(average_path_length(middle + 1));
        if c > boundary { low = middle + 1 } else { high = middle }
    }
    low as f64
}

impl Node {
    pub(crate) fn leaf(own_index: u32) -> Self {
        Self { threshold: f64::INFINITY, feature: 0, left: own_index }
    }
}

impl Tree {
    /// Grows a tree on `max_samples` rows drawn without replacement and on `n_split_features` features.
    pub(crate) fn grow(
        values: &[f64],
        n_features: usize,
        max_samples: usize,
        n_split_features: usize,
        rng: &mut Xoshiro256Plus,
    ) -> Self {
        let n_rows = values.len() / n_features;
        let rows = index::sample(rng, n_rows, max_samples).into_vec();
        let features = index::sample(rng, n_features, n_split_features).into_vec();
        let max_depth = (max_samples.max(2) as f64).log2().ceil() as u32;
        let mut tree = Self { nodes: vec![Node::leaf(0)], path_lengths: vec![0.0], depth: 0 };
        Growth { values, n_features, features, max_depth, rng }.grow(&mut tree, rows);
        tree
    }

    /// Adds h(x) of each row to its entry of `sums`. Rows have `n_features` values each.
    pub(crate) fn add_path_lengths(&self, rows: &[f64], n_features: usize, sums: &mut [f64]) {
        // Eight walks at once: each step waits for memory, and the eight wait together.
        const LANES: usize = 8;
        let lane_values = LANES * n_features;
        let n_full = sums.len() / LANES * LANES;
        let (full_sums, rest_sums) = sums.split_at_mut(n_full);
        let (full_rows, rest_rows) = rows.split_at(n_full * n_features);
        for (sums, rows) in full_sums.chunks_exact_mut(LANES).zip(full_rows.chunks_exact(lane_values)) {
            let mut at = [0_u32; LANES];
            for _ in 0..self.depth {
                for (lane, at) in at.iter_mut().enumerate() {
                    *at = self.step(*at, &rows[lane * n_features..(lane + 1) * n_features]);
                }
            }
            for (sum, at) in sums.iter_mut().zip(at) {
                *sum += self.path_lengths[at as usize];
            }
        }
        for (sum, row) in rest_sums.iter_mut().zip(rest_rows.chunks_exact(n_features)) {
            let leaf = (0..self.depth).fold(0, |at, _| self.step(at, row));
            *sum += self.path_lengths[leaf as usize];
        }
    }

    /// The expected path length of a row of this tree's sample that comes to each node; for a leaf, the path length itself.
    pub(crate) fn expected_path_lengths(&self) -> Vec<f64> {
        let mut depths = vec![0_u32; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate().filter(|(at, node)| node.left as usize != *at) {
            let left = node.left as usize;
            (depths[left], depths[left + 1]) = (depths[at] + 1, depths[at] + 1);
        }
        let mut expected = self.path_lengths.clone();
        let mut counts = vec![0.0; self.nodes.len()];
        // Children come after their parent, so backwards both are known before it.
        for (at, node) in self.nodes.iter().enumerate().rev() {
            let left = node.left as usize;
            if left == at {
                counts[at] = rows_of_leaf(self.path_lengths[at] - f64::from(depths[at]));
            } else {
                counts[at] = counts[left] + counts[left + 1];
                let share = counts[left] / counts[at];
                expected[at] = share * expected[left] + (1.0 - share) * expected[left + 1];
            }
        }
        expected
    }

    /// Credits the feature of each split on the way of `row` with how much shorter the split made the expected path. The
    /// credits add up to the expected path length at the root less that of the row.
    pub(crate) fn credit(&self, expected: &[f64], row: &[f64], credits: &mut [f64]) {
        let mut at = 0;
        for _ in 0..self.depth {
            let next = self.step(at, row);
            credits[self.nodes[at as usize].feature as usize] += expected[at as usize] - expected[next as usize];
            at = next;
        }
    }

    fn step(&self, at: u32, row: &[f64]) -> u32 {
        let node = &self.nodes[at as usize];
        node.left + u32::from(row[node.feature as usize] > node.threshold)
    }
}

struct Growth<'a> {
    values: &'a [f64],
    n_features: usize,
    features: Vec<usize>,
    max_depth: u32,
    rng: &'a mut Xoshiro256Plus,
}

impl Growth<'_> {
    fn grow(&mut self, tree: &mut Tree, mut rows: Vec<usize>) {
        let mut open = vec![(0_usize, 0..rows.len(), 0_u32)];
        while let Some((node, range, depth)) = open.pop() {
            let split = if depth < self.max_depth { self.split(&rows[range.clone()]) } else { None };
            let Some((feature, threshold)) = split else {
                tree.path_lengths[node] = f64::from(depth) + average_path_length(range.len());
                tree.depth = tree.depth.max(depth);
                continue;
            };
            let n_left = self.partition(&mut rows[range.clone()], feature, threshold);
            let left = tree.nodes.len() as u32;
            tree.nodes[node] = Node { threshold, feature: feature as u32, left };
            tree.nodes.extend([Node::leaf(left), Node::leaf(left + 1)]);
            tree.path_lengths.extend([0.0, 0.0]);
            let middle = range.start + n_left;
            open.push((left as usize + 1, middle..range.end, depth + 1));
            open.push((left as usize, range.start..middle, depth + 1));
        }
    }

    /// A random threshold on a random feature among those that are not constant in these rows.
    fn split(&mut self, rows: &[usize]) -> Option<(usize, f64)> {
        if rows.len() < 2 {
            return None;
        }
        for untried in (0..self.features.len()).rev() {
            let pick = self.rng.gen_range(0..=untried);
            self.features.swap(pick, untried);
            let feature = self.features[untried];
            let (min, max) = self.range(rows, feature);
            if min < max {
                let u: f64 = self.rng.r#gen();
                let threshold = min * (1.0 - u) + max * u;
                // Rounding may reach the maximum, which would leave the right side empty.
                return Some((feature, if threshold < max { threshold.max(min) } else { min }));
            }
        }
        None
    }

    fn range(&self, rows: &[usize], feature: usize) -> (f64, f64) {
        rows.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), row| {
            let x = self.values[row * self.n_features + feature];
            (min.min(x), max.max(x))
        })
    }

    /// Puts the rows of the left side first and returns how many there are.
    fn partition(&self, rows: &mut [usize], feature: usize, threshold: f64) -> usize {
        let mut n_left = 0;
        for i in 0..rows.len() {
            if self.values[rows[i] * self.n_features + feature] <= threshold {
                rows.swap(i, n_left);
                n_left += 1;
            }
        }
        n_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::generator;

    #[test]
    fn leaves_know_their_rows() {
        for n in [1, 2, 3, 17, 256, 65_536] {
            assert_eq!(rows_of_leaf(9.0 + average_path_length(n) - 9.0), n as f64);
        }
        assert_eq!((rows_of_leaf(-7.0), rows_of_leaf(1e300)), (1.0, 65_536.0));
    }

    #[test]
    fn expectation_at_the_root_is_the_mean_path_of_the_sample() {
        let values: Vec<f64> = (0..128).map(|i| f64::from(i * 37 % 101)).collect();
        // All 64 rows are in the sample, so their mean path length is what the root expects.
        let tree = Tree::grow(&values, 2, 64, 2, &mut generator(3, 0));
        let mut paths = vec![0.0; 64];
        tree.add_path_lengths(&values, 2, &mut paths);
        let expected = tree.expected_path_lengths();
        assert!((expected[0] - paths.iter().sum::<f64>() / 64.0).abs() < 1e-12);
        for (row, path) in values.chunks_exact(2).zip(paths) {
            let mut credits = [0.0; 2];
            tree.credit(&expected, row, &mut credits);
            assert!((expected[0] - credits.iter().sum::<f64>() - path).abs() < 1e-12);
        }
    }
}
