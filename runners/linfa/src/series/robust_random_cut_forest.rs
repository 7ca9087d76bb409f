//! Robust random cut forest over the last rows of a series.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, StreamScorer, Tensor, TensorData,
};
use rand::seq::index;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::random::generator;
use crate::scaling::Scaling;
use crate::series::cut_tree::{CutTree, Node};
use crate::series::shingle::Shingle;

const DESCRIPTION: &str = "\
Robust random cut forest (Guha, Mishra, Roy and Schrijvers, *Robust random cut forest based anomaly detection on \
streams*, ICML 2016). Each of `n_trees` trees cuts `max_samples` points of the training series at random, a feature as \
likely as its range is large, until each stands alone. A row's score is the mean collusive displacement that inserting \
it would cause: how many points move down a level when it, or the small group it is in, is added, shared among the \
group.

A point is the last `window` rows side by side, so that unusual sequences count and not only unusual values; before \
the first row, the first row is repeated. A score depends on the rows before it alone, and a stream scores as the \
whole.

Departs from the paper in two ways. The forest does not change after training, so that equal rows get equal scores. \
And the displacement is the expectation over the random cuts of the insertion, computed exactly, where the paper \
inserts once. What a feature contributes is the part of that expectation in which it is the one cut.";

/// Numbers in the boxes of all trees at most (256 MiB).
const MAX_BOX_VALUES: usize = 1 << 25;

/// Rows of one task; a row passes through every tree.
const BLOCK_ROWS: usize = 32;

/// Detector `robust_random_cut_forest`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RobustRandomCutForest;

impl Detector for RobustRandomCutForest {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "robust_random_cut_forest".into(),
            version: "1.0.0".into(),
            title: "Robust random cut forest".into(),
            summary: "For streams of a few columns: judges each row, with the rows just before it, by what training saw."
                .into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::PathAttribution,
            cost: "With t trees of m points of w d values: fit O(t m w d log m), scoring O(t w d log m) a row; the version holds t m w d numbers.".into(),
            source: "Guha et al., *Robust random cut forest based anomaly detection on streams*, ICML 2016.".into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("n_trees", 50, 1..=1_000, "Trees whose displacements are averaged.")
                .integer("max_samples", 256, 2..=2_048, "Points of each tree, drawn from the training series.")
                .integer("window", 8, 1..=1_000, "Rows side by side that make a point.")
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
        let window = hyperparameters.integer("window")?;
        let n_trees = hyperparameters.integer("n_trees")?;
        let n_samples = hyperparameters.integer("max_samples")?.min(frame.n_rows());
        let n_dimensions = window * frame.n_features();
        if n_trees.saturating_mul(4 * n_samples).saturating_mul(n_dimensions) > MAX_BOX_VALUES {
            let message = format!(
                "{n_trees} trees of {n_samples} points of {window} rows of {} columns are too large; take fewer of any",
                frame.n_features()
            );
            return Err(DetectorError::hyperparameter("window", message));
        }
        let seed = hyperparameters.seed(ctx)?;
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let table = scaling.table(frame)?;
        check_range(&table)?;
        ctx.report(0.1, "growing the trees");
        ctx.check_cancelled()?;
        let grow = |tree: usize| {
            ctx.check_cancelled()?;
            let mut rng = generator(seed, tree as u64);
            let mut rows = index::sample(&mut rng, table.nrows(), n_samples).into_vec();
            rows.sort_unstable();
            let mut points = Vec::with_capacity(n_samples * n_dimensions);
            rows.into_iter().for_each(|row| extend_with_point(&table, window, row, &mut points));
            Ok(CutTree::grow(&points, n_dimensions, &mut rng))
        };
        let trees = (0..n_trees).into_par_iter().map(grow).collect::<Result<Vec<_>, DetectorError>>()?;
        ctx.check_cancelled()?;
        Ok(Box::new(Forest { scaling, window, n_features: frame.n_features(), trees }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let window = hyperparameters.integer("window")?;
        let n_features = artifact.header.n_features();
        let n_dimensions = window.saturating_mul(n_features);
        let sizes = artifact.indices_of("n_nodes", hyperparameters.integer("n_trees")?)?;
        let n_nodes = sizes.iter().map(|size| *size as usize).sum::<usize>();
        let [masses, seconds, dimensions] =
            ["mass", "second", "dimension"].map(|name| artifact.indices_of(name, n_nodes));
        let (masses, seconds, dimensions) = (masses?, seconds?, dimensions?);
        let cuts = artifact.vector_of("cut", n_nodes)?;
        let points = artifact.matrix("points", n_dimensions)?;
        let broken = || DetectorError::artifact("its points and its trees do not fit together");
        if n_nodes.saturating_mul(2).saturating_mul(n_dimensions) > MAX_BOX_VALUES || check_range(&points).is_err() {
            return Err(broken());
        }
        let mut points = points.as_slice().unwrap_or_default();
        let (mut first, mut trees) = (0, Vec::with_capacity(sizes.len()));
        for size in sizes {
            let range = first..first + *size as usize;
            first = range.end;
            let node = |at| Node { mass: masses[at], second: seconds[at], dimension: dimensions[at], cut: cuts[at] };
            let nodes: Vec<Node> = range.map(node).collect();
            let n_values = nodes.iter().filter(|node| node.second == 0).count() * n_dimensions;
            let (leaves, rest) = points.split_at_checked(n_values).ok_or_else(broken)?;
            points = rest;
            trees.push(CutTree::rebuild(nodes, leaves, n_dimensions)?);
        }
        let forest = Forest { scaling: Scaling::load(&artifact.header), window, n_features, trees };
        if points.is_empty() { Ok(Box::new(forest)) } else { Err(broken()) }
    }
}

/// Differences and sums of larger values might overflow.
fn check_range(table: &Array2<f64>) -> Result<(), DetectorError> {
    if table.iter().all(|value| value.abs() <= 1e290) {
        return Ok(());
    }
    Err(DetectorError::numeric("values are too large; switch `standardize` on or rescale them"))
}

/// Appends the `window` rows up to `row`, the first row standing in for those before it.
fn extend_with_point(table: &Array2<f64>, window: usize, row: usize, point: &mut Vec<f64>) {
    let values = table.as_slice().unwrap_or_default();
    let n_features = table.ncols();
    for back in (0..window).rev() {
        let at = row.saturating_sub(back) * n_features;
        point.extend_from_slice(&values[at..at + n_features]);
    }
}

#[derive(Debug)]
struct Forest {
    scaling: Scaling,
    window: usize,
    n_features: usize,
    trees: Vec<CutTree>,
}

impl Forest {
    fn score_point(&self, point: &[f64]) -> f64 {
        self.trees.iter().map(|tree| tree.displacement(point, |_, _| ())).sum::<f64>() / self.trees.len() as f64
    }

