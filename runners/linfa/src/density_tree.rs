//! The density hierarchy of HDBSCAN: at which radius rows join a cluster, and down to which radius that cluster lives.

use ndarray::Array2;
use nunatak_detector::{Context, DetectorError};

/// Steps of the spanning tree between two reports.
const REPORT_STEPS: usize = 512;

/// The states of all clusters of at least `min_cluster_size` rows, from small radius to large: a node for each merge that
/// makes or extends one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DensityTree {
    /// Radius at which the node comes into being, ascending.
    pub(crate) radii: Vec<f64>,
    /// Smallest radius at which the cluster, or one inside it, exists.
    pub(crate) least_radii: Vec<f64>,
    /// The node that this one is part of next; always a later one, but for the last, which is its own.
    pub(crate) parents: Vec<u32>,
    /// For each row the node in which it first belongs to a cluster.
    pub(crate) homes: Vec<u32>,
}

impl DensityTree {
    /// Builds the hierarchy of at least two `points`, of which `cores` are the core distances; `min_cluster_size` is at
    /// most the number of points.
    pub(crate) fn build(
        points: &Array2<f64>,
        cores: &[f64],
        min_cluster_size: usize,
        ctx: &Context<'_>,
    ) -> Result<Self, DetectorError> {
        let mut edges = spanning_tree(points, cores, ctx)?;
        edges.sort_by(|a, b| a.weight.total_cmp(&b.weight));
        Ok(Self::merge(&edges, min_cluster_size))
    }

    /// Joins the ends of `edges`, a spanning tree by ascending weight.
    fn merge(edges: &[Edge], min_cluster_size: usize) -> Self {
        let n_points = edges.len() + 1;
        let mut tree = Self { homes: vec![0; n_points], ..Self::default() };
        let mut parents: Vec<usize> = (0..n_points).collect();
        let mut groups: Vec<Group> =
            (0..n_points as u32).map(|idx| Group { size: 1, state: State::Few(vec![idx]) }).collect();
        for edge in edges {
            let (a, b) = (root(&mut parents, edge.ends.0), root(&mut parents, edge.ends.1));
            let (larger, smaller) = if groups[a].size >= groups[b].size { (a, b) } else { (b, a) };
            let merged = std::mem::take(&mut groups[smaller]);
            let group = &mut groups[larger];
            group.size += merged.size;
            group.state = match (std::mem::take(&mut group.state), merged.state) {
                (State::Few(mut few), State::Few(others)) if group.size < min_cluster_size => {
                    few.extend(others);
                    State::Few(few)
                }
                (one, other) => State::Cluster(tree.join(edge.weight, [one, other])),
            };
            parents[smaller] = larger;
        }
        tree.settle_ties();
        tree
    }

    /// Adds the node in which two groups become one cluster.
    fn join(&mut self, radius: f64, groups: [State; 2]) -> u32 {
        let node = self.radii.len() as u32;
        let mut least = radius;
        for group in groups {
            match group {
                State::Few(few) => few.into_iter().for_each(|point| self.homes[point as usize] = node),
                State::Cluster(child) => {
                    least = least.min(self.least_radii[child as usize]);
                    self.parents[child as usize] = node;
                }
            }
        }
        self.radii.push(radius);
        self.least_radii.push(least);
        self.parents.push(node);
        node
    }

    /// Merges of equal radius are one merge of several groups: their order must not show.
    fn settle_ties(&mut self) {
        for node in (0..self.radii.len()).rev() {
            let parent = self.parents[node] as usize;
            if self.radii[parent] == self.radii[node] {
                self.least_radii[node] = self.least_radii[parent];
            }
        }
    }

    /// GLOSH: 1 - (smallest radius of the cluster) / (radius at which the row joins it), for a row that is within `radius`
    /// of row `neighbor` of the tree. From 0 to 1.
    pub(crate) fn outlier_score(&self, neighbor: usize, radius: f64) -> f64 {
        let mut node = self.homes[neighbor] as usize;
        loop {
            let parent = self.parents[node] as usize;
            if parent <= node || self.radii[parent] > radius {
                break;
            }
            node = parent;
        }
        let (joined, least) = (self.radii[node].max(radius), self.least_radii[node]);
        if joined > least { 1.0 - least / joined } else { 0.0 }
    }

    /// Refuses what [`build`](Self::build) cannot have made of `n_points` rows.
    pub(crate) fn check(&self, n_points: usize) -> Result<(), DetectorError> {
        let n_nodes = self.radii.len();
        let sound = n_nodes > 0
            && self.least_radii.len() == n_nodes
            && self.parents.len() == n_nodes
            && self.homes.len() == n_points
            && self.radii.iter().chain(&self.least_radii).all(|radius| *radius >= 0.0)
            && self.homes.iter().all(|home| (*home as usize) < n_nodes)
            && self.parents.iter().enumerate().all(|(node, parent)| {
                let parent = *parent as usize;
                (node < parent && parent < n_nodes) || (node == parent && node + 1 == n_nodes)
            });
        if sound { Ok(()) } else { Err(DetectorError::artifact("its hierarchy of clusters is inconsistent")) }
    }
}

