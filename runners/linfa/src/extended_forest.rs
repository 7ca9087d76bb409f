//! Isolation trees whose splits are hyperplanes, as flat arrays.

use std::ops::Range;

use rand::Rng;
use rand::seq::index;
use rand_xoshiro::Xoshiro256Plus;

use crate::forest::average_path_length;

/// One tree. Children come after their parent; a leaf has itself as `left`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ExtendedTree {
    /// A node sends a row to `left` when its hyperplane's value is at most the offset, else to `left + 1`.
    pub(crate) left: Vec<u32>,
    /// For a leaf the path length h(x) of the rows that end there: its depth plus c(rows in it). For an inner node the
    /// offset of its hyperplane.
    pub(crate) values: Vec<f64>,
    /// Features of the hyperplanes, `width` for each node; a leaf's are unused.
    pub(crate) features: Vec<u32>,
    /// The weights that belong to `features`.
    pub(crate) weights: Vec<f64>,
    /// Features of one hyperplane: the extension level plus 1.
    pub(crate) width: usize,
}

impl ExtendedTree {
    /// Grows a tree on `max_samples` of `values`, rows of `n_features`, drawn without replacement.
    pub(crate) fn grow(
        values: &[f64],
        n_features: usize,
        max_samples: usize,
        width: usize,
        rng: &mut Xoshiro256Plus,
    ) -> Self {
        let rows = index::sample(rng, values.len() / n_features, max_samples).into_vec();
        let max_depth = (max_samples.max(2) as f64).log2().ceil() as u32;
        let mut tree = Self { width, ..Self::default() };
        tree.add_leaf();
        Growth { values, n_features, max_depth, rng }.grow(&mut tree, rows);
        tree
    }

    fn add_leaf(&mut self) {
        self.left.push(self.left.len() as u32);
        self.values.push(0.0);
        self.features.resize(self.features.len() + self.width, 0);
        self.weights.resize(self.weights.len() + self.width, 0.0);
    }

    fn plane(&self, node: usize) -> (&[u32], &[f64]) {
        let range = node * self.width..(node + 1) * self.width;
        (&self.features[range.clone()], &self.weights[range])
    }

    /// h(x) of `row`.
    pub(crate) fn path_length(&self, row: &[f64]) -> f64 {
        let mut at = 0;
        while self.left[at] as usize != at {
            let (features, weights) = self.plane(at);
            at = self.left[at] as usize + usize::from(height(row, features, weights) > self.values[at]);
        }
        self.values[at]
    }

    /// Whether every walk stays inside the arrays and soon ends: for trees from bytes that may be hostile.
    pub(crate) fn is_sound(&self, n_features: usize) -> bool {
        // Samples have at most 2^16 rows; without the limit a forged chain of nodes would make scoring crawl.
        const MAX_DEPTH: u32 = 32;
        let n_nodes = self.left.len();
        let mut depths = vec![0_u32; n_nodes];
        for (at, left) in self.left.iter().enumerate().filter(|(at, left)| **left as usize != *at) {
            let (left, depth) = (*left as usize, depths[at] + 1);
            if left < at || left + 1 >= n_nodes || depth > MAX_DEPTH {
                return false;
            }
            // The deeper of several parents, should a forged file have them.
            depths[left] = depths[left].max(depth);
            depths[left + 1] = depths[left + 1].max(depth);
        }
        let size = n_nodes.checked_mul(self.width);
        let whole =
            self.values.len() == n_nodes && Some(self.features.len()) == size && Some(self.weights.len()) == size;
        n_nodes > 0 && whole && self.features.iter().all(|feature| (*feature as usize) < n_features)
    }
}

/// The value of a hyperplane at `row`.
fn height(row: &[f64], features: &[u32], weights: &[f64]) -> f64 {
    features.iter().zip(weights).map(|(feature, weight)| row[*feature as usize] * weight).sum()
}

struct Growth<'a> {
    values: &'a [f64],
    n_features: usize,
    max_depth: u32,
    rng: &'a mut Xoshiro256Plus,
}

