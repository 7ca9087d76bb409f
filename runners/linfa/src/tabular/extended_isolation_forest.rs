//! Extended isolation forest: isolation by hyperplanes of any direction.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::extended_forest::ExtendedTree;
use crate::forest::average_path_length;
use crate::random::generator;
use crate::rows::score_blocks;
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
Extended isolation forest (Hariri, Kind and Brunner, *Extended Isolation Forest*, IEEE TKDE 2019). As the isolation forest, \
but each split is a hyperplane of random direction through a random point of the box around the rows, so that scores do not \
follow the axes: diagonal and ring-shaped data have no ghost regions of low scores.

score(x) = 2^(-E[h(x)] / c(max_samples)), as for the isolation forest. `extension_level` + 1 features take part in each \
split; 0 is the isolation forest but for its choice of features, null takes all of them.

Departs from the paper in standardising the features first: the directions of the hyperplanes depend on their units.";

/// Detector `extended_isolation_forest`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExtendedIsolationForest;

impl Detector for ExtendedIsolationForest {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "extended_isolation_forest".into(),
            version: "1.0.0".into(),
            title: "Extended isolation forest".into(),
            summary: "An isolation forest for correlated features: cuts in any direction, at a higher price.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "Fit O(t d ψ log ψ) after scaling; scoring O(t e log ψ) a row for e features a split; the version holds t trees of up to 2ψ e numbers.".into(),
            source: "Hariri, Kind and Brunner, *Extended Isolation Forest*, IEEE TKDE 2019.".into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("n_estimators", 100, 1..=5_000, "Number of trees. More trees vary less from seed to seed.")
                .integer("max_samples", 256, 2..=65_536, "Rows drawn for each tree; at most the rows there are.")
                .optional_integer(
                    "extension_level",
                    0..=9_999,
                    "Features in a split, less 1; at most the number of features less 1. Null: all features.",
                )
                .standardize()
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
        let n_features = frame.n_features();
        let n_estimators = hyperparameters.integer("n_estimators")?;
        let max_samples = hyperparameters.integer("max_samples")?.min(frame.n_rows());
        let width = match hyperparameters.optional_integer("extension_level")? {
            None => n_features,
            Some(level) if level < n_features => level + 1,
            Some(level) => {
                let message = format!("must be less than the number of features ({n_features}), not {level}");
                return Err(DetectorError::hyperparameter("extension_level", message));
            }
        };
        check_size(n_estimators, max_samples, width)?;
        let seed = hyperparameters.seed(ctx)?;
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let table = scaling.table(frame)?;
        let values = table.as_slice().unwrap_or_default();
        let grown = AtomicUsize::new(0);
        let trees: Result<Vec<ExtendedTree>, DetectorError> = (0..n_estimators)
            .into_par_iter()
            .map(|idx| {
                ctx.check_cancelled()?;
                let mut rng = generator(seed, idx as u64);
                let tree = ExtendedTree::grow(values, n_features, max_samples, width, &mut rng);
                let grown = grown.fetch_add(1, Ordering::Relaxed) + 1;
                ctx.report(grown as f64 / n_estimators as f64, "growing trees");
                Ok(tree)
            })
            .collect();
        ctx.check_cancelled()?;
        Ok(Box::new(Forest { scaling, trees: trees?, max_samples }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let n_features = artifact.header.n_features();
        let [max_samples, width] = *artifact.indices_of("max_samples_width", 2)? else {
            return Err(DetectorError::artifact("its array `max_samples_width` is not of two numbers"));
        };
        let width = width as usize;
        let offsets = artifact.indices("tree_offsets")?;
        let left = artifact.indices("left")?;
        let n_nodes = left.len();
        let values = artifact.vector_of("values", n_nodes)?;
        if max_samples < 2 || width == 0 || width > n_features || n_nodes == 0 {
            return Err(DetectorError::artifact("its trees are incomplete"));
        }
        let features = artifact.indices_of("features", n_nodes * width)?;
        let weights = artifact.vector_of("weights", n_nodes * width)?;
        if offsets.len() < 2 || offsets[0] != 0 || offsets.last() != Some(&(n_nodes as u32)) {
            return Err(DetectorError::artifact("its trees are incomplete"));
        }
        let tree = |pair: &[u32]| {
            let (start, end) = (pair[0] as usize, pair[1] as usize);
            if start >= end || end > n_nodes {
                return Err(DetectorError::artifact("it has a tree without nodes"));
            }
            let planes = start * width..end * width;
            let tree = ExtendedTree {
                left: left[start..end].to_vec(),
                values: values[start..end].to_vec(),
                features: features[planes.clone()].to_vec(),
                weights: weights[planes].to_vec(),
                width,
            };
            let sound = tree.is_sound(n_features);
            sound
                .then_some(tree)
                .ok_or_else(|| DetectorError::artifact("it has a tree whose nodes do not fit together"))
        };
        let trees: Result<Vec<ExtendedTree>, DetectorError> = offsets.windows(2).map(tree).collect();
        let scaling = Scaling::load(&artifact.header);
        Ok(Box::new(Forest { scaling, trees: trees?, max_samples: max_samples as usize }))
    }
}

/// Refuses forests that would not fit into memory: a tree of ψ rows has up to 2ψ nodes of `width` weights.
fn check_size(n_estimators: usize, max_samples: usize, width: usize) -> Result<(), DetectorError> {
    const MAX_WEIGHTS: usize = 100_000_000;
    let weights = n_estimators.saturating_mul(2 * max_samples).saturating_mul(width);
    if weights <= MAX_WEIGHTS {
        return Ok(());
    }
    let message = format!(
        "{width} features in each split of {n_estimators} trees of {max_samples} rows are {weights} weights, more than \
         {MAX_WEIGHTS}; set a smaller extension_level, n_estimators or max_samples"
    );
    Err(DetectorError::hyperparameter("extension_level", message))
}

#[derive(Debug)]
struct Forest {
    scaling: Scaling,
    /// At least one, all of one width.
    trees: Vec<ExtendedTree>,
    max_samples: usize,
}

impl FittedDetector for Forest {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let n_features = frame.n_features();
        let scale = -1.0 / (self.trees.len() as f64 * average_path_length(self.max_samples));
        score_blocks(frame.as_slice(), n_features, ctx, |rows, scores| {
            let mut scaled = vec![0.0; rows.len()];
            for (row, scaled) in rows.chunks_exact(n_features).zip(scaled.chunks_exact_mut(n_features)) {
                self.scaling.row(row, scaled);
            }
            // Tree by tree, so that a tree stays in the nearest cache.
            for tree in &self.trees {
                for (row, score) in scaled.chunks_exact(n_features).zip(scores.iter_mut()) {
                    *score += tree.path_length(row);
                }
            }
            scores.iter_mut().for_each(|score| *score = (*score * scale).exp2());
        })
    }

