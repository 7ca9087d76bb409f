//! Singular spectrum analysis: what the leading patterns of a series do not explain.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, Tensor,
};
use serde_json::{Value, json};

use crate::linalg::{Eigen, eigen};
use crate::series::columns::{Columns, Model, fit_columns, shown};
use crate::series::recurrence::{Lags, Recurrence};
use crate::series::spread::Spread;
use crate::series::windows::{check_length, period, standardized};
use crate::tabular::pca::components_for;

const DESCRIPTION: &str = "\
Singular spectrum analysis with its recurrent forecast (Broomhead and King, 1986; Golyandina, Nekrutkin and \
Zhigljavsky, *Analysis of time series structure*, 2001; as change detector Moskvina and Zhigljavsky, 2003).

All windows of `window` consecutive values of a column make the trajectory matrix. Its leading singular vectors, those \
with the share `variance` of its sum of squares or `n_components` of them, span the patterns of the series. From them \
follows the linear recurrence R: the last value of a window as a weighted sum of those before. score = |x - R(values \
before)| / sigma with sigma 1.4826 times the median of the absolute errors in training; it is the residual of the last \
value of the reconstructed window divided by a constant. It looks back only. Of several columns the largest score \
counts.

Columns are centred on their median; for learning, no value counts as further from it than three times what 99 of 100 \
rows keep to (or 10 robust standard deviations, if that is more). Without `window` it is the period of the training \
series (the highest peak of its autocorrelation between 6 and 303 rows, else 125, at most a quarter of the rows). The \
first window - 1 rows of a series are scored by their distance to the training median in robust standard deviations.";

/// The decomposition takes some five seconds there, for each column, and is not interrupted.
const MAX_WINDOW: usize = 512;

/// Where the leading patterns explain the last value by itself up to this, the recurrence would divide by next to
/// nothing.
const MIN_UNEXPLAINED: f64 = 0.01;

/// Detector `ssa`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ssa;

impl Detector for Ssa {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "ssa".into(),
            version: "1.0.0".into(),
            title: "Singular spectrum analysis".into(),
            summary: "For series of trends and several periods at once; forecasts with bounds, no model to choose."
                .into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(d n w + d w³) for a window w; scoring O(d w) a row; the version holds d w numbers.".into(),
            source: "Golyandina, Nekrutkin and Zhigljavsky, *Analysis of time series structure*, 2001.".into(),
            hyperparameters: HyperparameterSchema::new()
                .optional_integer(
                    "window",
                    2..=MAX_WINDOW as i64,
                    "Rows of a window. Null: the period of the training series.",
                )
                .optional_integer(
                    "n_components",
                    1..=MAX_WINDOW as i64,
                    "Leading patterns to keep. Null: those with the share of variance.",
                )
                .number("variance", 0.8, 0.01..=0.999_999, "Share of the sum of squares that leading patterns hold.")
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let window = match hyperparameters.optional_integer("window")? {
            Some(window) => window,
            None => period(&standardized(frame)),
        };
        check_length(frame, window)?;
        let kept = Kept {
            n_components: hyperparameters.optional_integer("n_components")?,
            share: hyperparameters.number("variance")?,
        };
        fit_columns(frame, ctx, |column| {
            let spread = Spread::robust(column.to_vec());
            let values = spread.clipped(column);
            let gram = gram(&values, window, ctx)?;
            let total = gram.diag().sum();
            let eigen = eigen(&gram)?;
            ctx.check_cancelled()?;
            let n_components = kept.count(&eigen, total);
            let weights = recurrence(&eigen, n_components, window);
            Ok(Patterns { recurrence: Recurrence::new(spread, weights, 0.0, column)?, n_components })
        })
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let columns = Recurrence::load(artifact, MAX_WINDOW)?;
        let n_components = artifact.indices_of("n_components", columns.len())?;
        let patterns = columns.into_iter().zip(n_components);
        let patterns =
            patterns.map(|(recurrence, n)| Patterns { recurrence, n_components: *n as usize }).collect::<Vec<_>>();
        Ok(Box::new(Columns(patterns)))
    }
}

