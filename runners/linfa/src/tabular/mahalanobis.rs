//! Mahalanobis distance to the centre of the training rows.

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons,
};

use crate::ellipsoid::Ellipsoid;
use crate::linalg::{covariance, eigen};
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
Squared Mahalanobis distance, Hotelling's T2 (Mahalanobis, *On the generalised distance in statistics*, 1936; Hotelling, 1947).

score(x) = (x - mean)' pinv(covariance) (x - mean), covariance with divisor n - 1. The pseudo-inverse leaves out directions \
without variance: a feature that was constant in training has no influence.

A feature's contribution is its term of the sum over j of (x - mean)_j (pinv(covariance) (x - mean))_j; the terms add up to \
the score. One is negative where the feature makes the others less surprising.";

/// Detector `mahalanobis`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mahalanobis;

impl Detector for Mahalanobis {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "mahalanobis".into(),
            version: "1.1.0".into(),
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
        let eigen = eigen(&covariance)?;
        ctx.check_cancelled()?;
        Ok(Box::new(Ellipsoid::new(scaling, mean.to_vec(), eigen)))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        Ok(Box::new(Ellipsoid::load(artifact)?))
    }
}