    fn save(&self) -> SavedState {
        let mut offsets = vec![0_u32];
        let (mut left, mut values, mut features, mut weights) = (vec![], vec![], vec![], vec![]);
        for tree in &self.trees {
            left.extend(&tree.left);
            values.extend(&tree.values);
            features.extend(&tree.features);
            weights.extend(&tree.weights);
            offsets.push(left.len() as u32);
        }
        let width = self.trees.first().map_or(0, |tree| tree.width);
        let tensors = [
            ("tree_offsets", Tensor::indices(offsets)),
            ("left", Tensor::indices(left)),
            ("values", Tensor::vector(values)),
            ("features", Tensor::indices(features)),
            ("weights", Tensor::vector(weights)),
            ("max_samples_width", Tensor::indices(vec![self.max_samples as u32, width as u32])),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let n_nodes: usize = self.trees.iter().map(|tree| tree.left.len()).sum();
        let width = self.trees.first().map_or(0, |tree| tree.width);
        BTreeMap::from([
            ("n_estimators_".to_string(), json!(self.trees.len())),
            ("max_samples_".to_string(), json!(self.max_samples)),
            ("extension_level_".to_string(), json!(width.saturating_sub(1))),
            ("n_nodes_".to_string(), json!(n_nodes)),
        ])
    }
}
