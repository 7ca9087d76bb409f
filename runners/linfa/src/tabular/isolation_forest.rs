//! Isolation forest, written on ndarray and rayon in linfa's style: linfa has none.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::contributions::contribute_rows;
use crate::forest::{Node, Tree, average_path_length};
use crate::random::generator;
use crate::rows::score_blocks;

const DESCRIPTION: &str = "\
Isolation forest (Liu, Ting and Zhou, *Isolation Forest*, ICDM 2008). Each tree splits a small random sample of the rows at \
random thresholds on random features; anomalies are alone after few splits.

score(x) = 2^(-E[h(x)] / c(max_samples)), where h is the path length in a tree and c(n) = 2 (ln(n-1) + 0.5772) - 2 (n-1)/n \
the average one. Scores lie between 0 and 1; about 0.5 is ordinary.

Scores depend on the order of values only through random thresholds, so features need no scaling. Equal to scikit-learn's \
`IsolationForest(contamination=...)` in distribution; random streams differ.

Contributions are path lengths: each split on a row's way is credited with how much shorter it made the expected path, on \
average over the trees. They add up to the mean path length of the training sample less that of the row.";

/// Detector `isolation_forest`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IsolationForest;

impl Detector for IsolationForest {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "isolation_forest".into(),
            version: "1.1.0".into(),
            title: "Isolation forest".into(),
            summary: "The first to try: fast, needs no scaling, good on most tables.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::PathAttribution,
            cost: "Fit O(t ψ log ψ), independent of n; scoring O(t log ψ) a row; the version holds t trees of up to 2ψ nodes.".into(),
            source: "Liu, Ting and Zhou, *Isolation Forest*, ICDM 2008.".into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("n_estimators", 100, 1..=5_000, "Number of trees. More trees vary less from seed to seed.")
                .integer("max_samples", 256, 2..=65_536, "Rows drawn for each tree; at most the rows there are.")
                .number("max_features", 1.0, 0.01..=1.0, "Fraction of the features drawn for each tree.")
                .random_state()
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let n_estimators = hyperparameters.integer("n_estimators")?;
        let max_samples = hyperparameters.integer("max_samples")?.min(frame.n_rows());
        let n_features = frame.n_features();
        let drawn = hyperparameters.number("max_features")? * n_features as f64;
        let n_split_features = (drawn as usize).clamp(1, n_features);
        let seed = hyperparameters.seed(ctx)?;
        let grown = AtomicUsize::new(0);
        let trees: Result<Vec<Tree>, DetectorError> = (0..n_estimators)
            .into_par_iter()
            .map(|idx| {
                ctx.check_cancelled()?;
                let mut rng = generator(seed, idx as u64);
                let tree = Tree::grow(frame.as_slice(), n_features, max_samples, n_split_features, &mut rng);
                let grown = grown.fetch_add(1, Ordering::Relaxed) + 1;
                ctx.report(grown as f64 / n_estimators as f64, "growing trees");
                Ok(tree)
            })
            .collect();
        Ok(Box::new(Forest { trees: trees?, n_features, max_samples }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let n_features = artifact.header.n_features();
        let max_samples = usize::try_from(artifact.indices_of("max_samples", 1)?[0]).unwrap_or(usize::MAX);
        let offsets = artifact.indices("tree_offsets")?;
        let feature = artifact.indices("feature")?;
        let n_nodes = feature.len();
        let left = artifact.indices_of("left", n_nodes)?;
        let threshold = artifact.vector_of("threshold", n_nodes)?;
        let path_length = artifact.vector_of("path_length", n_nodes)?;
        let whole = offsets.first() == Some(&0) && offsets.last() == Some(&(n_nodes as u32));
        if !whole || offsets.len() < 2 || max_samples < 2 {
            return Err(DetectorError::artifact("its trees are incomplete"));
        }
        let trees: Result<Vec<Tree>, DetectorError> = offsets
            .windows(2)
            .map(|pair| {
                let range = pair[0] as usize..pair[1] as usize;
                if range.is_empty() || range.end > n_nodes {
                    return Err(DetectorError::artifact("it has a tree without nodes"));
                }
                let (feature, left) = (&feature[range.clone()], &left[range.clone()]);
                read_tree(feature, left, &threshold[range.clone()], &path_length[range], n_features)
            })
            .collect();
        Ok(Box::new(Forest { trees: trees?, n_features, max_samples }))
    }
}

/// A trained isolation forest.
#[derive(Debug)]
struct Forest {
    trees: Vec<Tree>,
    n_features: usize,
    max_samples: usize,
}

impl FittedDetector for Forest {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let scale = -1.0 / (self.trees.len() as f64 * average_path_length(self.max_samples));
        score_blocks(frame.as_slice(), self.n_features, ctx, |rows, scores| {
            for tree in &self.trees {
                tree.add_path_lengths(rows, self.n_features, scores);
            }
            scores.iter_mut().for_each(|score| *score = (*score * scale).exp2());
        })
    }

