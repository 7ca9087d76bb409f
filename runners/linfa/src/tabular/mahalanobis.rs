//! Mahalanobis distance to the centre of the training rows.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use serde_json::{Value, json};

use crate::linalg::{covariance, dot, eigen};
use crate::rows::score_rows;
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
Squared Mahalanobis distance, Hotelling's T2 (Mahalanobis, *On the generalised distance in statistics*, 1936; Hotelling, 1947).

score(x) = (x - mean)' pinv(covariance) (x - mean), covariance with divisor n - 1. The pseudo-inverse leaves out directions \
without variance: a feature that was constant in training has no influence.";

/// Detector `mahalanobis`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mahalanobis;

impl Detector for Mahalanobis {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "mahalanobis".into(),
            version: "1.0.0".into(),
            title: "Mahalanobis distance".into(),
            summary: "The classic for correlated sensors around one operating point; nothing to tune.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(n d² + d³); scoring O(d²) a row; the version holds d² numbers.".into(),
            source: "Mahalanobis, *On the generalised distance in statistics*, 1936; Hotelling, 1947.".into(),
            hyperparameters: HyperparameterSchema::new().standardize().build(),
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
        let (mean, covariance) = covariance(table.view(), 1.0);
        let mut eigen = eigen(&covariance)?;
        ctx.check_cancelled()?;
        for (mut vector, value) in eigen.vectors.rows_mut().into_iter().zip(&eigen.values) {
            vector /= value.sqrt();
        }
        Ok(Box::new(Ellipsoid { scaling, mean: mean.to_vec(), whitening: eigen.vectors }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let n_features = artifact.header.n_features();
        let n_directions = artifact.indices_of("n_directions", 1)?[0];
        let whitening = match n_directions {
            0 => Array2::zeros((0, n_features)),
            _ => artifact.matrix("whitening", n_features)?,
        };
        Ok(Box::new(Ellipsoid {
            scaling: Scaling::load(&artifact.header),
            mean: artifact.vector_of("mean", n_features)?.to_vec(),
            whitening,
        }))
    }
}

#[derive(Debug)]
struct Ellipsoid {
    scaling: Scaling,
    mean: Vec<f64>,
    /// Eigenvectors over the roots of their eigenvalues, shape (n_directions, n_features).
    whitening: Array2<f64>,
}

impl FittedDetector for Ellipsoid {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let n_features = frame.n_features();
        let directions = self.whitening.as_slice().unwrap_or_default();
        score_rows(
            frame,
            ctx,
            || vec![0.0; n_features],
            |centred, row| {
                self.scaling.row(row, centred);
                centred.iter_mut().zip(&self.mean).for_each(|(x, mean)| *x -= mean);
                directions.chunks_exact(n_features).map(|direction| dot(centred, direction).powi(2)).sum()
            },
        )
    }

    fn save(&self) -> SavedState {
        let tensors = [
            ("mean", Tensor::vector(self.mean.clone())),
            ("whitening", Tensor::matrix(&self.whitening)),
            ("n_directions", Tensor::indices(vec![self.whitening.nrows() as u32])),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([("rank_".to_string(), json!(self.whitening.nrows()))])
    }
}
