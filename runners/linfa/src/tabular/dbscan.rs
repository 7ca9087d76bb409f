//! DBSCAN as an anomaly detector: the distance to the nearest core point.

use std::collections::BTreeMap;

use linfa::traits::Transformer;
use linfa_clustering::Dbscan as LinfaDbscan;
use linfa_nn::CommonNearestNeighbour;
use ndarray::{Array2, Axis};
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor, evaluation,
};
use serde_json::{Value, json};

use crate::kd_tree::KdTree;
use crate::neighbors::{Euclidean, nearest};
use crate::random::subsample;
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
DBSCAN (Ester et al., *A density-based algorithm for discovering clusters*, KDD 1996), clusters from linfa-clustering.

DBSCAN itself has neither a fitted model nor a score. This detector departs from it: it keeps the core points, those with at \
least `min_samples` training rows (themselves included) within `eps`, and a row's score is its Euclidean distance to the \
nearest core point: 0 for core points, at most `eps` inside a cluster, more for what DBSCAN calls noise. It ranks coarsely; \
prefer `knn` unless the clusters themselves matter.

Without `eps`, it is the 90th percentile of the distance to the `min_samples`-th nearest row. At most `max_samples` rows, \
drawn by `random_state`, are clustered; `n_samples_fit_` says how many. Memory grows with the rows, not with their pairs.";

/// The share of rows that become core points when `eps` is not given.
const AUTO_EPS_QUANTILE: f64 = 0.9;

/// Detector `dbscan`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dbscan;

impl Detector for Dbscan {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "dbscan".into(),
            version: "1.1.0".into(),
            title: "DBSCAN".into(),
            summary: "Clusters of any shape; what lies outside all of them is an anomaly.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "Fit O(m log m) to O(m²) in m = min(n, max_samples); scoring about O(d log m) a row; the version holds the core points.".into(),
            source: "Ester et al., *A density-based algorithm for discovering clusters*, KDD 1996.".into(),
            hyperparameters: HyperparameterSchema::new()
                .optional_number("eps", 1e-12..=1e12, "Radius of a neighbourhood. Null: chosen from the data.")
                .integer("min_samples", 5, 2..=1_000, "Rows within eps, itself included, that make a core point.")
                .integer("max_samples", 10_000, 2..=50_000, "Rows to cluster at most; more are drawn from.")
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
        let min_samples = hyperparameters.integer("min_samples")?;
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let max_samples = hyperparameters.integer("max_samples")?;
        let rows = subsample(frame.n_rows(), max_samples, hyperparameters.seed(ctx)?, ctx)?;
        if min_samples > rows.len() {
            let message = format!("must be at most the number of rows ({}), not {min_samples}", rows.len());
            return Err(DetectorError::hyperparameter("min_samples", message));
        }
        let table = scaling.table(frame)?.select(Axis(0), &rows);
        ctx.report(0.1, "measuring neighbourhoods");
        // A row is a core point exactly when its min_samples-th nearest row, itself included, is within eps: there is no
        // need to list whole neighbourhoods.
        let tree = KdTree::build(&table, ctx)?;
        let radii = nearest(&tree, &table, min_samples, false, ctx, |found| found.distances[min_samples - 1])?;
        let auto = || evaluation::quantile(&radii, AUTO_EPS_QUANTILE);
        let eps = hyperparameters.optional_number("eps")?.unwrap_or_else(auto);
        let core: Vec<usize> = (0..rows.len()).filter(|row| radii[*row] <= eps).collect();
        if core.is_empty() {
            let closest = radii.iter().copied().fold(f64::INFINITY, f64::min);
            let message = format!("no row has {min_samples} rows within {eps}; the smallest useful value is {closest}");
            return Err(DetectorError::hyperparameter("eps", message));
        }
        ctx.report(0.5, "clustering");
        ctx.check_cancelled()?;
        let clusters = Clusters::count(&table, eps, min_samples)?;
        ctx.check_cancelled()?;
        let core_points = KdTree::build(&table.select(Axis(0), &core), ctx)?;
        Ok(Box::new(CorePoints { scaling, core_points, eps, n_samples: rows.len(), clusters }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let counts = artifact.indices_of("counts", 3)?;
        Ok(Box::new(CorePoints {
            scaling: Scaling::load(&artifact.header),
            core_points: KdTree::from_ordered(&artifact.matrix("core_points", artifact.header.n_features())?),
            eps: artifact.vector_of("eps", 1)?[0],
            n_samples: counts[0] as usize,
            clusters: Clusters { n_clusters: counts[1] as usize, n_noise: counts[2] as usize },
        }))
    }
}

#[derive(Debug, Clone, Copy)]
struct Clusters {
    n_clusters: usize,
    n_noise: usize,
}

impl Clusters {
    fn count(table: &Array2<f64>, eps: f64, min_samples: usize) -> Result<Self, DetectorError> {
        let labels = LinfaDbscan::params_with::<f64, _, _>(min_samples, Euclidean, CommonNearestNeighbour::KdTree)
            // linfa refuses 0, which duplicate rows give.
            .tolerance(eps.max(1e-12))
            .transform(table)
            .map_err(|error| DetectorError::numeric(format!("clustering failed: {error}")))?;
        Ok(Self {
            n_clusters: labels.iter().flatten().max().map_or(0, |largest| largest + 1),
            n_noise: labels.iter().filter(|label| label.is_none()).count(),
        })
    }
}

#[derive(Debug)]
struct CorePoints {
    scaling: Scaling,
    /// Scaled.
    core_points: KdTree,
    eps: f64,
    n_samples: usize,
    clusters: Clusters,
}

impl FittedDetector for CorePoints {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let queries = self.scaling.table(frame)?;
        nearest(&self.core_points, &queries, 1, false, ctx, |found| found.distances[0])
    }

    fn save(&self) -> SavedState {
        let counts = [self.n_samples, self.clusters.n_clusters, self.clusters.n_noise].map(|count| count as u32);
        let tensors = [
            ("core_points", Tensor::matrix(&self.core_points.points())),
            ("eps", Tensor::vector(vec![self.eps])),
            ("counts", Tensor::indices(counts.to_vec())),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("eps_".to_string(), json!(self.eps)),
            ("n_core_".to_string(), json!(self.core_points.n_points())),
            ("n_clusters_".to_string(), json!(self.clusters.n_clusters)),
            ("n_noise_".to_string(), json!(self.clusters.n_noise)),
            ("n_samples_fit_".to_string(), json!(self.n_samples)),
        ])
    }
}
