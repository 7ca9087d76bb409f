//! Half-space trees: how crowded the part of space that a row falls in has been of late.

use std::collections::BTreeMap;

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Standardization, StreamScorer, Tensor,
};
use rand::Rng;
use rand_xoshiro::Xoshiro256Plus;
use serde_json::{Value, json};

use crate::random::generator;
use crate::series::shingle::Shingle;

const DESCRIPTION: &str = "\
Half-space trees (Tan, Ting and Liu, *Fast anomaly detection for streaming data*, IJCAI 2011), with River's way of \
cutting. Each of `n_trees` trees cuts space at random `height` times, and each node counts the rows that pass through \
it. A row's score is 1 - sum of count x 2^depth over the nodes on its way, down to the first with less than a tenth of \
a window's rows, divided by the most that the sum can be: near 1 where few rows have been.

A point is the last `window` rows side by side, so that unusual sequences count and not only unusual values; before \
the first row, the first row is repeated. The trees are cut once, within the range of the training series widened by a \
tenth on each side, feature by its range, at a uniform place 15 % off the edges.

Counts start as those of the training rows, as many as make a window. A scored row counts after its score; when \
`window_size` rows have, theirs replace the old ones, so that the trees follow a slow change. Without `update` the \
counts of training stay. A score depends on the rows before it alone, and a stream scores as the whole.

Departs from the paper, which has no score for the first window: here the training rows stand in, for training too.";

/// Part of a feature's range that is added below and above.
const MARGIN: f64 = 0.1;

/// Part of a cell's range off its edges where no cut falls; River's.
const PADDING: f64 = 0.15;

/// A node with a smaller part of a window's rows ends the way down; the paper's.
const SIZE_LIMIT: f64 = 0.1;

/// Rows between two looks at the cancel flag.
const CANCEL_ROWS: usize = 1_024;

/// Nodes of all trees at most (16 bytes each and 8 in memory besides).
const MAX_NODES: usize = 8_000_000;

/// Detector `half_space_trees`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HalfSpaceTrees;

impl Detector for HalfSpaceTrees {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "half_space_trees".into(),
            version: "1.0.0".into(),
            title: "Half-space trees".into(),
            summary: "For streams whose normal changes slowly: judges each row by the past alone and keeps counting.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "Fit and scoring O(n_trees height) a row, whatever w and d; the version holds n_trees 2^(height + 1) nodes.".into(),
            source: "Tan, Ting and Liu, *Fast anomaly detection for streaming data*, IJCAI 2011.".into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("n_trees", 25, 1..=1_000, "Trees whose counts are summed.")
                .integer("height", 8, 1..=18, "Cuts on the way down a tree.")
                .integer("window_size", 250, 10..=1_000_000, "Rows whose counts are kept, and replaced together.")
                .integer("window", 8, 1..=1_000, "Rows side by side that make a point.")
                .boolean("update", true, "Count scored rows too.")
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
        let settings = Settings::read(hyperparameters, frame.n_features())?;
        let scaling = Standardization::fit(frame.values());
        let bounds = bounds(&scaling, frame)?;
        ctx.report(0.1, "cutting the trees");
        let seed = hyperparameters.seed(ctx)?;
        let mut nodes = Vec::with_capacity(settings.n_trees * settings.n_nodes());
        for tree in 0..settings.n_trees {
            ctx.check_cancelled()?;
            cut(&mut generator(seed, tree as u64), &settings, &bounds, &mut nodes);
        }
        let mut trees = Trees { settings, scaling, masses: vec![0.0; nodes.len()], nodes };
        ctx.report(0.3, "counting the training rows");
        let mut counts = vec![0.0; trees.masses.len()];
        let mut shingle = Shingle::new(settings.window, frame.n_features());
        let mut scaled = vec![0.0; frame.n_features()];
        for row in 0..frame.n_rows() {
            if row.is_multiple_of(CANCEL_ROWS) {
                ctx.check_cancelled()?;
            }
            trees.scaling.apply_row(frame.row(row), &mut scaled);
            trees.count(shingle.push(&scaled), &mut counts);
        }
        ctx.check_cancelled()?;
        let of_a_window = settings.window_size as f64 / frame.n_rows() as f64;
        trees.masses = counts.into_iter().map(|count| count * of_a_window).collect();
        Ok(Box::new(trees))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let n_features = artifact.header.n_features();
        let settings =
            Settings::read(&hyperparameters, n_features).map_err(|error| DetectorError::artifact(error.to_string()))?;
        let n_nodes = settings.n_trees * settings.n_nodes();
        let features = artifact.indices_of("feature", n_nodes)?;
        let thresholds = artifact.vector_of("threshold", n_nodes)?;
        let masses = artifact.vector_of("mass", n_nodes)?;
        let most = settings.window_size as f64 * (1.0 + 1e-9);
        if features.iter().any(|feature| *feature as usize >= settings.window * n_features)
            || masses.iter().any(|mass| *mass < 0.0 || *mass > most)
        {
            return Err(DetectorError::artifact("a node of its trees is out of range"));
        }
        let node = |(feature, threshold): (&u32, &f64)| Node { feature: *feature, threshold: *threshold };
        Ok(Box::new(Trees {
            settings,
            scaling: artifact.header.standardization()?.clone(),
            nodes: features.iter().zip(thresholds).map(node).collect(),
            masses: masses.to_vec(),
        }))
    }
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    n_trees: usize,
    height: usize,
    window_size: usize,
    /// Rows of a point.
    window: usize,
    update: bool,
}

