//! Minimum covariance determinant: Mahalanobis distance by a mean and covariance that outliers do not move.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use serde_json::{Value, json};

use crate::ellipsoid::Ellipsoid;
use crate::linalg::{covariance, eigen};
use crate::robust_covariance::robust_spread;
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
Minimum covariance determinant (Rousseeuw and Van Driessen, *A fast algorithm for the minimum covariance determinant \
estimator*, Technometrics 1999). Mean and covariance come from the `support_fraction` of the rows whose covariance has the \
least determinant, so outliers in the training rows do not move them.

score(x) = (x - mean)' pinv(covariance) (x - mean), as PyOD's `MCD`. As in scikit-learn's `MinCovDet`, the estimate is made \
consistent at the normal distribution (Croux and Haesbroeck, 1999) and reweighted: mean and covariance of all rows within \
the 97.5 % quantile of the chi-squared distribution.

Departs from scikit-learn in three points. The rows are first rotated to the directions in which they vary at all, so a \
constant or duplicated column does no harm. On the pooled rows each candidate takes two C-steps, as in the paper, not up to \
thirty. One feature is treated as many are. A direction in which the chosen rows do not vary has no influence, as there.

A feature's contribution is its term of the sum over j of (x - mean)_j (pinv(covariance) (x - mean))_j; the terms add up to \
the score.";

/// Detector `mcd`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mcd;

impl Detector for Mcd {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "mcd".into(),
            version: "1.0.0".into(),
            title: "Robust covariance (MCD)".into(),
            summary: "Mahalanobis distance for training rows that hold anomalies themselves.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(n d² + d³) times some hundred steps; scoring O(d²) a row; the version holds d² numbers.".into(),
            source: "Rousseeuw and Van Driessen, *A fast algorithm for the minimum covariance determinant estimator*, Technometrics 1999.".into(),
            hyperparameters: HyperparameterSchema::new()
                .optional_number(
                    "support_fraction",
                    0.1..=1.0,
                    "Fraction of the rows that the estimate is made of. Null: (n + d + 1) / 2 rows, which withstand the most outliers.",
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
        let seed = hyperparameters.seed(ctx)?;
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let mut table = scaling.table(frame)?;
        ctx.check_cancelled()?;
        let (mean, covariance) = covariance(table.view(), 1.0);
        let eigen = eigen(&covariance)?;
        let rank = eigen.values.len();
        let n_support = n_support(hyperparameters.optional_number("support_fraction")?, frame.n_rows(), rank);
        ctx.check_cancelled()?;
        if rank == 0 {
            // All rows are equal, so nothing is known of how rows spread.
            let ellipsoid = Ellipsoid::new(scaling, mean.to_vec(), eigen);
            return Ok(Box::new(FittedMcd { ellipsoid, n_support }));
        }
        table -= &mean;
        let points = table.dot(&eigen.vectors.t());
        drop(table);
        let spread = robust_spread(&points, n_support, seed, ctx)?;
        let mean = mean + spread.location.dot(&eigen.vectors);
        let whitening = spread.whitening.dot(&eigen.vectors);
        Ok(Box::new(FittedMcd { ellipsoid: Ellipsoid::of_whitening(scaling, mean.to_vec(), whitening), n_support }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let n_support = artifact.indices_of("n_support", 1)?[0] as usize;
        Ok(Box::new(FittedMcd { ellipsoid: Ellipsoid::load(artifact)?, n_support }))
    }
}

/// Rows that the estimate is made of, of `n_rows` in `rank` dimensions.
fn n_support(fraction: Option<f64>, n_rows: usize, rank: usize) -> usize {
    let wanted = match fraction {
        Some(fraction) => (fraction * n_rows as f64) as usize,
        None => (n_rows + rank + 1).div_ceil(2),
    };
    wanted.clamp(2.min(n_rows), n_rows)
}

#[derive(Debug)]
struct FittedMcd {
    ellipsoid: Ellipsoid,
    n_support: usize,
}

impl FittedDetector for FittedMcd {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        self.ellipsoid.score(frame, ctx)
    }

    fn save(&self) -> SavedState {
        let mut saved = self.ellipsoid.save();
        saved.tensors.insert("n_support".into(), Tensor::indices(vec![self.n_support as u32]));
        saved
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let mut parameters = self.ellipsoid.parameters();
        parameters.insert("n_support_".into(), json!(self.n_support));
        parameters
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        self.ellipsoid.contributions(frame, rows, ctx)
    }
}
