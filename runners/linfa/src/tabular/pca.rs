//! Principal components: three ways to turn them into a score.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, Figure, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use serde_json::{Value, json};

use crate::contributions::{contribute_rows, split_quadratic};
use crate::linalg::{covariance, dot, eigen, squared_distance};
use crate::rows::score_rows;
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
Principal component analysis (Shyu et al., *A novel anomaly detection scheme based on principal component classifier*, 2003; \
Jackson and Mudholkar, *Control procedures for residuals associated with principal component analysis*, 1979).

Three scores, chosen by `method`:

- `weighted` (default): PyOD's formula, the sum over components of the distance between row and component, divided by the \
component's share of the variance.
- `reconstruction`: Q or SPE, the squared distance between a row and its projection on the first `n_components`.
- `hotelling_t2`: T2, the sum of squared projections on the first `n_components`, each divided by its variance.

Components come from the eigen-decomposition of the covariance (linfa-linalg). Components without variance, as a constant or \
duplicated column gives, are dropped, so scores are always finite; PyOD's are not.

Contributions add up to the score. `weighted`: each distance is split in proportion to the squared differences. \
`reconstruction`: the squared residual of each feature. `hotelling_t2`: a feature's term of x' (A x), which is negative where \
the feature makes the others less surprising.";

/// Share of the variance that `reconstruction` keeps when `n_components` is not given.
const KEPT_VARIANCE: f64 = 0.9;

#[path = "pca_figures.rs"]
mod figures;

/// Detector `pca`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pca;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Weighted,
    Reconstruction,
    HotellingT2,
}

impl Method {
    fn read(hyperparameters: &Hyperparameters) -> Result<Self, DetectorError> {
        match hyperparameters.text("method")? {
            "reconstruction" => Ok(Self::Reconstruction),
            "hotelling_t2" => Ok(Self::HotellingT2),
            _ => Ok(Self::Weighted),
        }
    }
}