    fn table(&self, frame: &Frame) -> Result<Array2<f64>, DetectorError> {
        let table = self.scaling.table(frame)?;
        check_range(&table)?;
        Ok(table)
    }
}

impl FittedDetector for Forest {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let table = self.table(frame)?;
        let mut scores = vec![0.0; frame.n_rows()];
        scores.par_chunks_mut(BLOCK_ROWS).enumerate().try_for_each_init(Vec::new, |point, (block, scores)| {
            ctx.check_cancelled()?;
            for (at, score) in scores.iter_mut().enumerate() {
                point.clear();
                extend_with_point(&table, self.window, block * BLOCK_ROWS + at, point);
                *score = self.score_point(point);
            }
            Ok::<(), DetectorError>(())
        })?;
        Ok(scores)
    }

    fn save(&self) -> SavedState {
        let nodes = || self.trees.iter().flat_map(|tree| &tree.nodes);
        let indices = |of: fn(&Node) -> u32| Tensor::indices(nodes().map(of).collect());
        let points: Vec<f64> = self.trees.iter().flat_map(CutTree::points).flatten().copied().collect();
        let n_dimensions = self.window * self.n_features;
        let shape = vec![points.len() / n_dimensions, n_dimensions];
        let tensors = [
            ("n_nodes", Tensor::indices(self.trees.iter().map(|tree| tree.nodes.len() as u32).collect())),
            ("mass", indices(|node| node.mass)),
            ("second", indices(|node| node.second)),
            ("dimension", indices(|node| node.dimension)),
            ("cut", Tensor::vector(nodes().map(|node| node.cut).collect())),
            ("points", Tensor { shape, data: TensorData::F64(points) }),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let max_samples = self.trees.first().map_or(0, |tree| tree.nodes[0].mass);
        BTreeMap::from([("window_".to_string(), json!(self.window)), ("max_samples_".to_string(), json!(max_samples))])
    }

    /// A column's share is that of its values in all rows of the point.
    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        let table = self.table(frame)?;
        let mut shares = Array2::zeros((rows.len(), self.n_features));
        let mut point = Vec::new();
        for (mut shares, row) in shares.rows_mut().into_iter().zip(rows) {
            ctx.check_cancelled()?;
            point.clear();
            extend_with_point(&table, self.window, *row, &mut point);
            for tree in &self.trees {
                tree.displacement(&point, |dimension, part| shares[dimension % self.n_features] += part);
            }
            shares /= self.trees.len() as f64;
        }
        Ok(Some(shares))
    }

    fn stream(&self) -> Option<Box<dyn StreamScorer + '_>> {
        let shingle = Shingle::new(self.window, self.n_features);
        Some(Box::new(Stream { forest: self, shingle, scaled: vec![0.0; self.n_features] }))
    }
}

#[derive(Debug)]
struct Stream<'a> {
    forest: &'a Forest,
    shingle: Shingle,
    scaled: Vec<f64>,
}

impl StreamScorer for Stream<'_> {
    fn push(&mut self, row: &[f64]) -> f64 {
        self.forest.scaling.row(row, &mut self.scaled);
        self.forest.score_point(self.shingle.push(&self.scaled))
    }
}
