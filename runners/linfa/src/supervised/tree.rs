//! Classification trees as flat arrays.

use nunatak_detector::DetectorError;

/// No tree is deeper: rows that need more splits share a leaf. Without the limit a forged chain of nodes would make scoring
/// crawl.
pub(crate) const MAX_DEPTH: u32 = 1_000;

/// One node. An inner node sends a row to `left` when `row[feature] <= threshold`, else to `left + 1`. A leaf has itself as
/// `left` and an infinite threshold, so that walking on from a leaf stays there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Node {
    pub(crate) threshold: f64,
    pub(crate) feature: u32,
    pub(crate) left: u32,
}

impl Node {
    pub(crate) fn leaf(own_index: u32) -> Self {
        Self { threshold: f64::INFINITY, feature: 0, left: own_index }
    }
}

/// One class among the training rows of a leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share {
    pub(crate) class: u32,
    /// How many training rows, each as often as it was drawn.
    pub(crate) rows: u32,
    /// `rows` over the rows of the leaf.
    probability: f64,
}

/// A tree. Children come after their parent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    /// The shares of node i are `shares[offsets[i]..offsets[i + 1]]`: none for inner nodes, classes ascending for leaves.
    offsets: Vec<u32>,
    shares: Vec<Share>,
    pub(crate) depth: u32,
}

impl Tree {
    /// Builds a tree from parts that may be hostile: children lie behind their parent and inside the tree, features and
    /// classes exist, and every leaf has rows. `shares` gives (class, rows) for each node, empty for inner nodes.
    pub(crate) fn new<'a>(
        nodes: Vec<Node>,
        shares: impl Iterator<Item = &'a [(u32, u32)]>,
        n_features: usize,
        n_classes: usize,
    ) -> Result<Self, DetectorError> {
        let depth = check_nodes(&nodes, n_features)?;
        let mut tree = Self { offsets: vec![0], shares: Vec::new(), nodes, depth };
        for (own_index, shares) in shares.take(tree.nodes.len()).enumerate() {
            let ascending = shares.windows(2).all(|pair| pair[0].0 < pair[1].0);
            let in_range = shares.iter().all(|(class, rows)| (*class as usize) < n_classes && *rows > 0);
            if !ascending || !in_range || shares.is_empty() == tree.is_leaf(own_index) {
                return Err(misfit());
            }
            let total: f64 = shares.iter().map(|(_, rows)| f64::from(*rows)).sum();
            let share = |&(class, rows): &(u32, u32)| Share { class, rows, probability: f64::from(rows) / total };
            tree.shares.extend(shares.iter().map(share));
            tree.offsets.push(tree.shares.len() as u32);
        }
        if tree.offsets.len() == tree.nodes.len() + 1 { Ok(tree) } else { Err(misfit()) }
    }

    pub(crate) fn is_leaf(&self, node: usize) -> bool {
        self.nodes[node].left as usize == node
    }

    pub(crate) fn shares(&self, node: usize) -> &[Share] {
        &self.shares[self.offsets[node] as usize..self.offsets[node + 1] as usize]
    }

    pub(crate) fn n_leaves(&self) -> usize {
        self.nodes.len() / 2 + 1
    }

    /// Adds the probabilities of each row to its `n_classes` entries of `sums`. Rows have `n_features` values each.
    pub(crate) fn add_probabilities(&self, rows: &[f64], n_features: usize, sums: &mut [f64], n_classes: usize) {
        // Eight walks at once: each step waits for memory, and the eight wait together.
        const LANES: usize = 8;
        let mut row_lanes = rows.chunks_exact(LANES * n_features);
        let mut sum_lanes = sums.chunks_exact_mut(LANES * n_classes);
        for (rows, sums) in row_lanes.by_ref().zip(sum_lanes.by_ref()) {
            let mut at = [0_u32; LANES];
            loop {
                let before = at;
                for (lane, at) in at.iter_mut().enumerate() {
                    *at = self.step(*at, &rows[lane * n_features..(lane + 1) * n_features]);
                }
                if at == before {
                    break;
                }
            }
            for (sums, at) in sums.chunks_exact_mut(n_classes).zip(at) {
                self.add_shares(at as usize, sums);
            }
        }
        let rest = row_lanes.remainder().chunks_exact(n_features);
        for (row, sums) in rest.zip(sum_lanes.into_remainder().chunks_exact_mut(n_classes)) {
            self.add_shares(self.leaf(row), sums);
        }
    }

    pub(crate) fn add_shares(&self, leaf: usize, sums: &mut [f64]) {
        for share in self.shares(leaf) {
            sums[share.class as usize] += share.probability;
        }
    }

    /// The node where a row ends.
    pub(crate) fn leaf(&self, row: &[f64]) -> usize {
        self.path(row).last().unwrap_or(0)
    }

    /// The nodes that a row passes, from the root to its leaf.
    pub(crate) fn path<'a>(&'a self, row: &'a [f64]) -> impl Iterator<Item = usize> + 'a {
        std::iter::successors(Some(0_usize), move |at| {
            (!self.is_leaf(*at)).then(|| self.step(*at as u32, row) as usize)
        })
    }

    fn step(&self, at: u32, row: &[f64]) -> u32 {
        let node = &self.nodes[at as usize];
        node.left + u32::from(row[node.feature as usize] > node.threshold)
    }

    /// For each node the part of its rows that are of the `wanted` classes.
    pub(crate) fn fractions(&self, wanted: &[bool]) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); self.nodes.len()];
        for node in (0..self.nodes.len()).rev() {
            if self.is_leaf(node) {
                for share in self.shares(node) {
                    let rows = f64::from(share.rows);
                    sums[node].0 += if wanted[share.class as usize] { rows } else { 0.0 };
                    sums[node].1 += rows;
                }
            } else {
                let left = self.nodes[node].left as usize;
                sums[node] = (sums[left].0 + sums[left + 1].0, sums[left].1 + sums[left + 1].1);
            }
        }
        sums.into_iter().map(|(wanted, all)| wanted / all).collect()
    }
}