    fn save(&self) -> SavedState {
        let mut offsets = vec![0_u32];
        let (mut feature, mut left, mut threshold, mut path_length) = (vec![], vec![], vec![], vec![]);
        for tree in &self.trees {
            for (own_index, node) in tree.nodes.iter().enumerate() {
                let is_leaf = node.left as usize == own_index;
                feature.push(node.feature);
                left.push(node.left);
                // Artefacts hold finite numbers only; a leaf is known by being its own child.
                threshold.push(if is_leaf { 0.0 } else { node.threshold });
            }
            path_length.extend(&tree.path_lengths);
            offsets.push(feature.len() as u32);
        }
        let tensors = [
            ("tree_offsets", Tensor::indices(offsets)),
            ("feature", Tensor::indices(feature)),
            ("left", Tensor::indices(left)),
            ("threshold", Tensor::vector(threshold)),
            ("path_length", Tensor::vector(path_length)),
            ("max_samples", Tensor::indices(vec![self.max_samples as u32])),
        ];
        SavedState { tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(), preprocessing: None }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let n_nodes: usize = self.trees.iter().map(|tree| tree.nodes.len()).sum();
        BTreeMap::from([
            ("n_estimators_".to_string(), json!(self.trees.len())),
            ("max_samples_".to_string(), json!(self.max_samples)),
            ("n_nodes_".to_string(), json!(n_nodes)),
        ])
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        let expected: Vec<Vec<f64>> = self.trees.iter().map(Tree::expected_path_lengths).collect();
        ctx.check_cancelled()?;
        let n_trees = self.trees.len() as f64;
        contribute_rows(
            frame,
            rows,
            ctx,
            || (),
            |(), row, out| {
                for (tree, expected) in self.trees.iter().zip(&expected) {
                    tree.credit(expected, row, out);
                }
                out.iter_mut().for_each(|credit| *credit /= n_trees);
            },
        )
    }
}

/// Rebuilds one tree from bytes that may be hostile: children lie behind their parent and inside the tree, features exist.
fn read_tree(
    feature: &[u32],
    left: &[u32],
    threshold: &[f64],
    path_length: &[f64],
    n_features: usize,
) -> Result<Tree, DetectorError> {
    // Trees of up to 2^32 rows are no deeper; without the limit a forged chain of nodes would make scoring crawl.
    const MAX_DEPTH: u32 = 32;
    let n_nodes = left.len();
    let mut depths = vec![0_u32; n_nodes];
    let mut nodes = Vec::with_capacity(n_nodes);
    for own_index in 0..n_nodes {
        let child = left[own_index] as usize;
        if child == own_index {
            nodes.push(Node::leaf(own_index as u32));
            continue;
        }
        let depth = depths[own_index] + 1;
        if child < own_index || child >= n_nodes - 1 || feature[own_index] as usize >= n_features || depth > MAX_DEPTH {
            return Err(DetectorError::artifact("it has a tree whose nodes do not fit together"));
        }
        // The deeper of several parents, should a forged file have them.
        depths[child] = depths[child].max(depth);
        depths[child + 1] = depths[child + 1].max(depth);
        nodes.push(Node { threshold: threshold[own_index], feature: feature[own_index], left: left[own_index] });
    }
    let depth = depths.iter().copied().max().unwrap_or(0);
    Ok(Tree { nodes, path_lengths: path_length.to_vec(), depth })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_lengths_are_the_papers() {
        assert_eq!([0, 1, 2].map(average_path_length), [0.0, 0.0, 1.0]);
        // scikit-learn's _average_path_length(256).
        assert!((average_path_length(256) - 10.244_770_920_119_918).abs() < 1e-12);
    }

    #[test]
    fn forged_trees_are_refused() {
        let read = |left: &[u32], feature: &[u32]| read_tree(feature, left, &[0.0; 3], &[0.0; 3], 2).is_ok();
        assert!(read(&[1, 1, 2], &[0, 0, 0]));
        for (left, feature) in
            [([2, 1, 2], [0, 0, 0]), ([9, 1, 2], [0, 0, 0]), ([1, 0, 2], [0; 3]), ([1, 1, 2], [2, 0, 0])]
        {
            assert!(!read(&left, &feature), "{left:?}");
        }
    }
}
