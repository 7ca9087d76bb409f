//! What one tree and a forest of them have in common once they are grown.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Classified, Context, DetectorError, Figure, FittedDetector, Frame, SavedState, Tensor, figures,
};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::cart::Grown;
use super::classes::{Classes, most_probable};
use super::tree::{Node, Tree};
use crate::rows::BLOCK_ROWS;

/// How many features `feature_importances_` lists: the most important ones.
const LISTED_FEATURES: usize = 50;

/// Which rows a tree has not seen, so that training rows can be scored without it.
pub(crate) trait OutOfBag: std::fmt::Debug + Send + Sync {
    /// How often each of the training rows was drawn for a tree; `None` for a frame that is not that of training.
    fn drawn(&self, tree: usize, n_rows: usize) -> Option<Vec<u32>>;
}

/// What the trees that were not grown with a row say of it.
struct Votes {
    /// The sums of their probabilities, shape (n_rows, n_classes).
    sums: Vec<f64>,
    /// How many trees these are.
    trees: Vec<u32>,
}

/// Trees whose probabilities are averaged.
#[derive(Debug)]
pub(crate) struct Ensemble {
    pub(crate) trees: Vec<Tree>,
    pub(crate) classes: Classes,
    pub(crate) columns: Vec<String>,
    /// One for each feature: by how much its splits lower the impurity, together 1 (or all 0).
    importances: Vec<f64>,
    out_of_bag: Option<Box<dyn OutOfBag>>,
}

impl Ensemble {
    pub(crate) fn new(
        grown: Vec<Grown>,
        classes: Classes,
        columns: &[String],
        out_of_bag: Option<Box<dyn OutOfBag>>,
    ) -> Self {
        let mut importances = vec![0.0; columns.len()];
        for tree in &grown {
            importances.iter_mut().zip(&tree.importances).for_each(|(sum, importance)| *sum += importance);
        }
        let total: f64 = importances.iter().sum();
        if total > 0.0 {
            importances.iter_mut().for_each(|importance| *importance /= total);
        }
        let trees = grown.into_iter().map(|grown| grown.tree).collect();
        Self { trees, classes, columns: columns.to_vec(), importances, out_of_bag }
    }

    pub(crate) fn load(artifact: &Artifact, out_of_bag: Option<Box<dyn OutOfBag>>) -> Result<Self, DetectorError> {
        let classes = Classes::load(artifact)?;
        let n_features = artifact.header.n_features();
        let trees = load_trees(artifact, n_features, classes.len())?;
        let importances = artifact.vector_of("feature_importances", n_features)?;
        if importances.iter().any(|importance| !(0.0..=1.0).contains(importance)) {
            return Err(DetectorError::artifact("its feature importances are no fractions"));
        }
        let columns = artifact.header.feature_names().into_iter().map(str::to_owned).collect();
        Ok(Self { trees, classes, columns, importances: importances.to_vec(), out_of_bag })
    }

    fn fill(&self, rows: &[f64], probabilities: &mut [f64]) {
        for tree in &self.trees {
            tree.add_probabilities(rows, self.columns.len(), probabilities, self.classes.len());
        }
        let n_trees = self.trees.len() as f64;
        probabilities.iter_mut().for_each(|probability| *probability /= n_trees);
    }

    /// Feature indices, the most important first, the first of equals before the others.
    fn by_importance(&self) -> Vec<usize> {
        let mut features: Vec<usize> = (0..self.importances.len()).collect();
        features.sort_by(|a, b| self.importances[*b].total_cmp(&self.importances[*a]));
        features
    }

