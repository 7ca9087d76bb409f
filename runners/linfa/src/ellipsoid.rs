//! A centre and a covariance: what the detectors that score by squared Mahalanobis distance learn.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{Artifact, Context, DetectorError, FittedDetector, Frame, SavedState, Tensor};
use serde_json::{Value, json};

use crate::contributions::{contribute_rows, split_quadratic};
use crate::linalg::Eigen;
use crate::rows::{LANES, score_lanes};
use crate::scaling::Scaling;

#[derive(Debug)]
pub(crate) struct Ellipsoid {
    scaling: Scaling,
    mean: Vec<f64>,
    /// Eigenvectors of the covariance over the roots of their eigenvalues, shape (n_directions, n_features).
    whitening: Array2<f64>,
}

impl Ellipsoid {
    /// `eigen` is that of the covariance of the scaled rows, without null eigenvalues.
    pub(crate) fn new(scaling: Scaling, mean: Vec<f64>, eigen: Eigen) -> Self {
        let mut whitening = eigen.vectors;
        for (mut vector, value) in whitening.rows_mut().into_iter().zip(&eigen.values) {
            vector /= value.sqrt();
        }
        Self { scaling, mean, whitening }
    }

    /// The squared distance of x is |whitening (x - mean)|^2; `whitening` has one column for each feature.
    pub(crate) fn of_whitening(scaling: Scaling, mean: Vec<f64>, whitening: Array2<f64>) -> Self {
        let whitening =
            if whitening.is_standard_layout() { whitening } else { whitening.as_standard_layout().into_owned() };
        Self { scaling, mean, whitening }
    }

    pub(crate) fn load(artifact: &Artifact) -> Result<Self, DetectorError> {
        let n_features = artifact.header.n_features();
        let n_directions = artifact.indices_of("n_directions", 1)?[0];
        let whitening = match n_directions {
            0 => Array2::zeros((0, n_features)),
            _ => artifact.matrix("whitening", n_features)?,
        };
        Ok(Self {
            scaling: Scaling::load(&artifact.header),
            mean: artifact.vector_of("mean", n_features)?.to_vec(),
            whitening,
        })
    }

    fn directions(&self) -> impl Iterator<Item = &[f64]> {
        self.whitening.as_slice().unwrap_or_default().chunks_exact(self.mean.len())
    }

    fn centre(&self, row: &[f64], centred: &mut [f64]) {
        self.scaling.row(row, centred);
        centred.iter_mut().zip(&self.mean).for_each(|(x, mean)| *x -= mean);
    }
}

impl FittedDetector for Ellipsoid {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let scratch = || vec![[0.0; LANES]; frame.n_features()];
        score_lanes(frame, &self.scaling, ctx, scratch, |centred, group| {
            for ((centred, lanes), mean) in centred.iter_mut().zip(group).zip(&self.mean) {
                *centred = lanes.map(|x| x - mean);
            }
            let mut squares = [0.0; LANES];
            for direction in self.directions() {
                let mut along = [0.0; LANES];
                for (centred, factor) in centred.iter().zip(direction) {
                    along.iter_mut().zip(centred).for_each(|(along, x)| *along += x * factor);
                }
                squares.iter_mut().zip(along).for_each(|(squares, along)| *squares += along * along);
            }
            squares
        })
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

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        contribute_rows(
            frame,
            rows,
            ctx,
            || vec![0.0; frame.n_features()],
            |centred, row, out| {
                self.centre(row, centred);
                split_quadratic(centred, self.directions().map(|direction| (direction, 1.0)), out);
            },
        )
    }
}
