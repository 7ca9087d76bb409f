//! Gaussian mixture: how unlikely a row is.

use std::collections::BTreeMap;

use linfa::DatasetBase;
use linfa::ParamGuard;
use linfa::traits::{Fit, Predict};
use linfa_clustering::{GaussianMixtureModel, KMeans};
use ndarray::{Array2, Axis};
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use rand::Rng;
use serde_json::{Value, json};

use crate::expectation_maximization::{self as em, Estimate, Mixture, Outcome};
use crate::random::generator;
use crate::rows::{LANES, score_lanes};
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
Gaussian mixture with full covariances (Dempster, Laird and Rubin, *Maximum likelihood from incomplete data via the EM \
algorithm*, 1977). The score is the negative log-likelihood of the row.

What computes it, as `solver_` of the version says:

- `closed_form` for one component: mean and covariance, no iteration.
- `linfa`: linfa-clustering's `GaussianMixtureModel`, for two and more components.
- `log_sum_exp`: our own EM, started from linfa's k-means, where linfa's fails. That happens (`Undefined ordering`) when \
rows lie so far out that their likelihood underflows; ours works in logarithms throughout.

Scores are always computed by our own log-sum-exp. With `linfa` a run can be cancelled only before and after the fit.";

/// Detector `gaussian_mixture`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GaussianMixture;

impl Detector for GaussianMixture {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "gaussian_mixture".into(),
            version: "1.1.0".into(),
            title: "Gaussian mixture".into(),
            summary: "For a few operating points, each with its own correlations.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "Fit O(iterations k n d²); scoring O(k d²) a row; the version holds k d² numbers.".into(),
            source: "Dempster, Laird and Rubin, *Maximum likelihood from incomplete data via the EM algorithm*, 1977."
                .into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("n_components", 1, 1..=100, "Gaussians, one for each operating point.")
                .number("reg_covar", 1e-6, 0.0..=1.0, "Added to each variance, so that no covariance is singular.")
                .number("tol", 1e-3, 1e-9..=1.0, "EM stops when the mean log-likelihood rises by less.")
                .integer("max_iter", 100, 1..=10_000, "EM stops after so many iterations.")
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
        let n_components = hyperparameters.integer("n_components")?;
        if n_components > frame.n_rows() {
            let message = format!("must be at most the number of rows ({}), not {n_components}", frame.n_rows());
            return Err(DetectorError::hyperparameter("n_components", message));
        }
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let table = scaling.table(frame)?;
        ctx.check_cancelled()?;
        let (mixture, solver, outcome) = if n_components == 1 {
            let everything = Array2::ones((frame.n_rows(), 1));
            let reg_covar = hyperparameters.number("reg_covar")?;
            let estimate = Estimate::from_responsibilities(table.view(), everything.view(), reg_covar);
            (Mixture::new(&estimate)?, "closed_form", Outcome { n_iter: 1, converged: true })
        } else {
            fit_several(&table, n_components, hyperparameters, ctx)?
        };
        ctx.check_cancelled()?;
        Ok(Box::new(FittedMixture { scaling, mixture, fitting: Some((solver, outcome)) }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let n_features = artifact.header.n_features();
        let weights = artifact.vector("weights")?.to_vec();
        let means = artifact.matrix("means", n_features)?;
        let mixture = Mixture::from_parts(weights, means, artifact.matrix("cholesky", n_features)?)
            .ok_or_else(|| DetectorError::artifact("its mixture's arrays do not fit together"))?;
        Ok(Box::new(FittedMixture { scaling: Scaling::load(&artifact.header), mixture, fitting: None }))
    }
}

fn fit_several(
    table: &Array2<f64>,
    n_components: usize,
    hyperparameters: &Hyperparameters,
    ctx: &Context<'_>,
) -> Result<(Mixture, &'static str, Outcome), DetectorError> {
    let (tol, max_iter) = (hyperparameters.number("tol")?, hyperparameters.integer("max_iter")?);
    let reg_covar = hyperparameters.number("reg_covar")?;
    let seed = hyperparameters.seed(ctx)?;
    // linfa refuses a regularisation of 0.
    let fitted = GaussianMixtureModel::params_with_rng(n_components, generator(seed, 0))
        .n_runs(1)
        .tolerance(tol)
        .max_n_iterations(max_iter as u64)
        .reg_covariance(reg_covar.max(f64::MIN_POSITIVE))
        .check()
        .and_then(|params| params.fit(&DatasetBase::from(table.view())));
    if let Some(mixture) = fitted.ok().and_then(|model| Mixture::new(&estimate_of(&model)).ok()) {
        // linfa returns converged models only.
        return Ok((mixture, "linfa", Outcome { n_iter: 0, converged: true }));
    }
    let start = starting_responsibilities(table, n_components, seed);
    let (mixture, outcome) = em::fit(table, start, reg_covar, (tol, max_iter), ctx)?;
    Ok((mixture, "log_sum_exp", outcome))
}

fn estimate_of(model: &GaussianMixtureModel<f64>) -> Estimate {
    Estimate {
        weights: model.weights().clone(),
        means: model.means().clone(),
        covariances: model.covariances().axis_iter(Axis(0)).map(|covariance| covariance.to_owned()).collect(),
    }
}

/// Each row wholly in its k-means cluster; random where k-means fails (fewer distinct rows than components).
fn starting_responsibilities(table: &Array2<f64>, n_components: usize, seed: u64) -> Array2<f64> {
    let mut rng = generator(seed, 1);
    let dataset = DatasetBase::from(table.view());
    let mut responsibilities = Array2::zeros((table.nrows(), n_components));
    match KMeans::params_with_rng(n_components, rng.clone()).n_runs(1).check().map(|params| params.fit(&dataset)) {
        Ok(Ok(model)) => {
            for (mut row, cluster) in responsibilities.rows_mut().into_iter().zip(model.predict(table)) {
                row[cluster] = 1.0;
            }
        }
        _ => {
            for mut row in responsibilities.rows_mut() {
                row.mapv_inplace(|_: f64| rng.gen_range(0.1..1.0));
                let total = row.sum();
                row /= total;
            }
        }
    }
    responsibilities
}

#[derive(Debug)]
struct FittedMixture {
    scaling: Scaling,
    mixture: Mixture,
    /// The solver and how it ended; unknown to a mixture that was loaded.
    fitting: Option<(&'static str, Outcome)>,
}

impl FittedDetector for FittedMixture {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let (n, k) = (frame.n_features(), self.mixture.n_components());
        let scratch = || (vec![[0.0; LANES]; n], vec![[0.0; LANES]; k]);
        score_lanes(frame, &self.scaling, ctx, scratch, |(solved, logs), group| {
            self.mixture.log_likelihoods(group, solved, logs).map(|log_likelihood| -log_likelihood)
        })
    }

    fn save(&self) -> SavedState {
        let tensors = [
            ("weights", Tensor::vector(self.mixture.weights.clone())),
            ("means", Tensor::matrix(&self.mixture.means)),
            ("cholesky", Tensor::matrix(&self.mixture.cholesky)),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let mut parameters = BTreeMap::from([
            ("n_components_".to_string(), json!(self.mixture.n_components())),
            ("weights_".to_string(), json!(self.mixture.weights)),
        ]);
        if let Some((solver, outcome)) = self.fitting {
            parameters.insert("solver_".into(), json!(solver));
            parameters.insert("converged_".into(), json!(outcome.converged));
            // linfa does not say after how many iterations it converged.
            if outcome.n_iter > 0 {
                parameters.insert("n_iter_".into(), json!(outcome.n_iter));
            }
        }
        parameters
    }
}