impl Growth<'_> {
    fn grow(&mut self, tree: &mut ExtendedTree, mut rows: Vec<usize>) {
        let mut open: Vec<(usize, Range<usize>, u32)> = vec![(0, 0..rows.len(), 0)];
        while let Some((node, range, depth)) = open.pop() {
            let own = &mut rows[range.clone()];
            if depth >= self.max_depth || !self.split(tree, node, own) {
                tree.values[node] = f64::from(depth) + average_path_length(own.len());
                continue;
            }
            let (features, weights) = tree.plane(node);
            let middle = range.start + self.partition(own, features, weights, tree.values[node]);
            let left = tree.left.len();
            tree.left[node] = left as u32;
            tree.add_leaf();
            tree.add_leaf();
            open.push((left + 1, middle..range.end, depth + 1));
            open.push((left, range.start..middle, depth + 1));
        }
    }

    /// Writes a random hyperplane through the box around `rows` into `node`; `false` when the rows do not differ.
    fn split(&mut self, tree: &mut ExtendedTree, node: usize, rows: &[usize]) -> bool {
        if rows.len() < 2 {
            return false;
        }
        let width = tree.width;
        let chosen = index::sample(self.rng, self.n_features, width);
        let (mut offset, mut varies) = (0.0, false);
        for (i, feature) in chosen.into_iter().enumerate() {
            let (min, max) = self.range(rows, feature);
            varies |= min < max;
            let weight = normal(self.rng);
            let u: f64 = self.rng.r#gen();
            tree.features[node * width + i] = feature as u32;
            // A feature that is constant here moves all rows alike; left out, it cannot round them apart.
            tree.weights[node * width + i] = if min < max { weight } else { 0.0 };
            offset += if min < max { weight * (min * (1.0 - u) + max * u) } else { 0.0 };
        }
        tree.values[node] = offset;
        varies
    }

    fn range(&self, rows: &[usize], feature: usize) -> (f64, f64) {
        rows.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), row| {
            let x = self.values[row * self.n_features + feature];
            (min.min(x), max.max(x))
        })
    }

    /// Puts the rows of the left side first and returns how many there are.
    fn partition(&self, rows: &mut [usize], features: &[u32], weights: &[f64], offset: f64) -> usize {
        let mut n_left = 0;
        for i in 0..rows.len() {
            let row = &self.values[rows[i] * self.n_features..(rows[i] + 1) * self.n_features];
            if height(row, features, weights) <= offset {
                rows.swap(i, n_left);
                n_left += 1;
            }
        }
        n_left
    }
}

/// A standard normal number, by the method of Box and Muller.
fn normal(rng: &mut Xoshiro256Plus) -> f64 {
    let (u, v): (f64, f64) = (rng.r#gen(), rng.r#gen());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::generator;

    fn values() -> Vec<f64> {
        (0..128).map(|i| f64::from(i * 37 % 101)).collect()
    }

    fn tree() -> ExtendedTree {
        ExtendedTree::grow(&values(), 2, 64, 2, &mut generator(3, 0))
    }

    #[test]
    fn a_row_far_out_is_alone_sooner_than_the_sample() {
        let tree = tree();
        let leaves = tree.left.iter().enumerate().filter(|(at, left)| **left as usize == *at);
        assert_eq!(2 * leaves.count() - 1, tree.left.len());
        let mean = values().chunks_exact(2).map(|row| tree.path_length(row)).sum::<f64>() / 64.0;
        assert!((5.0..9.0).contains(&mean), "{mean}");
        assert!(tree.path_length(&[900.0, 900.0]) < mean);
    }

    #[test]
    fn forged_trees_are_refused() {
        assert!(tree().is_sound(2));
        let forge = |change: fn(&mut ExtendedTree)| {
            let mut tree = tree();
            change(&mut tree);
            tree.is_sound(2)
        };
        assert!(!forge(|tree| tree.left[3] = 1));
        assert!(!forge(|tree| tree.left[0] = tree.left.len() as u32 - 1));
        assert!(!forge(|tree| tree.features[1] = 2));
        assert!(!forge(|tree| tree.weights.truncate(5)));
        assert!(!ExtendedTree::default().is_sound(2));
    }
}
