//! Distance to the nearest centre of a k-means clustering.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use serde_json::{Value, json};

use crate::kmeans::{Clusters, Settings, cluster, nearest_center, squared_differences};
use crate::rows::score_rows;
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
k-means (Lloyd, *Least squares quantization in PCM*, 1982) as an anomaly detector: the score is the Euclidean distance of a \
row to the nearest of `n_clusters` centres.

Starts are greedy k-means++ (Arthur and Vassilvitskii, 2007) as in scikit-learn, the iterations Lloyd's, sped up by Hamerly's \
bounds (2010), which change no result. With fewer distinct rows than `n_clusters` there are as many clusters as distinct rows. \
Clusters are found on all rows, so a dense group of anomalies larger than a cluster gets a centre of its own: see `cblof`.

Reasons are exact: a feature contributes (x - c)², its term of the squared distance to the nearest centre c, in standardised \
units.";

/// Detector `kmeans`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KMeans;

impl Detector for KMeans {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "kmeans".into(),
            version: "1.0.0".into(),
            title: "k-means".into(),
            summary: "For normal data in a few round clusters; the version is tiny and scoring very fast.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(n k d) an iteration; scoring O(k d) a row; the version holds k centres.".into(),
            source: "Lloyd, *Least squares quantization in PCM*, IEEE Transactions on Information Theory 28, 1982."
                .into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("n_clusters", 8, 1..=1_000, "Clusters to form; at most as many as there are distinct rows.")
                .integer("n_init", 1, 1..=100, "Runs from different starts, of which the tightest is kept.")
                .integer("max_iter", 300, 1..=10_000, "Iterations of one run at most.")
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
        let settings = Settings {
            n_clusters: hyperparameters.integer("n_clusters")?,
            max_iter: hyperparameters.integer("max_iter")?,
            n_init: hyperparameters.integer("n_init")?,
            seed: hyperparameters.seed(ctx)?,
        };
        let clusters = cluster(&scaling.table(frame)?, settings, ctx)?;
        Ok(Box::new(Centers { scaling, clusters }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let centers = artifact.matrix("centers", artifact.header.n_features())?;
        let sizes = artifact.indices_of("sizes", centers.nrows())?.to_vec();
        let inertia = artifact.vector_of("inertia", 1)?[0];
        let n_iter = artifact.indices_of("n_iter", 1)?[0] as usize;
        let scaling = Scaling::load(&artifact.header);
        Ok(Box::new(Centers { scaling, clusters: Clusters { centers, sizes, inertia, n_iter } }))
    }
}

#[derive(Debug)]
struct Centers {
    scaling: Scaling,
    clusters: Clusters,
}

impl Centers {
    /// Row-major.
    fn centers(&self) -> &[f64] {
        self.clusters.centers.as_slice().unwrap_or_default()
    }
}

impl FittedDetector for Centers {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let scratch = || vec![0.0; frame.n_features()];
        score_rows(frame, ctx, scratch, |scaled, row| {
            self.scaling.row(row, scaled);
            nearest_center(scaled, self.centers()).1.sqrt()
        })
    }

    fn save(&self) -> SavedState {
        let tensors = [
            ("centers", Tensor::matrix(&self.clusters.centers)),
            ("sizes", Tensor::indices(self.clusters.sizes.clone())),
            ("inertia", Tensor::vector(vec![self.clusters.inertia])),
            ("n_iter", Tensor::indices(vec![self.clusters.n_iter as u32])),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("n_clusters_".to_string(), json!(self.clusters.sizes.len())),
            ("cluster_sizes_".to_string(), json!(self.clusters.sizes)),
            ("inertia_".to_string(), json!(self.clusters.inertia)),
            ("n_iter_".to_string(), json!(self.clusters.n_iter)),
        ])
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        _ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        let center_of = |scaled: &[f64]| {
            let (nearest, _) = nearest_center(scaled, self.centers());
            &self.centers()[nearest * scaled.len()..][..scaled.len()]
        };
        Ok(Some(squared_differences(frame, rows, &self.scaling, center_of)))
    }
}
