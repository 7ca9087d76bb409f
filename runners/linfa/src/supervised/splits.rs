//! The best split of a node on one feature.

use super::impurity::Criterion;
use super::ranks::Ranks;

/// Where to divide a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Split {
    pub(crate) feature: usize,
    /// The greatest rank of the left side.
    pub(crate) rank: u32,
    pub(crate) threshold: f64,
    /// By how much it lowers impurity times rows.
    pub(crate) improvement: f64,
}

/// A node, seen by the search.
pub(crate) struct Splitter<'a> {
    pub(crate) ranks: &'a Ranks,
    pub(crate) codes: &'a [u32],
    pub(crate) weights: &'a [u32],
    /// The weight of each class in the node.
    pub(crate) counts: Vec<f64>,
    pub(crate) criterion: Criterion,
    pub(crate) min_samples_leaf: usize,
}

/// The rows of one side, class by class, with what the criterion needs of them.
struct Side {
    counts: Vec<f64>,
    total: f64,
    squares: f64,
}

impl Side {
    fn of(counts: Vec<f64>) -> Self {
        let squares = counts.iter().map(|count| count * count).sum();
        Self { total: counts.iter().sum(), squares, counts }
    }

    /// All sums are of whole numbers, so that adding and taking away is exact.
    fn add(&mut self, class: usize, weight: f64) {
        self.squares += weight * (2.0 * self.counts[class] + weight);
        self.counts[class] += weight;
        self.total += weight;
    }

    fn purity(&self, criterion: Criterion) -> f64 {
        criterion.purity(&self.counts, self.total, self.squares)
    }
}

impl Splitter<'_> {
    /// The best place to divide `members` on `feature`, the lowest of equals; `None` when there is none that leaves
    /// enough rows on both sides.
    pub(crate) fn best(&self, members: &[u32], feature: usize) -> Option<Split> {
        let groups = self.sorted(members, feature);
        let (mut left, mut right) = (Side::of(vec![0.0; self.counts.len()]), Side::of(self.counts.clone()));
        let whole = right.purity(self.criterion);
        let mut best: Option<(f64, u32, u32)> = None;
        for (at, key) in groups.iter().enumerate() {
            let rank = key.rank();
            if at > 0 && groups[at - 1].rank() < rank && self.enough(at, groups.len()) {
                let purity = left.purity(self.criterion) + right.purity(self.criterion);
                if best.is_none_or(|(best, ..)| purity > best) {
                    best = Some((purity, groups[at - 1].rank(), rank));
                }
            }
            left.add(key.class(), key.weight());
            right.add(key.class(), -key.weight());
        }
        best.map(|(purity, low, high)| Split {
            feature,
            rank: low,
            threshold: self.ranks.between(feature, low, high),
            improvement: purity - whole,
        })
    }

    fn enough(&self, n_left: usize, n_rows: usize) -> bool {
        n_left.min(n_rows - n_left) >= self.min_samples_leaf
    }

    /// One key for each row, in the order of its rank.
    fn sorted(&self, members: &[u32], feature: usize) -> Vec<Key> {
        let ranks = self.ranks.of(feature);
        let key = |row: &u32| Key::new(ranks[*row as usize], self.codes[*row as usize], self.weights[*row as usize]);
        let n_distinct = self.ranks.n_distinct(feature);
        if n_distinct > members.len() {
            let mut keys: Vec<Key> = members.iter().map(key).collect();
            keys.sort_unstable();
            return keys;
        }
        // With more rows than values, counting is faster than comparing.
        let mut ends = vec![0_u32; n_distinct + 1];
        members.iter().for_each(|row| ends[ranks[*row as usize] as usize + 1] += 1);
        (1..ends.len()).for_each(|rank| ends[rank] += ends[rank - 1]);
        let mut keys = vec![Key(0); members.len()];
        for row in members {
            let end = &mut ends[ranks[*row as usize] as usize];
            keys[*end as usize] = key(row);
            *end += 1;
        }
        keys
    }
}

/// Rank, class and weight of a row in one word that sorts by rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u64);

impl Key {
    const WEIGHT_BITS: u32 = 22;
    const CLASS_BITS: u32 = 10;

    fn new(rank: u32, class: u32, weight: u32) -> Self {
        debug_assert!(weight < 1 << Self::WEIGHT_BITS && class < 1 << Self::CLASS_BITS);
        Self(u64::from(rank) << 32 | u64::from(class) << Self::WEIGHT_BITS | u64::from(weight))
    }

    fn rank(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn class(self) -> usize {
        (self.0 as u32 >> Self::WEIGHT_BITS) as usize
    }

    fn weight(self) -> f64 {
        f64::from(self.0 as u32 & ((1 << Self::WEIGHT_BITS) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_parts_and_sorts_by_rank() {
        let key = Key::new(u32::MAX, 999, 4_000_000);
        assert_eq!((key.rank(), key.class(), key.weight()), (u32::MAX, 999, 4_000_000.0));
        assert!(Key::new(1, 999, 1) < Key::new(2, 0, 0));
    }
}