    /// `None` when `frame` is not that of training.
    fn out_of_bag(
        &self,
        frame: &Frame,
        out_of_bag: &dyn OutOfBag,
        ctx: &Context<'_>,
    ) -> Result<Option<Votes>, DetectorError> {
        let (n_rows, n_classes) = (frame.n_rows(), self.classes.len());
        let mut sums = vec![0.0; n_rows * n_classes];
        let mut trees = vec![0_u32; n_rows];
        for (idx, tree) in self.trees.iter().enumerate() {
            ctx.check_cancelled()?;
            let Some(drawn) = out_of_bag.drawn(idx, n_rows) else { return Ok(None) };
            let blocks = sums.par_chunks_mut(BLOCK_ROWS * n_classes).zip(trees.par_chunks_mut(BLOCK_ROWS)).enumerate();
            blocks.for_each(|(block, (sums, trees))| {
                for (at, (sums, trees)) in sums.chunks_exact_mut(n_classes).zip(trees).enumerate() {
                    let row = block * BLOCK_ROWS + at;
                    if drawn[row] == 0 {
                        tree.add_shares(tree.leaf(frame.row(row)), sums);
                        *trees += 1;
                    }
                }
            });
        }
        Ok(Some(Votes { sums, trees }))
    }
}

impl FittedDetector for Ensemble {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        self.classes.score_rows(frame, ctx, |rows, probabilities| self.fill(rows, probabilities))
    }

    /// By the trees that have not seen the row; by all where every tree has.
    fn training_scores(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let mut scores = self.score(frame, ctx)?;
        let Some(out_of_bag) = self.out_of_bag.as_deref() else { return Ok(scores) };
        let Some(mut votes) = self.out_of_bag(frame, out_of_bag, ctx)? else { return Ok(scores) };
        let rows = votes.sums.chunks_exact_mut(self.classes.len()).zip(&votes.trees).zip(&mut scores);
        for ((row, trees), score) in rows.filter(|((_, trees), _)| **trees > 0) {
            row.iter_mut().for_each(|probability| *probability /= f64::from(*trees));
            *score = self.classes.score(row);
        }
        Ok(scores)
    }

    fn save(&self) -> SavedState {
        let mut tensors: BTreeMap<String, Tensor> = self.classes.save().into();
        let (mut tree_offsets, mut share_offsets) = (vec![0_u32], vec![0_u32]);
        let (mut feature, mut left, mut threshold, mut share_class, mut share_rows) =
            (vec![], vec![], vec![], vec![], vec![]);
        for tree in &self.trees {
            for (own_index, node) in tree.nodes.iter().enumerate() {
                feature.push(node.feature);
                left.push(node.left);
                // Artefacts hold finite numbers only; a leaf is known by being its own child.
                threshold.push(if tree.is_leaf(own_index) { 0.0 } else { node.threshold });
                for share in tree.shares(own_index) {
                    share_class.push(share.class);
                    share_rows.push(share.rows);
                }
                share_offsets.push(share_class.len() as u32);
            }
            tree_offsets.push(feature.len() as u32);
        }
        let indices = [
            ("tree_offsets", tree_offsets),
            ("feature", feature),
            ("left", left),
            ("share_offsets", share_offsets),
            ("share_class", share_class),
            ("share_rows", share_rows),
        ];
        tensors.extend(indices.map(|(name, values)| (name.to_string(), Tensor::indices(values))));
        tensors.insert("threshold".into(), Tensor::vector(threshold));
        tensors.insert("feature_importances".into(), Tensor::vector(self.importances.clone()));
        SavedState { tensors, preprocessing: None }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let listed = self.by_importance().into_iter().take(LISTED_FEATURES);
        let importances: serde_json::Map<String, Value> =
            listed.map(|feature| (self.columns[feature].clone(), json!(self.importances[feature]))).collect();
        let n_leaves: usize = self.trees.iter().map(Tree::n_leaves).sum();
        BTreeMap::from([
            ("classes_".to_string(), json!(self.classes.names())),
            ("feature_importances_".to_string(), Value::Object(importances)),
            ("n_estimators_".to_string(), json!(self.trees.len())),
            ("n_leaves_".to_string(), json!(n_leaves)),
            ("depth_".to_string(), json!(self.trees.iter().map(|tree| tree.depth).max())),
        ])
    }

    /// Each split on a row's way credits its feature with the change of the fraction of fault rows; the mean over trees.
    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        let selected = frame.select_rows(rows);
        let probabilities =
            self.classes.probabilities(&selected, ctx, |rows, probabilities| self.fill(rows, probabilities))?;
        // Rows of one kind are credited together: with a normal class there is one, else one for each class.
        let mut kinds: BTreeMap<Vec<bool>, Vec<usize>> = BTreeMap::new();
        for (at, row) in probabilities.rows().into_iter().enumerate() {
            kinds.entry(self.classes.against(row.as_slice().unwrap_or_default())).or_default().push(at);
        }
        let mut contributions = Array2::zeros((rows.len(), frame.n_features()));
        for tree in &self.trees {
            ctx.check_cancelled()?;
            for (wanted, members) in &kinds {
                let fractions = tree.fractions(wanted);
                for at in members {
                    let mut parent = 0;
                    for node in tree.path(selected.row(*at)).skip(1) {
                        let feature = tree.nodes[parent].feature as usize;
                        contributions[[*at, feature]] += fractions[node] - fractions[parent];
                        parent = node;
                    }
                }
            }
        }
        contributions /= self.trees.len() as f64;
        Ok(Some(contributions))
    }

    fn classify(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Option<Classified>, DetectorError> {
        let probabilities =
            self.classes.probabilities(frame, ctx, |rows, probabilities| self.fill(rows, probabilities))?;
        Ok(Some(Classified { names: self.classes.names().to_vec(), probabilities }))
    }

    fn figures(
        &self,
        frame: &Frame,
        _scores: &[f64],
        _threshold: f64,
        ctx: &Context<'_>,
    ) -> Result<Vec<Figure>, DetectorError> {
        let mut found = vec![figures::classes::feature_importance(&self.columns, &self.importances)];
        if let [first, second, ..] = self.by_importance()[..] {
            let probabilities =
                self.classes.probabilities(frame, ctx, |rows, probabilities| self.fill(rows, probabilities))?;
            let predicted: Vec<u32> = probabilities
                .rows()
                .into_iter()
                .map(|row| most_probable(row.as_slice().unwrap_or_default()) as u32)
                .collect();
            let axis = |feature: usize| figures::Axis {
                title: &self.columns[feature],
                values: frame.values().column(feature).to_vec(),
            };
            let classes = figures::classes::Coded { names: self.classes.names(), codes: &predicted };
            found.push(figures::classes::class_scatter(&axis(first), &axis(second), classes));
        }
        Ok(found)
    }
}