/// Products of the values i and j rows after the start of a window, summed over all windows: shape (window, window).
///
/// Along a diagonal the sums differ by the two ends only, so the whole costs little more than its first row.
fn gram(values: &[f64], window: usize, ctx: &Context<'_>) -> Result<Array2<f64>, DetectorError> {
    let n_windows = values.len() + 1 - window;
    let mut gram = Array2::zeros((window, window));
    for lag in 0..window {
        ctx.check_cancelled()?;
        let mut sum: f64 = values[..n_windows].iter().zip(&values[lag..]).map(|(a, b)| a * b).sum();
        for i in 0..window - lag {
            if i > 0 {
                sum += values[i - 1 + n_windows] * values[i + lag - 1 + n_windows];
                sum -= values[i - 1] * values[i + lag - 1];
            }
            gram[[i, i + lag]] = sum / n_windows as f64;
            gram[[i + lag, i]] = sum / n_windows as f64;
        }
    }
    Ok(gram)
}

/// Which patterns count as leading.
struct Kept {
    n_components: Option<usize>,
    share: f64,
}

impl Kept {
    /// How many lead, without the last ones if the recurrence could not be formed with them.
    fn count(&self, eigen: &Eigen, total: f64) -> usize {
        let ratios: Vec<f64> = eigen.values.iter().map(|value| value / total).collect();
        let wanted = self.n_components.unwrap_or_else(|| components_for(&ratios, self.share));
        let mut unexplained = 1.0;
        let formed = eigen.vectors.rows().into_iter().take(wanted).take_while(|vector| {
            unexplained -= vector.last().map_or(0.0, |last| last * last);
            unexplained >= MIN_UNEXPLAINED
        });
        formed.count()
    }
}

/// Weights of the window's values before the last (the oldest first) that give the last one of any window made of the
/// leading patterns.
fn recurrence(eigen: &Eigen, n_components: usize, window: usize) -> Vec<f64> {
    let mut weights = vec![0.0; window - 1];
    let mut unexplained = 1.0;
    for vector in eigen.vectors.rows().into_iter().take(n_components) {
        let last = vector[window - 1];
        unexplained -= last * last;
        weights.iter_mut().zip(vector).for_each(|(weight, x)| *weight += last * x);
    }
    weights.iter_mut().for_each(|weight| *weight /= unexplained);
    weights
}

/// One column.
#[derive(Debug)]
struct Patterns {
    recurrence: Recurrence,
    n_components: usize,
}

impl Model for Patterns {
    type Chart<'a> = Lags<'a>;

    fn start(&self) -> Lags<'_> {
        self.recurrence.start()
    }

    fn save(columns: &[Self]) -> BTreeMap<String, Tensor> {
        let mut tensors = Recurrence::save(columns.iter().map(|column| &column.recurrence));
        let n_components = columns.iter().map(|column| column.n_components as u32).collect();
        tensors.insert("n_components".into(), Tensor::indices(n_components));
        tensors
    }

    fn parameters(columns: &[Self]) -> BTreeMap<String, Value> {
        let sigma = |column: &Self| json!(column.recurrence.sigma * column.recurrence.spread.scale);
        BTreeMap::from([
            ("window_".to_string(), json!(columns.first().map(|column| column.recurrence.weights.len() + 1))),
            ("n_components_".to_string(), shown(columns, |column| json!(column.n_components))),
            ("sigma_".to_string(), shown(columns, sigma)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gram_matrix_is_that_of_the_trajectory() {
        let values: Vec<f64> = (0..40).map(|i| f64::from(i * i % 17)).collect();
        let gram = gram(&values, 6, &Context::quiet(0)).unwrap();
        for ((i, j), sum) in gram.indexed_iter() {
            let naive: f64 = (0..35).map(|start| values[start + i] * values[start + j]).sum();
            assert!((sum - naive / 35.0).abs() < 1e-10);
        }
    }

    #[test]
    fn a_sine_obeys_its_recurrence() {
        // A sine is two patterns, and goes on as it began.
        let wave = |t: usize| (t as f64 * 0.3).sin();
        let values: Vec<f64> = (0..400).map(wave).collect();
        let eigen = eigen(&gram(&values, 20, &Context::quiet(0)).unwrap()).unwrap();
        let weights = recurrence(&eigen, 2, 20);
        let next: f64 = weights.iter().zip(&values[381..]).map(|(weight, x)| weight * x).sum();
        assert!((next - wave(400)).abs() < 1e-9, "{next} {}", wave(400));
    }
}
