//! Growing classification trees (CART).

use std::collections::BinaryHeap;
use std::ops::Range;

use nunatak_detector::{Context, DetectorError, Hyperparameters};
use rand::Rng;
use rand_xoshiro::Xoshiro256Plus;
use rayon::prelude::*;

use super::impurity::Criterion;
use super::ranks::Ranks;
use super::splits::{Split, Splitter};
use super::tree::{MAX_DEPTH, Node, Tree};

/// Row and feature values of a node from which on its features are searched in parallel.
const PARALLEL: usize = 1 << 15;

/// When to stop splitting, and by what to split.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) criterion: Criterion,
    pub(crate) max_depth: u32,
    pub(crate) min_samples_split: usize,
    pub(crate) min_samples_leaf: usize,
    /// With a limit the best split of all is made next.
    pub(crate) max_leaf_nodes: Option<usize>,
}

impl Limits {
    pub(crate) fn read(hyperparameters: &Hyperparameters) -> Result<Self, DetectorError> {
        let max_depth = hyperparameters.optional_integer("max_depth")?;
        Ok(Self {
            criterion: Criterion::read(hyperparameters)?,
            max_depth: max_depth.and_then(|depth| u32::try_from(depth).ok()).unwrap_or(MAX_DEPTH).min(MAX_DEPTH),
            min_samples_split: hyperparameters.integer("min_samples_split")?,
            min_samples_leaf: hyperparameters.integer("min_samples_leaf")?,
            max_leaf_nodes: hyperparameters.optional_integer("max_leaf_nodes")?,
        })
    }
}

/// A tree and, for each feature, by how much its splits lower the impurity: all features together 1, or all 0.
pub(crate) struct Grown {
    pub(crate) tree: Tree,
    pub(crate) importances: Vec<f64>,
}

/// The rows to learn from, and how.
pub(crate) struct Growth<'a> {
    pub(crate) ranks: &'a Ranks,
    /// The class of each row.
    pub(crate) codes: &'a [u32],
    /// How often each row counts; rows of weight 0 are left out.
    pub(crate) weights: &'a [u32],
    pub(crate) n_classes: usize,
    pub(crate) limits: Limits,
    /// How many features a split may choose from, drawn with this generator; without it all.
    pub(crate) drawn_features: Option<(usize, Xoshiro256Plus)>,
}

/// A node that will be split: the greatest is next.
struct Open {
    /// What orders the nodes: the improvement when leaves are limited, else 0, which leaves it to `node`.
    priority: f64,
    node: usize,
    range: Range<usize>,
    depth: u32,
    split: Split,
}