impl Settings {
    fn read(hyperparameters: &Hyperparameters, n_features: usize) -> Result<Self, DetectorError> {
        let settings = Self {
            n_trees: hyperparameters.integer("n_trees")?,
            height: hyperparameters.integer("height")?,
            window_size: hyperparameters.integer("window_size")?,
            window: hyperparameters.integer("window")?,
            update: hyperparameters.boolean("update")?,
        };
        if settings.n_trees * settings.n_nodes() > MAX_NODES {
            let message = format!("{} trees of that height are too large; take fewer or lower ones", settings.n_trees);
            return Err(DetectorError::hyperparameter("height", message));
        }
        if settings.window.saturating_mul(n_features) > u32::MAX as usize {
            return Err(DetectorError::hyperparameter("window", "is too large for so many columns"));
        }
        Ok(settings)
    }

    /// Nodes of one tree, in the order of a heap: node i has the children 2 i + 1 and 2 i + 2.
    fn n_nodes(&self) -> usize {
        (2 << self.height) - 1
    }
}

/// The range of each scaled column, with its margin.
fn bounds(scaling: &Standardization, frame: &Frame) -> Result<Vec<(f64, f64)>, DetectorError> {
    let table = scaling.apply(frame.values());
    let widened = |column: ndarray::ArrayView1<'_, f64>| {
        let low = column.iter().copied().fold(f64::INFINITY, f64::min);
        let high = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // A constant column gets the range that scaling would have given it.
        let range = if high > low { high - low } else { 1.0 };
        (low - MARGIN * range, high + MARGIN * range)
    };
    let bounds: Vec<(f64, f64)> = table.columns().into_iter().map(widened).collect();
    if bounds.iter().all(|(low, high)| low.is_finite() && high.is_finite()) {
        return Ok(bounds);
    }
    Err(DetectorError::numeric("values are too large to be standardised"))
}

/// A cut: points with a smaller value of the feature go to the first child. Leaves have cuts that are not used.
#[derive(Debug, Clone, Copy)]
struct Node {
    feature: u32,
    threshold: f64,
}

/// Appends one tree to `nodes`.
fn cut(rng: &mut Xoshiro256Plus, settings: &Settings, bounds: &[(f64, f64)], nodes: &mut Vec<Node>) {
    let first = nodes.len();
    nodes.resize(first + settings.n_nodes(), Node { feature: 0, threshold: 0.0 });
    let mut cell = Cell::new(bounds, settings.window);
    cell.cut(rng, &mut nodes[first..], 0, settings.height);
}

/// A box of space while its tree is cut: the bounds of each feature.
struct Cell {
    bounds: Vec<(f64, f64)>,
}

impl Cell {
    fn new(bounds: &[(f64, f64)], window: usize) -> Self {
        Self { bounds: bounds.repeat(window) }
    }

    fn cut(&mut self, rng: &mut Xoshiro256Plus, nodes: &mut [Node], at: usize, height: usize) {
        if height == 0 {
            return;
        }
        let feature = self.draw(rng);
        let (low, high) = self.bounds[feature];
        let padding = PADDING * (high - low);
        let threshold = low + padding + rng.r#gen::<f64>() * (high - low - 2.0 * padding);
        nodes[at] = Node { feature: feature as u32, threshold };
        self.bounds[feature] = (low, threshold);
        self.cut(rng, nodes, 2 * at + 1, height - 1);
        self.bounds[feature] = (threshold, high);
        self.cut(rng, nodes, 2 * at + 2, height - 1);
        self.bounds[feature] = (low, high);
    }

