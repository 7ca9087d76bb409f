//! HDBSCAN's hierarchy as an anomaly detector: GLOSH outlier scores.

use std::collections::BTreeMap;

use ndarray::Axis;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use serde_json::{Value, json};

use crate::density_tree::DensityTree;
use crate::kd_tree::KdTree;
use crate::neighbors::{Neighbors, nearest};
use crate::random::subsample;
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
GLOSH, the outlier score of HDBSCAN (Campello, Moulavi, Zimek and Sander, *Hierarchical density estimates for data clustering, \
visualization, and outlier detection*, ACM TKDD 10, 2015). All radii are looked at together: rows that are within a radius of \
each other form clusters of at least `min_cluster_size` rows, which merge as the radius grows.

score(x) = 1 - ε_min(C) / ε(x), where ε(x) is the radius at which x first belongs to a cluster C, and ε_min(C) the smallest \
radius at which C, or a cluster inside it, exists. 0 is the heart of a cluster; towards 1 a row is ever sparser than the \
densest part of what it belongs to. Distances are mutual reachability distances, max(core(a), core(b), d(a, b)), where core is \
the distance to the `min_samples`-th nearest row, itself included.

A new row changes nothing: it joins where the nearest (in mutual reachability distance) of its 2 `min_samples` nearest rows \
is, as in hdbscan's `approximate_predict_scores`. A training row has the same score either way. Merges at one radius count as \
one, so the order of the rows does not show; a row that joins two clusters at once belongs to both, where the hdbscan library \
takes either. Flat clusters are not drawn \
from the hierarchy: no score needs them.

At most `max_samples` rows, drawn by `random_state`, make the hierarchy, since all their pairs are looked at; \
`n_samples_fit_` says how many. The version stores those rows and the hierarchy.

The default of 20 rows departs from the usual 5, which takes every handful of anomalies for a cluster.";

/// Detector `hdbscan`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hdbscan;

impl Detector for Hdbscan {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "hdbscan".into(),
            version: "1.0.0".into(),
            title: "HDBSCAN (GLOSH)".into(),
            summary: "Clusters of any shape and of different densities, without a radius to choose.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "Fit O(d m²) in m = min(n, max_samples), O(d m) memory; scoring O(d log m) to O(d m) a row; the version holds the m rows.".into(),
            source: "Campello, Moulavi, Zimek and Sander, *Hierarchical density estimates for data clustering, visualization, and outlier detection*, ACM TKDD 10, 2015.".into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("min_cluster_size", 20, 2..=10_000, "Rows that make a cluster. Larger than the largest group of anomalies.")
                .optional_integer("min_samples", 1..=1_000, "Which nearest row gives the core distance. Null: as min_cluster_size, at most 1000.")
                .integer("max_samples", 10_000, 2..=50_000, "Rows in the hierarchy at most; more are drawn from.")
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
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let max_samples = hyperparameters.integer("max_samples")?;
        let rows = subsample(frame.n_rows(), max_samples, hyperparameters.seed(ctx)?, ctx)?;
        let points = KdTree::build(&scaling.table(frame)?.select(Axis(0), &rows), ctx)?;
        let min_samples = min_samples(hyperparameters, rows.len())?;
        let table = points.points();
        let cores = nearest(&points, &table, min_samples, false, ctx, |found| found.distances[min_samples - 1])?;
        let min_cluster_size = hyperparameters.integer("min_cluster_size")?.min(rows.len());
        let tree = DensityTree::build(&table, &cores, min_cluster_size, ctx)?;
        ctx.check_cancelled()?;
        Ok(Box::new(Hierarchy { scaling, points, cores, min_samples, tree }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let points = artifact.matrix("points", artifact.header.n_features())?;
        let cores = artifact.vector_of("core_distances", points.nrows())?.to_vec();
        if cores.iter().any(|core| *core < 0.0) {
            return Err(DetectorError::artifact("it has a negative distance"));
        }
        let tree = DensityTree {
            radii: artifact.vector("radii")?.to_vec(),
            least_radii: artifact.vector("least_radii")?.to_vec(),
            parents: artifact.indices("parents")?.to_vec(),
            homes: artifact.indices("homes")?.to_vec(),
        };
        tree.check(points.nrows())?;
        let min_samples = min_samples(&hyperparameters, points.nrows())?;
        let scaling = Scaling::load(&artifact.header);
        Ok(Box::new(Hierarchy { scaling, points: KdTree::from_ordered(&points), cores, min_samples, tree }))
    }
}

/// From 1 to the number of rows.
fn min_samples(hyperparameters: &Hyperparameters, n_rows: usize) -> Result<usize, DetectorError> {
    let given = hyperparameters.optional_integer("min_samples")?;
    Ok(given.unwrap_or(hyperparameters.integer("min_cluster_size")?.min(1_000)).min(n_rows))
}

#[derive(Debug)]
struct Hierarchy {
    scaling: Scaling,
    /// The scaled rows of the hierarchy.
    points: KdTree,
    /// Core distance of each, in the order of `points`.
    cores: Vec<f64>,
    min_samples: usize,
    /// Rows in the order of `points`.
    tree: DensityTree,
}

impl Hierarchy {
    /// `found` has at least `min_samples` neighbours.
    fn outlier_score(&self, found: Neighbors<'_>) -> f64 {
        let core = found.distances[self.min_samples - 1];
        let reach = |(distance, idx): (&f64, &u32)| (distance.max(core).max(self.cores[*idx as usize]), *idx);
        let reaches = found.distances.iter().zip(found.indices).map(reach);
        let (radius, neighbor) =
            reaches.fold((f64::INFINITY, found.indices[0]), |best, next| if next.0 < best.0 { next } else { best });
        self.tree.outlier_score(neighbor as usize, radius)
    }
}

impl FittedDetector for Hierarchy {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let queries = self.scaling.table(frame)?;
        let n_neighbors = (2 * self.min_samples).min(self.points.n_points());
        nearest(&self.points, &queries, n_neighbors, false, ctx, |found| self.outlier_score(found))
    }

    fn save(&self) -> SavedState {
        let tensors = [
            ("points", Tensor::matrix(&self.points.points())),
            ("core_distances", Tensor::vector(self.cores.clone())),
            ("radii", Tensor::vector(self.tree.radii.clone())),
            ("least_radii", Tensor::vector(self.tree.least_radii.clone())),
            ("parents", Tensor::indices(self.tree.parents.clone())),
            ("homes", Tensor::indices(self.tree.homes.clone())),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("min_samples_".to_string(), json!(self.min_samples)),
            ("n_samples_fit_".to_string(), json!(self.points.n_points())),
        ])
    }
}