impl Growth<'_> {
    pub(crate) fn grow(mut self, ctx: &Context<'_>, report: &dyn Fn(f64)) -> Result<Grown, DetectorError> {
        let n_features = self.ranks.n_features();
        let mut rows: Vec<u32> = (0..self.codes.len() as u32).filter(|row| self.weights[*row as usize] > 0).collect();
        let n_rows = rows.len();
        let mut nodes = vec![Node::leaf(0)];
        let mut shares: Vec<Vec<(u32, u32)>> = vec![Vec::new()];
        let mut importances = vec![0.0; n_features];
        let mut open = BinaryHeap::new();
        let (mut n_leaves, mut done) = (1, 0);
        self.visit(0, 0..n_rows, 0, &rows, &mut open, &mut shares, ctx)?;
        while let Some(Open { node, range, depth, split, .. }) = open.pop() {
            if self.limits.max_leaf_nodes.is_some_and(|max| n_leaves >= max) {
                shares[node] = self.shares(&rows[range]);
                continue;
            }
            let n_left = self.partition(&mut rows[range.clone()], &split);
            let left = nodes.len();
            nodes[node] = Node { threshold: split.threshold, feature: split.feature as u32, left: left as u32 };
            nodes.extend([Node::leaf(left as u32), Node::leaf(left as u32 + 1)]);
            shares.extend([Vec::new(), Vec::new()]);
            importances[split.feature] += split.improvement.max(0.0);
            n_leaves += 1;
            let middle = range.start + n_left;
            for (child, range) in [(left, range.start..middle), (left + 1, middle..range.end)] {
                let n_child = range.len();
                if !self.visit(child, range, depth + 1, &rows, &mut open, &mut shares, ctx)? {
                    done += n_child;
                }
            }
            report(done as f64 / n_rows as f64);
        }
        let total: f64 = importances.iter().sum();
        if total > 0.0 {
            importances.iter_mut().for_each(|importance| *importance /= total);
        }
        let tree = Tree::new(nodes, shares.iter().map(Vec::as_slice), n_features, self.n_classes)?;
        Ok(Grown { tree, importances })
    }

    /// Opens a node, or makes it a leaf and says `false`.
    #[expect(clippy::too_many_arguments, reason = "the node and the state of the tree that it joins")]
    fn visit(
        &mut self,
        node: usize,
        range: Range<usize>,
        depth: u32,
        rows: &[u32],
        open: &mut BinaryHeap<Open>,
        shares: &mut [Vec<(u32, u32)>],
        ctx: &Context<'_>,
    ) -> Result<bool, DetectorError> {
        ctx.check_cancelled()?;
        let members = &rows[range.clone()];
        let too_small =
            members.len() < self.limits.min_samples_split || members.len() < 2 * self.limits.min_samples_leaf;
        let of_one_class = || members.iter().all(|row| self.codes[*row as usize] == self.codes[members[0] as usize]);
        let split = if depth >= self.limits.max_depth || too_small || of_one_class() {
            None
        } else {
            self.best_split(members, ctx)?
        };
        match split {
            Some(split) => {
                let priority = if self.limits.max_leaf_nodes.is_some() { split.improvement } else { 0.0 };
                open.push(Open { priority, node, range, depth, split });
                Ok(true)
            }
            None => {
                shares[node] = self.shares(members);
                Ok(false)
            }
        }
    }

    fn best_split(&mut self, members: &[u32], ctx: &Context<'_>) -> Result<Option<Split>, DetectorError> {
        let candidates = self.candidates(members);
        let splitter = Splitter {
            ranks: self.ranks,
            codes: self.codes,
            weights: self.weights,
            counts: self.counts(members),
            criterion: self.limits.criterion,
            min_samples_leaf: self.limits.min_samples_leaf,
        };
        let search = |feature: &usize| {
            ctx.check_cancelled()?;
            Ok(splitter.best(members, *feature))
        };
        let splits: Result<Vec<Option<Split>>, DetectorError> =
            if members.len() * candidates.len() >= PARALLEL && candidates.len() > 1 {
                candidates.par_iter().map(search).collect()
            } else {
                candidates.iter().map(search).collect()
            };
        // The first of equals, whichever thread found it.
        let better = |best: Split, split: Split| if split.improvement > best.improvement { split } else { best };
        Ok(splits?.into_iter().flatten().reduce(better))
    }

    /// The features to search: all, or as many as are to be drawn, and then more until one of them is not constant.
    fn candidates(&mut self, members: &[u32]) -> Vec<usize> {
        let mut features: Vec<usize> = (0..self.ranks.n_features()).collect();
        let Some((n_drawn, rng)) = &mut self.drawn_features else { return features };
        let mut varies = false;
        for at in 0..features.len() {
            if at >= *n_drawn && varies {
                features.truncate(at);
                break;
            }
            let pick = rng.gen_range(at..features.len());
            features.swap(at, pick);
            varies = varies || self.ranks.varies(members, features[at]);
        }
        features
    }

    /// The weight of each class.
    fn counts(&self, members: &[u32]) -> Vec<f64> {
        let mut counts = vec![0.0; self.n_classes];
        for row in members {
            counts[self.codes[*row as usize] as usize] += f64::from(self.weights[*row as usize]);
        }
        counts
    }

    /// The classes that occur and their weights.
    fn shares(&self, members: &[u32]) -> Vec<(u32, u32)> {
        let counts = self.counts(members).into_iter().enumerate().filter(|(_, count)| *count > 0.0);
        counts.map(|(class, count)| (class as u32, count as u32)).collect()
    }

    /// Puts the rows of the left side first and returns how many there are.
    fn partition(&self, members: &mut [u32], split: &Split) -> usize {
        let ranks = self.ranks.of(split.feature);
        let mut n_left = 0;
        for i in 0..members.len() {
            if ranks[members[i] as usize] <= split.rank {
                members.swap(i, n_left);
                n_left += 1;
            }
        }
        n_left
    }
}

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Open {}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.priority.total_cmp(&other.priority).then(self.node.cmp(&other.node))
    }
}