impl Detector for Pca {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "pca".into(),
            version: "1.1.0".into(),
            title: "Principal components".into(),
            summary: "Very fast; for correlated features whose anomalies break the correlation.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(n d² + d³); scoring O(d²) a row; the version holds d² numbers.".into(),
            source: "Shyu et al., *A novel anomaly detection scheme based on principal component classifier*, 2003."
                .into(),
            hyperparameters: HyperparameterSchema::new()
                .choice("method", &["weighted", "reconstruction", "hotelling_t2"], "The score; see the description.")
                .optional_integer(
                    "n_components",
                    1..=10_000,
                    "Components to keep. Null: all with variance, or for `reconstruction` as many as hold 90 % of it.",
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
        let method = Method::read(hyperparameters)?;
        let wanted = hyperparameters.optional_integer("n_components")?;
        if let Some(wanted) = wanted.filter(|wanted| *wanted > frame.n_features()) {
            let limit = frame.n_features();
            let message = format!("must be at most the number of features ({limit}), not {wanted}");
            return Err(DetectorError::hyperparameter("n_components", message));
        }
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let table = scaling.table(frame)?;
        ctx.check_cancelled()?;
        let (mean, covariance) = covariance(table.view(), 1.0);
        let total = covariance.diag().sum();
        let eigen = eigen(&covariance)?;
        ctx.check_cancelled()?;
        let ratios: Vec<f64> = eigen.values.iter().map(|value| value / total).collect();
        let available = ratios.len();
        let n_components = match (wanted, method) {
            (Some(wanted), _) => wanted.min(available),
            (None, Method::Reconstruction) => components_for(&ratios, KEPT_VARIANCE).min(frame.n_features() - 1),
            (None, _) => available,
        };
        let components = eigen.vectors.slice_axis(ndarray::Axis(0), (0..n_components).into()).to_owned();
        let variances = eigen.values.iter().take(n_components).copied().collect();
        Ok(Box::new(Components { method, scaling, mean: mean.to_vec(), components, variances, total }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let n_features = artifact.header.n_features();
        let variances = artifact.vector("variances")?.to_vec();
        let total = artifact.vector_of("total_variance", 1)?[0];
        let components = if variances.is_empty() {
            Array2::zeros((0, n_features))
        } else {
            artifact.matrix("components", n_features)?
        };
        if components.nrows() != variances.len() || variances.iter().any(|variance| *variance <= 0.0) {
            return Err(DetectorError::artifact("its components and variances do not fit together"));
        }
        Ok(Box::new(Components {
            method: Method::read(&hyperparameters)?,
            scaling: Scaling::load(&artifact.header),
            mean: artifact.vector_of("mean", n_features)?.to_vec(),
            components,
            variances,
            total,
        }))
    }
}

/// How many of the descending `ratios` add up to `share`.
pub(crate) fn components_for(ratios: &[f64], share: f64) -> usize {
    let mut sum = 0.0;
    let needed = ratios.iter().take_while(|ratio| {
        let more = sum < share;
        sum += **ratio;
        more
    });
    needed.count()
}

#[derive(Debug)]
struct Components {
    method: Method,
    scaling: Scaling,
    mean: Vec<f64>,
    /// One component a row, shape (n_components, n_features), in the order of `variances`.
    components: Array2<f64>,
    variances: Vec<f64>,
    total: f64,
}

impl Components {
    /// Components with their variances.
    fn components(&self) -> impl Iterator<Item = (&[f64], f64)> {
        self.components.as_slice().unwrap_or_default().chunks_exact(self.mean.len()).zip(self.variances.iter().copied())
    }

    fn prepare(&self, row: &[f64], scaled: &mut [f64], centred: &mut [f64]) {
        self.scaling.row(row, scaled);
        for ((c, x), mean) in centred.iter_mut().zip(scaled.iter()).zip(&self.mean) {
            *c = x - mean;
        }
    }

    /// Takes the projections on all components away from `centred`.
    fn leave_residual(&self, centred: &mut [f64]) {
        for (v, _) in self.components() {
            let projection = dot(centred, v);
            centred.iter_mut().zip(v).for_each(|(c, v)| *c -= projection * v);
        }
    }

    fn score_row(&self, row: &[f64], scaled: &mut [f64], centred: &mut [f64]) -> f64 {
        self.prepare(row, scaled, centred);
        let components = self.components();
        match self.method {
            Method::Weighted => {
                components.map(|(v, variance)| squared_distance(scaled, v).sqrt() * (self.total / variance)).sum()
            }
            Method::HotellingT2 => components.map(|(v, variance)| dot(centred, v).powi(2) / variance).sum(),
            Method::Reconstruction => {
                self.leave_residual(centred);
                dot(centred, centred)
            }
        }
    }

    fn contribute(&self, row: &[f64], scaled: &mut [f64], centred: &mut [f64], out: &mut [f64]) {
        self.prepare(row, scaled, centred);
        match self.method {
            Method::Weighted => {
                for (v, variance) in self.components() {
                    let distance = squared_distance(scaled, v).sqrt();
                    // A row that lies on the component has nothing to split.
                    let weight = if distance > 0.0 { self.total / variance / distance } else { 0.0 };
                    out.iter_mut().zip(&*scaled).zip(v).for_each(|((out, x), v)| *out += weight * (x - v).powi(2));
                }
            }
            Method::HotellingT2 => {
                split_quadratic(centred, self.components().map(|(v, variance)| (v, 1.0 / variance)), out);
            }
            Method::Reconstruction => {
                self.leave_residual(centred);
                out.iter_mut().zip(&*centred).for_each(|(out, residual)| *out = residual * residual);
            }
        }
    }
}

impl FittedDetector for Components {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let n = frame.n_features();
        score_rows(
            frame,
            ctx,
            || (vec![0.0; n], vec![0.0; n]),
            |(scaled, centred), row| self.score_row(row, scaled, centred),
        )
    }

    fn save(&self) -> SavedState {
        let tensors = [
            ("mean", Tensor::vector(self.mean.clone())),
            ("components", Tensor::matrix(&self.components)),
            ("variances", Tensor::vector(self.variances.clone())),
            ("total_variance", Tensor::vector(vec![self.total])),
        ];
        SavedState {
            tensors: tensors.map(|(name, tensor)| (name.to_string(), tensor)).into(),
            preprocessing: self.scaling.saved(),
        }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let ratios: Vec<f64> = self.variances.iter().map(|variance| variance / self.total).take(50).collect();
        BTreeMap::from([
            ("n_components_".to_string(), json!(self.variances.len())),
            ("explained_variance_ratio_".to_string(), json!(ratios)),
        ])
    }

    fn figures(
        &self,
        frame: &Frame,
        _scores: &[f64],
        _threshold: f64,
        ctx: &Context<'_>,
    ) -> Result<Vec<Figure>, DetectorError> {
        self.draw(frame, ctx)
    }

    fn contributions(
        &self,
        frame: &Frame,
        rows: &[usize],
        ctx: &Context<'_>,
    ) -> Result<Option<Array2<f64>>, DetectorError> {
        let n = frame.n_features();
        let scratch = || (vec![0.0; n], vec![0.0; n]);
        contribute_rows(frame, rows, ctx, scratch, |(scaled, centred), row, out| {
            self.contribute(row, scaled, centred, out);
        })
    }
}