#[derive(Debug, Clone, Copy)]
struct Edge {
    weight: f64,
    ends: (usize, usize),
}

/// Points that are joined so far.
#[derive(Debug, Default)]
struct Group {
    size: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Fewer points than a cluster has.
    Few(Vec<u32>),
    /// The latest node of a cluster.
    Cluster(u32),
}

impl Default for State {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

/// The group of a point; shortens the way there.
fn root(parents: &mut [usize], mut point: usize) -> usize {
    while parents[point] != point {
        parents[point] = parents[parents[point]];
        point = parents[point];
    }
    point
}

/// Euclidean distance, added up in the order of the features as the k-d tree does: core distances come from there, and a
/// distance that is equal to one must not differ in its last bit.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + (a - b) * (a - b)).sqrt()
}

/// A point that is not in the spanning tree yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    point: usize,
    /// Mutual reachability distance to the nearest point in the tree, and that point.
    reach: f64,
    from: usize,
}

/// Prim's minimum spanning tree in mutual reachability distance, max(core(a), core(b), d(a, b)): every pair once, in memory
/// for the points alone.
fn spanning_tree(points: &Array2<f64>, cores: &[f64], ctx: &Context<'_>) -> Result<Vec<Edge>, DetectorError> {
    let (n_points, width) = points.dim();
    let values = points.as_slice().ok_or_else(|| DetectorError::numeric("the points are no row-major table"))?;
    let row = |point: usize| &values[point * width..][..width];
    let mut open: Vec<Open> = (1..n_points).map(|point| Open { point, reach: f64::INFINITY, from: 0 }).collect();
    let mut edges = Vec::with_capacity(open.len());
    let mut current = 0;
    while !open.is_empty() {
        ctx.check_cancelled()?;
        if edges.len().is_multiple_of(REPORT_STEPS) {
            ctx.report(edges.len() as f64 / n_points as f64, "linking rows");
        }
        let mut nearest = (0, f64::INFINITY);
        for (at, open) in open.iter_mut().enumerate() {
            let least = cores[current].max(cores[open.point]);
            if least < open.reach {
                let reach = distance(row(current), row(open.point)).max(least);
                if reach < open.reach {
                    (open.reach, open.from) = (reach, current);
                }
            }
            if open.reach < nearest.1 {
                nearest = (at, open.reach);
            }
        }
        let next = open.swap_remove(nearest.0);
        edges.push(Edge { weight: next.reach, ends: (next.from, next.point) });
        current = next.point;
    }
    Ok(edges)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Core distances for which every row counts itself alone: mutual reachability is the distance.
    fn tree(values: &[f64], min_cluster_size: usize) -> DensityTree {
        let points = Array2::from_shape_fn((values.len(), 1), |(row, _)| values[row]);
        DensityTree::build(&points, &vec![0.0; values.len()], min_cluster_size, &Context::quiet(0)).unwrap()
    }

    #[test]
    fn outlier_scores_by_hand() {
        // Three rows within 1 and 1.5 of each other, and one 6 away from them.
        let tree = tree(&[0.0, 1.0, 2.5, 8.5], 3);
        tree.check(4).unwrap();
        assert_eq!((&tree.radii[..], &tree.least_radii[..]), (&[1.5, 6.0][..], &[1.5, 1.5][..]));
        assert_eq!(tree.homes, [0, 0, 0, 1]);
        assert_eq!(tree.outlier_score(1, 0.0), 0.0);
        assert_eq!(tree.outlier_score(3, 0.0), 0.75);
        // A new row 3 away from the cluster joins it there; one 12 away joins when all are one.
        assert_eq!(tree.outlier_score(2, 3.0), 0.5);
        assert_eq!(tree.outlier_score(3, 12.0), 0.875);
    }

    #[test]
    fn equal_distances_are_one_merge() {
        let (one, other) = (tree(&[0.0, 1.0, 2.0, 3.0, 4.0, 4.5], 2), tree(&[4.5, 4.0, 3.0, 2.0, 1.0, 0.0], 2));
        for row in 0..6 {
            assert_eq!(one.outlier_score(row, 0.0), other.outlier_score(5 - row, 0.0));
        }
        assert_eq!(one.outlier_score(0, 0.0), 0.5);
        assert_eq!(tree(&[7.0; 9], 3).outlier_score(4, 0.0), 0.0);
    }
}
