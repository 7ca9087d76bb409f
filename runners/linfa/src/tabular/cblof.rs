//! Cluster-based local outlier factor.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use serde_json::{Value, json};

use crate::kmeans::{Settings, cluster, nearest_center, squared_differences};
use crate::rows::score_rows;
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
CBLOF (He, Xu and Deng, *Discovering cluster-based local outliers*, Pattern Recognition Letters 24, 2003), in the variant of \
PyOD: clusters by k-means, and no weighting by the size of the cluster unless `use_weights` says so.

Clusters are ordered from the largest. The large ones are the first b that together hold at least the fraction `alpha` of the \
rows and of which the last is at least `beta` times as large as the next cluster; else the first b that meet `alpha` alone, \
else `beta` alone. The score is the Euclidean distance to the centre of a row's own cluster when that is large, else to the \
nearest centre of a large one: a small dense cluster of anomalies does not hide them.

Where no b meets either condition PyOD raises an error; here all clusters then count as large, and the score is the distance \
to the nearest centre.

Reasons are exact: a feature contributes (x - c)², its term of the squared distance to that centre c, in standardised units.";

/// Detector `cblof`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cblof;

impl Detector for Cblof {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "cblof".into(),
            version: "1.0.0".into(),
            title: "Cluster-based outlier factor (CBLOF)".into(),
            summary:
                "For normal data in a few clusters when anomalies form small clusters of their own; try several seeds."
                    .into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(n k d) an iteration; scoring O(k d) a row; the version holds k centres.".into(),
            source:
                "He, Xu and Deng, *Discovering cluster-based local outliers*, Pattern Recognition Letters 24, 2003."
                    .into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("n_clusters", 8, 1..=1_000, "Clusters to form; at most as many as there are distinct rows.")
                .number("alpha", 0.9, 0.0..=1.0, "Fraction of the rows that the large clusters hold at least.")
                .number(
                    "beta",
                    5.0,
                    1.0..=1e9,
                    "How many times larger the last large cluster is than the first small one.",
                )
                .boolean(
                    "use_weights",
                    false,
                    "Multiply each score by the number of training rows in the row's cluster.",
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
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let n_clusters = hyperparameters.integer("n_clusters")?;
        let settings = Settings { n_clusters, max_iter: 300, n_init: 1, seed: hyperparameters.seed(ctx)? };
        let clusters = cluster(&scaling.table(frame)?, settings, ctx)?;
        sorted_clusters(scaling, clusters.centers, clusters.sizes, hyperparameters)
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let centers = artifact.matrix("centers", artifact.header.n_features())?;
        let sizes = artifact.indices_of("sizes", centers.nrows())?.to_vec();
        sorted_clusters(Scaling::load(&artifact.header), centers, sizes, &hyperparameters)
    }
}

/// Puts the clusters in descending order of size (equal sizes stay as they are) and says which are large.
fn sorted_clusters(
    scaling: Scaling,
    centers: Array2<f64>,
    sizes: Vec<u32>,
    hyperparameters: &Hyperparameters,
) -> Result<Box<dyn FittedDetector>, DetectorError> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|cluster| std::cmp::Reverse(sizes[*cluster]));
    let sizes: Vec<u32> = order.iter().map(|cluster| sizes[*cluster]).collect();
    let n_large = n_large(&sizes, hyperparameters.number("alpha")?, hyperparameters.number("beta")?);
    let use_weights = hyperparameters.boolean("use_weights")?;
    Ok(Box::new(SizedClusters {
        scaling,
        centers: centers.select(ndarray::Axis(0), &order),
        sizes,
        n_large,
        use_weights,
    }))
}

/// How many of the clusters are large, at least one; `sizes` descend.
fn n_large(sizes: &[u32], alpha: f64, beta: f64) -> usize {
    let n_rows: f64 = sizes.iter().map(|size| f64::from(*size)).sum();
    let holds = |b: &usize| sizes[..*b].iter().map(|size| f64::from(*size)).sum::<f64>() >= alpha * n_rows;
    let drops = |b: &usize| f64::from(sizes[*b - 1]) >= beta * f64::from(sizes[*b]);
    (1..sizes.len())
        .find(|b| holds(b) && drops(b))
        .or_else(|| (1..sizes.len()).find(holds))
        .or_else(|| (1..sizes.len()).find(drops))
        .unwrap_or(sizes.len())
}

#[derive(Debug)]
struct SizedClusters {
    scaling: Scaling,
    /// From the largest cluster to the smallest, shape (n_clusters, n_features).
    centers: Array2<f64>,
    /// Training rows of each cluster.
    sizes: Vec<u32>,
    /// The first so many clusters are large.
    n_large: usize,
    use_weights: bool,
}

impl SizedClusters {
    /// Row-major.
    fn centers(&self) -> &[f64] {
        self.centers.as_slice().unwrap_or_default()
    }

    /// The cluster of a scaled row, the large cluster it is measured against and its squared distance to that.
    fn place(&self, scaled: &[f64]) -> (usize, usize, f64) {
        let (own, distance) = nearest_center(scaled, self.centers());
        if own < self.n_large {
            return (own, own, distance);
        }
        let (large, distance) = nearest_center(scaled, &self.centers()[..self.n_large * scaled.len()]);
        (own, large, distance)
    }
}

impl FittedDetector for SizedClusters {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let scratch = || vec![0.0; frame.n_features()];
        score_rows(frame, ctx, scratch, |scaled, row| {
            self.scaling.row(row, scaled);
            let (own, _, distance) = self.place(scaled);
            let weight = if self.use_weights { f64::from(self.sizes[own]) } else { 1.0 };
            distance.sqrt() * weight
        })
    }

    fn save(&self) -> SavedState {
        let tensors = [("centers", Tensor::matrix(&self.centers)), ("sizes", Tensor::indices(self.sizes.clone()))];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("n_clusters_".to_string(), json!(self.sizes.len())),
            ("cluster_sizes_".to_string(), json!(self.sizes)),
            ("n_large_clusters_".to_string(), json!(self.n_large)),
        ])
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        _ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        let center_of = |scaled: &[f64]| {
            let (_, large, _) = self.place(scaled);
            &self.centers()[large * scaled.len()..][..scaled.len()]
        };
        Ok(Some(squared_differences(frame, rows, &self.scaling, center_of)))
    }
}

#[cfg(test)]
mod tests {
    use super::n_large;

    #[test]
    fn large_and_small_clusters() {
        for (sizes, expected, why) in [
            (&[50, 45, 3, 2][..], 2, "both conditions"),
            (&[40, 30, 20, 10], 3, "alpha alone"),
            (&[60, 8, 8, 8, 8, 8], 5, "alpha alone wins over beta alone"),
            (&[10, 10, 10], 3, "neither: all are large"),
            (&[89, 11], 1, "beta alone"),
            (&[7], 1, "one cluster"),
        ] {
            assert_eq!(n_large(sizes, 0.9, 5.0), expected, "{why}");
        }
    }
}