fn misfit() -> DetectorError {
    DetectorError::artifact("it has a tree whose nodes do not fit together")
}

/// The depth of the deepest node. Every node but the root must be the child of exactly one other.
fn check_nodes(nodes: &[Node], n_features: usize) -> Result<u32, DetectorError> {
    if nodes.is_empty() {
        return Err(misfit());
    }
    let mut depths: Vec<Option<u32>> = vec![None; nodes.len()];
    depths[0] = Some(0);
    let mut deepest = 0;
    for (own_index, node) in nodes.iter().enumerate() {
        let depth = depths[own_index].ok_or_else(misfit)?;
        deepest = deepest.max(depth);
        let child = node.left as usize;
        if child == own_index {
            continue;
        }
        let in_range = child > own_index && child + 1 < nodes.len() && (node.feature as usize) < n_features;
        if !in_range || depth == MAX_DEPTH || depths[child].is_some() || depths[child + 1].is_some() {
            return Err(misfit());
        }
        depths[child] = Some(depth + 1);
        depths[child + 1] = Some(depth + 1);
    }
    Ok(deepest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(left: [u32; 3], feature: u32, shares: [&[(u32, u32)]; 3]) -> Result<Tree, DetectorError> {
        let node = |(own, left): (usize, u32)| match left as usize == own {
            true => Node::leaf(left),
            false => Node { threshold: 0.5, feature, left },
        };
        Tree::new(left.into_iter().enumerate().map(node).collect(), shares.into_iter(), 2, 2)
    }

    #[test]
    fn forged_trees_are_refused() {
        let (one, other): (&[_], &[_]) = (&[(0, 3)], &[(0, 1), (1, 2)]);
        assert!(tree([1, 1, 2], 0, [&[], one, other]).is_ok());
        for left in [[2, 1, 2], [9, 1, 2], [1, 0, 2], [0, 1, 2], [1, 2, 2]] {
            assert!(tree(left, 0, [&[], one, other]).is_err(), "{left:?}");
        }
        assert!(tree([1, 1, 2], 2, [&[], one, other]).is_err());
        for forged in [&[(0, 0)][..], &[(2, 1)], &[(1, 1), (0, 1)], &[]] {
            assert!(tree([1, 1, 2], 0, [&[], one, forged]).is_err(), "{forged:?}");
        }
        assert!(tree([1, 1, 2], 0, [one, one, other]).is_err());
    }

    #[test]
    fn rows_are_sent_and_credited() {
        let tree = tree([1, 1, 2], 1, [&[], &[(0, 3)], &[(0, 1), (1, 2)]]).unwrap();
        let mut sums = [0.0; 4];
        tree.add_probabilities(&[9.0, 0.5, 9.0, 0.6], 2, &mut sums, 2);
        assert_eq!(sums, [1.0, 0.0, 1.0 / 3.0, 2.0 / 3.0]);
        assert_eq!(tree.fractions(&[false, true]), [1.0 / 3.0, 0.0, 2.0 / 3.0]);
    }
}