    /// A feature, each as likely as its range is large.
    fn draw(&self, rng: &mut Xoshiro256Plus) -> usize {
        let total: f64 = self.bounds.iter().map(|(low, high)| high - low).sum();
        let mut left = rng.r#gen::<f64>() * total;
        for (feature, (low, high)) in self.bounds.iter().enumerate() {
            left -= high - low;
            if left < 0.0 {
                return feature;
            }
        }
        self.bounds.len() - 1
    }
}

#[derive(Debug)]
struct Trees {
    settings: Settings,
    scaling: Standardization,
    /// Tree after tree.
    nodes: Vec<Node>,
    /// Rows through each node, of a window's worth of training rows.
    masses: Vec<f64>,
}

impl Trees {
    /// Adds 1 to each node on the way of `point` down each tree.
    fn count(&self, point: &[f64], counts: &mut [f64]) {
        let n_nodes = self.settings.n_nodes();
        for (nodes, counts) in self.nodes.chunks_exact(n_nodes).zip(counts.chunks_exact_mut(n_nodes)) {
            let mut at = 0;
            for _ in 0..self.settings.height {
                counts[at] += 1.0;
                at = 2 * at + 1 + usize::from(point[nodes[at].feature as usize] >= nodes[at].threshold);
            }
            counts[at] += 1.0;
        }
    }

    fn score_point(&self, point: &[f64], masses: &[f64]) -> f64 {
        let n_nodes = self.settings.n_nodes();
        let limit = SIZE_LIMIT * self.settings.window_size as f64;
        let mut sum = 0.0;
        for (nodes, masses) in self.nodes.chunks_exact(n_nodes).zip(masses.chunks_exact(n_nodes)) {
            let (mut at, mut weight) = (0, 1.0);
            for _ in 0..self.settings.height {
                sum += masses[at] * weight;
                if masses[at] < limit {
                    break;
                }
                at = 2 * at + 1 + usize::from(point[nodes[at].feature as usize] >= nodes[at].threshold);
                weight *= 2.0;
            }
            // Leaves are the last half of the nodes.
            if at >= n_nodes / 2 {
                sum += masses[at] * weight;
            }
        }
        1.0 - sum / (self.settings.n_trees * self.settings.window_size * n_nodes) as f64
    }

    fn start(&self) -> Stream<'_> {
        let n_features = self.scaling.n_features();
        Stream {
            trees: self,
            masses: self.masses.clone(),
            counts: vec![0.0; self.masses.len()],
            n_counted: 0,
            shingle: Shingle::new(self.settings.window, n_features),
            scaled: vec![0.0; n_features],
        }
    }
}

/// The trees with counts that follow the rows.
#[derive(Debug)]
struct Stream<'a> {
    trees: &'a Trees,
    masses: Vec<f64>,
    counts: Vec<f64>,
    n_counted: usize,
    shingle: Shingle,
    scaled: Vec<f64>,
}

impl StreamScorer for Stream<'_> {
    fn push(&mut self, row: &[f64]) -> f64 {
        self.trees.scaling.apply_row(row, &mut self.scaled);
        let point = self.shingle.push(&self.scaled);
        let score = self.trees.score_point(point, &self.masses);
        if self.trees.settings.update {
            self.trees.count(point, &mut self.counts);
            self.n_counted += 1;
            if self.n_counted == self.trees.settings.window_size {
                std::mem::swap(&mut self.masses, &mut self.counts);
                self.counts.fill(0.0);
                self.n_counted = 0;
            }
        }
        score
    }
}

impl FittedDetector for Trees {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let mut stream = self.start();
        let mut scores = Vec::with_capacity(frame.n_rows());
        for row in 0..frame.n_rows() {
            if row.is_multiple_of(CANCEL_ROWS) {
                ctx.check_cancelled()?;
                ctx.report(row as f64 / frame.n_rows() as f64, "scoring");
            }
            scores.push(stream.push(frame.row(row)));
        }
        ctx.check_cancelled()?;
        Ok(scores)
    }

    fn save(&self) -> SavedState {
        let tensors = [
            ("feature", Tensor::indices(self.nodes.iter().map(|node| node.feature).collect())),
            ("threshold", Tensor::vector(self.nodes.iter().map(|node| node.threshold).collect())),
            ("mass", Tensor::vector(self.masses.clone())),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: Some(self.scaling.clone()),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("window_".to_string(), json!(self.settings.window)),
            ("n_nodes_".to_string(), json!(self.nodes.len())),
        ])
    }

    fn stream(&self) -> Option<Box<dyn StreamScorer + '_>> {
        Some(Box::new(self.start()))
    }
}