/// Rebuilds trees from bytes that may be hostile.
fn load_trees(artifact: &Artifact, n_features: usize, n_classes: usize) -> Result<Vec<Tree>, DetectorError> {
    let damaged = || DetectorError::artifact("its trees are incomplete");
    let tree_offsets = artifact.indices("tree_offsets")?;
    let feature = artifact.indices("feature")?;
    let n_nodes = feature.len();
    let left = artifact.indices_of("left", n_nodes)?;
    let threshold = artifact.vector_of("threshold", n_nodes)?;
    let share_offsets = artifact.indices_of("share_offsets", n_nodes + 1)?;
    let share_class = artifact.indices("share_class")?;
    let share_rows = artifact.indices_of("share_rows", share_class.len())?;
    let whole = |offsets: &[u32], end: usize| {
        offsets.first() == Some(&0)
            && offsets.last().is_some_and(|last| *last as usize == end)
            && offsets.windows(2).all(|pair| pair[0] <= pair[1])
    };
    if tree_offsets.len() < 2 || !whole(tree_offsets, n_nodes) || !whole(share_offsets, share_class.len()) {
        return Err(damaged());
    }
    let shares: Vec<(u32, u32)> = share_class.iter().copied().zip(share_rows.iter().copied()).collect();
    tree_offsets
        .windows(2)
        .map(|pair| {
            let range = pair[0] as usize..pair[1] as usize;
            let nodes = range.clone().enumerate().map(|(own_index, at)| match left[at] as usize == own_index {
                true => Node::leaf(left[at]),
                false => Node { threshold: threshold[at], feature: feature[at], left: left[at] },
            });
            let shares = range.clone().map(|at| &shares[share_offsets[at] as usize..share_offsets[at + 1] as usize]);
            Tree::new(nodes.collect(), shares, n_features, n_classes)
        })
        .collect()
}
