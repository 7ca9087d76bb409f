//! Principal components of sliding windows.

use std::collections::BTreeMap;

use ndarray::{Array2, Axis};
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use serde_json::{Value, json};

use crate::linalg::{covariance, eigen, squared_distance};
use crate::scaling::Scaling;
use crate::series::windows::{check_length, period, score_points, select};
use crate::tabular::pca::components_for;

const DESCRIPTION: &str = "\
Principal components of sliding windows (Sub-PCA of Liu and Paparrizos, *The elephant in the room: towards a reliable \
time-series anomaly detection benchmark*, NeurIPS 2024; score of Shyu et al., 2003, in PyOD's form).

Each `window` of consecutive rows, all columns side by side, is one point. A window's score is the sum over the principal \
components of its distance to the component divided by the component's share of the variance; a row's score is the mean over \
the windows that cover it. Without `window` it is the period of the training series: the highest peak of its \
autocorrelation between 6 and 303 rows, else 125, at most a quarter of the rows. The version stores it as `window_`.

Rows must be equally spaced and in time order. A row's score looks ahead by up to one window, so the last rows of a stream \
get their final score one window later. A series shorter than the window is refused. Departs from TSB-AD: it scales the \
series once instead of each window, so that a change of level counts, and keeps `n_components` only.";

/// Windows that the covariance is estimated from; more are thinned out evenly.
const MAX_WINDOWS: usize = 20_000;

/// window x columns at most: the eigen-decomposition takes seconds there, and its time grows with the cube.
const MAX_DIMENSIONS: usize = 1_024;

/// Share of the variance that is kept when `n_components` is not given.
const KEPT_VARIANCE: f64 = 0.9;

/// Detector `sub_pca`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SubPca;

impl Detector for SubPca {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "sub_pca".into(),
            version: "1.1.0".into(),
            title: "Principal components of windows (Sub-PCA)".into(),
            summary: "The first to try on a series: finds stretches of unusual level or shape.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "Fit O(n w² d² + w³ d³) for a window w; scoring O(w² d²) a row; the version holds up to w² d² numbers.".into(),
            source: "Liu and Paparrizos, *The elephant in the room: towards a reliable time-series anomaly detection benchmark*, NeurIPS 2024.".into(),
            hyperparameters: HyperparameterSchema::new()
                .optional_integer("window", 2..=1_024, "Rows of a window. Null: the period of the training series.")
                .optional_integer(
                    "n_components",
                    1..=1_024,
                    "Components to keep. Null: those with 90 % of the variance.",
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
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let table = scaling.table(frame)?;
        ctx.check_cancelled()?;
        let window = hyperparameters.optional_integer("window")?.unwrap_or_else(|| period(&table));
        check_length(frame, window)?;
        if window * frame.n_features() > MAX_DIMENSIONS {
            let largest = MAX_DIMENSIONS / frame.n_features();
            let message =
                format!("{window} rows of {} columns are too much; use at most {largest}", frame.n_features());
            return Err(DetectorError::hyperparameter("window", message));
        }
        let n_windows = table.nrows() + 1 - window;
        let starts: Vec<usize> = (0..n_windows).step_by(n_windows.div_ceil(MAX_WINDOWS)).collect();
        ctx.report(0.1, "measuring the covariance of the windows");
        let (mean, covariance) = covariance(select(&table, window, &starts).view(), 0.0);
        ctx.check_cancelled()?;
        ctx.report(0.4, "decomposing it");
        let total = covariance.diag().sum();
        let eigen = eigen(&covariance)?;
        ctx.check_cancelled()?;
        let mut ratios: Vec<f64> = eigen.values.iter().map(|value| value / total).collect();
        let n_components = hyperparameters.optional_integer("n_components")?;
        ratios.truncate(n_components.unwrap_or_else(|| components_for(&ratios, KEPT_VARIANCE)));
        let components = eigen.vectors.slice_axis(Axis(0), (0..ratios.len()).into()).to_owned();
        Ok(Box::new(Subspace { scaling, window, mean: mean.to_vec(), components, ratios }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let window = artifact.indices_of("window", 1)?[0] as usize;
        let n_features = artifact.header.n_features();
        if window == 0 || window.saturating_mul(n_features) > MAX_DIMENSIONS {
            return Err(DetectorError::artifact("its window is out of range"));
        }
        let ratios = artifact.vector("explained_variance_ratio")?.to_vec();
        let components = match ratios.len() {
            0 => Array2::zeros((0, window * n_features)),
            _ => artifact.matrix("components", window * n_features)?,
        };
        if components.nrows() != ratios.len() || ratios.iter().any(|ratio| *ratio <= 0.0) {
            return Err(DetectorError::artifact("its components and their shares do not fit together"));
        }
        let mean = artifact.vector_of("mean", window * n_features)?.to_vec();
        Ok(Box::new(Subspace { scaling: Scaling::load(&artifact.header), window, mean, components, ratios }))
    }
}

#[derive(Debug)]
struct Subspace {
    scaling: Scaling,
    window: usize,
    /// Of the windows, shape (window x n_columns,).
    mean: Vec<f64>,
    /// One component a row, shape (n_components, window x n_columns), in the order of `ratios`.
    components: Array2<f64>,
    /// Each component's share of the variance.
    ratios: Vec<f64>,
}

impl FittedDetector for Subspace {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        check_length(frame, self.window)?;
        let table = self.scaling.table(frame)?;
        let length = self.mean.len();
        let components = self.components.as_slice().unwrap_or_default();
        score_points(
            &table,
            self.window,
            ctx,
            || vec![0.0; length],
            |centred, values| {
                for ((c, x), mean) in centred.iter_mut().zip(values).zip(&self.mean) {
                    *c = x - mean;
                }
                let components = components.chunks_exact(length).zip(&self.ratios);
                components.map(|(component, ratio)| squared_distance(centred, component).sqrt() / ratio).sum()
            },
        )
    }

    fn save(&self) -> SavedState {
        let tensors = [
            ("window", Tensor::indices(vec![self.window as u32])),
            ("mean", Tensor::vector(self.mean.clone())),
            ("components", Tensor::matrix(&self.components)),
            ("explained_variance_ratio", Tensor::vector(self.ratios.clone())),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("window_".to_string(), json!(self.window)),
            ("n_components_".to_string(), json!(self.ratios.len())),
        ])
    }
}
