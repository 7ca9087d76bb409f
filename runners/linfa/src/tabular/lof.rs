//! Local outlier factor.

use std::collections::BTreeMap;

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::kd_tree::KdTree;
use crate::neighbors::{Neighbors, nearest, self_neighbors};
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
Local outlier factor (Breunig, Kriegel, Ng and Sander, *LOF: identifying density-based local outliers*, SIGMOD 2000). It \
compares the density around a row with the densities around its neighbours: about 1 is ordinary, 2 means half as dense.

With N(p) the `n_neighbors` nearest training rows and k-distance(o) the distance of o to the last of its own, \
reach(p, o) = max(k-distance(o), d(p, o)); lrd(p) = 1 / (mean reach(p, o) over N(p) + 1e-10); \
LOF(p) = mean lrd(o) over N(p) / lrd(p).

As in scikit-learn's `LocalOutlierFactor`, N(p) has exactly `n_neighbors` rows (Breunig's also has all that are as near as \
the last), and 1e-10 keeps rows with many duplicates finite. Rows with more than `n_neighbors` duplicates make a density of \
1e10, beside which any other row is an extreme outlier: where many rows repeat, take more neighbours or use `knn`. \
In training a row is not its own neighbour; new rows are compared with the training rows and change nothing. Of equally near \
rows those of the lower position in the search tree count, which depends on values alone, not on the order of the rows.

The version stores the training rows, their k-distances and their densities.";

/// Pairs of rows and neighbours that are held in memory while fitting: 3 GiB.
const MAX_PAIRS: usize = 1 << 28;

/// Added to each mean reachability distance; scikit-learn's value.
const LEAST_REACH: f64 = 1e-10;

/// Rows of one task.
const BLOCK_ROWS: usize = 512;

/// Detector `lof`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lof;

impl Detector for Lof {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "lof".into(),
            version: "1.0.0".into(),
            title: "Local outlier factor (LOF)".into(),
            summary: "For clusters of different densities, where what is far in one is ordinary in another.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "Fit about O(d n log n) in few dimensions, up to O(d n²) in many, and O(n k) memory; scoring O(d log n) to O(d n) a row; the version holds the n rows.".into(),
            source: "Breunig, Kriegel, Ng and Sander, *LOF: identifying density-based local outliers*, SIGMOD 2000.".into(),
            hyperparameters: HyperparameterSchema::new()
                .integer(
                    "n_neighbors",
                    20,
                    1..=10_000,
                    "Neighbours to compare with. Larger than the largest cluster of anomalies.",
                )
                .standardize()
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let n_neighbors = hyperparameters.integer("n_neighbors")?.min(frame.n_rows() - 1);
        if frame.n_rows().saturating_mul(n_neighbors) > MAX_PAIRS {
            let most = MAX_PAIRS / frame.n_rows();
            let message = format!("must be at most {most} for {} rows, not {n_neighbors}", frame.n_rows());
            return Err(DetectorError::hyperparameter("n_neighbors", message));
        }
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let tree = KdTree::build(&scaling.table(frame)?, ctx)?;
        ctx.report(0.1, "finding neighbours");
        let (k_distances, densities) = densities(&tree, n_neighbors, ctx)?;
        ctx.check_cancelled()?;
        Ok(Box::new(Densities { scaling, tree, n_neighbors, k_distances, densities }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let points = artifact.matrix("points", artifact.header.n_features())?;
        let n_points = points.nrows();
        if n_points < 2 {
            return Err(DetectorError::artifact("it has fewer than 2 training rows"));
        }
        let k_distances = artifact.vector_of("k_distances", n_points)?.to_vec();
        let densities = artifact.vector_of("densities", n_points)?.to_vec();
        if k_distances.iter().any(|distance| *distance < 0.0) || densities.iter().any(|density| *density <= 0.0) {
            return Err(DetectorError::artifact("it has a negative distance or a density that is not positive"));
        }
        Ok(Box::new(Densities {
            scaling: Scaling::load(&artifact.header),
            tree: KdTree::from_ordered(&points),
            n_neighbors: hyperparameters.integer("n_neighbors")?.min(n_points - 1),
            k_distances,
            densities,
        }))
    }
}

/// k-distance and local reachability density of each point of the tree.
fn densities(tree: &KdTree, k: usize, ctx: &Context<'_>) -> Result<(Vec<f64>, Vec<f64>), DetectorError> {
    let mut distances = vec![0.0; tree.n_points() * k];
    let mut indices = vec![0; tree.n_points() * k];
    self_neighbors(tree, k, ctx, &mut distances, &mut indices)?;
    ctx.report(0.9, "measuring densities");
    let k_distances: Vec<f64> = distances.chunks_exact(k).map(|distances| distances[k - 1]).collect();
    let mut densities = vec![0.0; tree.n_points()];
    let pairs = distances.par_chunks(BLOCK_ROWS * k).zip(indices.par_chunks(BLOCK_ROWS * k));
    densities.par_chunks_mut(BLOCK_ROWS).zip(pairs).try_for_each(|(densities, (distances, indices))| {
        ctx.check_cancelled()?;
        for (density, (distances, indices)) in
            densities.iter_mut().zip(distances.chunks_exact(k).zip(indices.chunks_exact(k)))
        {
            *density = reachability_density(Neighbors { distances, indices }, &k_distances);
        }
        Ok::<(), DetectorError>(())
    })?;
    Ok((k_distances, densities))
}

fn reachability_density(found: Neighbors<'_>, k_distances: &[f64]) -> f64 {
    let reaches =
        found.distances.iter().zip(found.indices).map(|(distance, idx)| distance.max(k_distances[*idx as usize]));
    1.0 / (reaches.sum::<f64>() / found.indices.len() as f64 + LEAST_REACH)
}

#[derive(Debug)]
struct Densities {
    scaling: Scaling,
    /// Of the scaled training rows.
    tree: KdTree,
    /// At most the number of points less one.
    n_neighbors: usize,
    /// Distance of each point to its n_neighbors-th nearest other point, in the order of the tree.
    k_distances: Vec<f64>,
    /// Local reachability density of each point, in the order of the tree; positive.
    densities: Vec<f64>,
}

impl Densities {
    fn factors(&self, frame: &Frame, leave_out_self: bool, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let queries = self.scaling.table(frame)?;
        nearest(&self.tree, &queries, self.n_neighbors, leave_out_self, ctx, |found| {
            let density = reachability_density(found, &self.k_distances);
            let around = found.indices.iter().map(|idx| self.densities[*idx as usize]).sum::<f64>();
            around / found.indices.len() as f64 / density
        })
    }
}

impl FittedDetector for Densities {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        self.factors(frame, false, ctx)
    }

    fn training_scores(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        self.factors(frame, true, ctx)
    }

    fn save(&self) -> SavedState {
        let tensors = [
            ("points", Tensor::matrix(&self.tree.points())),
            ("k_distances", Tensor::vector(self.k_distances.clone())),
            ("densities", Tensor::vector(self.densities.clone())),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("n_neighbors_".to_string(), json!(self.n_neighbors)),
            ("n_samples_fit_".to_string(), json!(self.tree.n_points())),
        ])
    }
}
