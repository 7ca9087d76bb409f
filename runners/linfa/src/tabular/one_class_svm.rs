//! One-class support vector machine, trained by linfa-svm.

use std::collections::BTreeMap;

use linfa::DatasetBase;
use linfa::ParamGuard;
use linfa::dataset::Pr;
use linfa::traits::Fit;
use linfa_svm::Svm;
use ndarray::{Array1, Array2, Axis};
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use serde_json::{Value, json};

use crate::linalg::squared_distance;
use crate::random::subsample;
use crate::rows::score_rows;
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
One-class support vector machine with a Gaussian kernel (Scholkopf et al., *Estimating the support of a high-dimensional \
distribution*, Neural Computation 2001), trained by linfa-svm.

score(x) = rho - sum(alpha_i exp(-gamma |x - sv_i|^2)), in scikit-learn's scale: the boundary that the machine itself draws \
is at 0.

linfa-svm keeps the kernel of all pairs of rows in memory (8 bytes a pair: 200 MB for 5000 rows), so at most `max_samples` \
rows, drawn by `random_state`, are trained on; `n_samples_fit_` says how many. Every row is scored. The fit can be cancelled \
only before and after the solver.";

/// linfa's own bound for a weight to count as that of a support vector.
const SUPPORT: f64 = 100.0 * f64::EPSILON;

/// Detector `one_class_svm`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneClassSvm;

impl Detector for OneClassSvm {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "one_class_svm".into(),
            version: "1.1.0".into(),
            title: "One-class SVM".into(),
            summary: "A smooth boundary around a few thousand normal rows.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "Fit O(m²) time and memory in m = min(n, max_samples); scoring O(d support vectors) a row.".into(),
            source: "Schölkopf et al., *Estimating the support of a high-dimensional distribution*, Neural Computation 2001.".into(),
            hyperparameters: HyperparameterSchema::new()
                .number("nu", 0.5, 0.001..=1.0, "Upper bound of the fraction of training rows outside the boundary.")
                .optional_number("gamma", 1e-9..=1e6, "Kernel width exp(-gamma d^2). Null: 1 / number of features.")
                .integer(
                    "max_samples",
                    5_000,
                    2..=15_000,
                    "Rows to train on at most. Memory and time grow with the square: 15 000 rows take 2 GB.",
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
        let max_samples = hyperparameters.integer("max_samples")?;
        let rows = subsample(frame.n_rows(), max_samples, hyperparameters.seed(ctx)?, ctx)?;
        let table = scaling.table(frame)?.select(Axis(0), &rows);
        let gamma = hyperparameters.optional_number("gamma")?.unwrap_or(1.0 / frame.n_features() as f64);
        ctx.report(0.1, "solving");
        let dataset = DatasetBase::new(table, Array1::from_elem(rows.len(), ()));
        let machine = Svm::<f64, Pr>::params()
            .gaussian_kernel(1.0 / gamma)
            .nu_weight(hyperparameters.number("nu")?)
            .check()
            .and_then(|params| params.fit(&dataset))
            .map_err(|error| DetectorError::numeric(format!("the solver failed: {error}")))?;
        ctx.check_cancelled()?;
        let support: Vec<usize> = (0..rows.len()).filter(|row| machine.alpha[*row].abs() > SUPPORT).collect();
        let alpha = support.iter().map(|row| machine.alpha[*row]).collect();
        let vectors = dataset.records.select(Axis(0), &support);
        Ok(Box::new(Machine { scaling, vectors, alpha, rho: machine.rho, gamma, n_samples: rows.len() }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        Ok(Box::new(Machine::load(artifact)?))
    }
}

/// rho - sum(alpha_i exp(-gamma |x - vector_i|^2)) of a scaled row x.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) scaling: Scaling,
    /// Shape (alpha.len(), n_features).
    pub(super) vectors: Array2<f64>,
    pub(super) alpha: Vec<f64>,
    pub(super) rho: f64,
    pub(super) gamma: f64,
    /// Training rows that were looked at.
    pub(super) n_samples: usize,
}

impl Machine {
    pub(super) fn load(artifact: &Artifact) -> Result<Self, DetectorError> {
        let alpha = artifact.vector("alpha")?.to_vec();
        let vectors = artifact.matrix("support_vectors", artifact.header.n_features())?;
        let scalars = artifact.vector_of("rho_gamma", 2)?;
        if vectors.nrows() != alpha.len() || scalars[1] <= 0.0 {
            return Err(DetectorError::artifact("its support vectors and weights do not fit together"));
        }
        Ok(Self {
            scaling: Scaling::load(&artifact.header),
            vectors,
            alpha,
            rho: scalars[0],
            gamma: scalars[1],
            n_samples: artifact.indices_of("n_samples", 1)?[0] as usize,
        })
    }
}

impl FittedDetector for Machine {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let n_features = frame.n_features();
        let vectors = self.vectors.as_slice().unwrap_or_default();
        score_rows(
            frame,
            ctx,
            || vec![0.0; n_features],
            |scaled, row| {
                self.scaling.row(row, scaled);
                let weighted = vectors
                    .chunks_exact(n_features)
                    .zip(&self.alpha)
                    .map(|(vector, alpha)| alpha * (-self.gamma * squared_distance(vector, scaled)).exp());
                self.rho - weighted.sum::<f64>()
            },
        )
    }

    fn save(&self) -> SavedState {
        let tensors = [
            ("support_vectors", Tensor::matrix(&self.vectors)),
            ("alpha", Tensor::vector(self.alpha.clone())),
            ("rho_gamma", Tensor::vector(vec![self.rho, self.gamma])),
            ("n_samples", Tensor::indices(vec![self.n_samples as u32])),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("n_support_".to_string(), json!(self.alpha.len())),
            ("rho_".to_string(), json!(self.rho)),
            ("gamma_".to_string(), json!(self.gamma)),
            ("n_samples_fit_".to_string(), json!(self.n_samples)),
        ])
    }
}
