//! COPOD: tail probabilities of each feature, summed.

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons,
};

use crate::ecdf::{Ecdf, FittedTails, Tails};

const DESCRIPTION: &str = "\
COPOD (Li et al., *COPOD: Copula-based outlier detection*, ICDM 2020). For each feature max(U_skew, (U_left + U_right) / 2) is taken, summed over the features, where U are negative log tail probabilities and U_skew is the tail on the side that the feature is skewed to.

Departs from PyOD on purpose: the distributions of the training rows are frozen in the version, where PyOD mixes the rows to \
score into them, so that a row's score would change with its batch. A value beyond all n training values counts with \
probability 1/(n+1). Scores of the training rows are equal to PyOD's.

A feature's contribution is its term of the sum.";

/// Detector `copod`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copod;

impl Detector for Copod {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "copod".into(),
            version: "1.1.0".into(),
            title: "COPOD".into(),
            summary: "Like ECOD, and better where most features are skewed to one side; fast, nothing to tune.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(d n log n); scoring O(d log n) a row; the version holds the n d sorted values.".into(),
            source: "Li et al., *COPOD: Copula-based outlier detection*, ICDM 2020.".into(),
            hyperparameters: HyperparameterSchema::new().build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        _hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        Ok(Box::new(FittedTails::new(Ecdf::fit(frame, ctx)?, probability)))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        Ok(Box::new(FittedTails::new(Ecdf::load(artifact)?, probability)))
    }
}

/// The probability whose negative logarithm is the feature's term.
fn probability(tails: Tails) -> f64 {
    tails.skewed.min((tails.left * tails.right).sqrt())
}
