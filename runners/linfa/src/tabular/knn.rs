//! Distance to the nearest neighbours.

use std::collections::BTreeMap;

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use serde_json::{Value, json};

use crate::kd_tree::KdTree;
use crate::neighbors::nearest;
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
k nearest neighbours (Ramaswamy, Rastogi and Shim, *Efficient algorithms for mining outliers from large data sets*, SIGMOD \
2000; Angiulli and Pizzuti, 2002). The score of a row is its Euclidean distance to its k-th nearest training row (`largest`), \
or the mean or median distance to the k nearest.

Searches a k-d tree. In training a row is not its own neighbour; in scoring every training row counts, as in PyOD. \
The version stores the training rows, in the order of the tree. With fewer rows than `n_neighbors` all the others are taken (`n_neighbors_` says how \
many).

The default of 20 neighbours departs from PyOD's 5, which finds no cluster of more than 5 anomalies.";

/// Detector `knn`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Knn;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Largest,
    Mean,
    Median,
}

impl Method {
    fn read(hyperparameters: &Hyperparameters) -> Result<Self, DetectorError> {
        match hyperparameters.text("method")? {
            "mean" => Ok(Self::Mean),
            "median" => Ok(Self::Median),
            _ => Ok(Self::Largest),
        }
    }

    /// `distances` ascend and are at least one.
    fn reduce(self, distances: &[f64]) -> f64 {
        let k = distances.len();
        match self {
            Self::Largest => distances[k - 1],
            Self::Mean => distances.iter().sum::<f64>() / k as f64,
            Self::Median => (distances[(k - 1) / 2] + distances[k / 2]) / 2.0,
        }
    }
}

impl Detector for Knn {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "knn".into(),
            version: "1.1.0".into(),
            title: "k nearest neighbours".into(),
            summary: "For normal data of any shape in up to some twenty features; slower on many rows.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "Fit O(d n log n); scoring about O(d log n) a row in few dimensions, up to O(d n) in many; the version holds the n rows.".into(),
            source: "Ramaswamy, Rastogi and Shim, *Efficient algorithms for mining outliers from large data sets*, SIGMOD 2000.".into(),
            hyperparameters: HyperparameterSchema::new()
                .integer(
                    "n_neighbors",
                    20,
                    1..=10_000,
                    "Neighbours to look at. Larger than the largest cluster of anomalies.",
                )
                .choice("method", &["largest", "mean", "median"], "Which of the k distances is the score.")
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
        ctx.check_cancelled()?;
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let tree = KdTree::build(&scaling.table(frame)?, ctx)?;
        ctx.check_cancelled()?;
        neighbors(scaling, tree, hyperparameters)
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let points = artifact.matrix("points", artifact.header.n_features())?;
        if points.nrows() < 2 {
            return Err(DetectorError::artifact("it has fewer than 2 training rows"));
        }
        neighbors(Scaling::load(&artifact.header), KdTree::from_ordered(&points), &hyperparameters)
    }
}

fn neighbors(
    scaling: Scaling,
    tree: KdTree,
    hyperparameters: &Hyperparameters,
) -> Result<Box<dyn FittedDetector>, DetectorError> {
    let method = Method::read(hyperparameters)?;
    let n_neighbors = hyperparameters.integer("n_neighbors")?.min(tree.n_points() - 1).max(1);
    Ok(Box::new(Knearest { scaling, tree, n_neighbors, method }))
}

#[derive(Debug)]
struct Knearest {
    scaling: Scaling,
    /// Of the scaled training rows.
    tree: KdTree,
    n_neighbors: usize,
    method: Method,
}

impl FittedDetector for Knearest {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let queries = self.scaling.table(frame)?;
        nearest(&self.tree, &queries, self.n_neighbors, false, ctx, |found| self.method.reduce(found.distances))
    }

    fn training_scores(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let queries = self.scaling.table(frame)?;
        nearest(&self.tree, &queries, self.n_neighbors, true, ctx, |found| self.method.reduce(found.distances))
    }

    fn save(&self) -> SavedState {
        SavedState {
            tensors: BTreeMap::from([("points".to_string(), Tensor::matrix(&self.tree.points()))]),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_not_its_own_neighbour_in_training_only() {
        let values = ndarray::Array2::from_shape_fn((1000, 1), |(row, _)| 0.5_f64.powi(row as i32));
        let quiet = Context::quiet(0);
        let tree = KdTree::build(&values, &quiet).unwrap();
        let farthest = |leave_out_self| {
            nearest(&tree, &values, 5, leave_out_self, &quiet, |found| Method::Largest.reduce(found.distances)).unwrap()
        };
        assert_eq!(farthest(true)[0], 1.0 - 0.5_f64.powi(5));
        assert_eq!(farthest(false)[0], 1.0 - 0.5_f64.powi(4));
    }
}
