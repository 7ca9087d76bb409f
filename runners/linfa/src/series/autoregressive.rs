//! Autoregression: each value forecast from the values before it.

use std::collections::BTreeMap;

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, Tensor,
};
use serde_json::{Value, json};

use crate::series::columns::{Columns, Model, fit_columns, shown};
use crate::series::recurrence::{Lags, Recurrence};
use crate::series::spread::Spread;

const DESCRIPTION: &str = "\
Autoregression of each column on itself (Yule, 1927; Box and Jenkins, *Time series analysis*, 1970), ARI(p, d).

The column, differenced `d` times, is forecast one row ahead as a constant plus a weighted sum of its last p values. \
The weights solve the Yule-Walker equations (Levinson-Durbin recursion), so the forecast never runs away; without \
`order`, p is that of the smallest AIC, n ln(variance) + 2 p, up to `max_order`. score = |error of the forecast| / \
sigma, where sigma is 1.4826 times the median of the absolute errors in training. Of several columns the largest score \
counts.

For learning, no value counts as further from the median than three times what 99 of 100 rows keep to (or 10 robust \
standard deviations, if that is more), so that a few wild rows do not decide. The first p + d rows of a series have \
too little before them: they are scored by their distance to the training median in robust standard deviations.";

/// The largest order, and how far back the forecast reaches with differences.
const MAX_ORDER: usize = 500;
const MAX_LAGS: usize = MAX_ORDER + 2;

/// Detector `autoregressive`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Autoregressive;

impl Detector for Autoregressive {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "autoregressive".into(),
            version: "1.0.0".into(),
            title: "Autoregressive forecast".into(),
            summary:
                "For sudden changes in a series whose next value follows from the last ones; forecasts with bounds."
                    .into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(d n p + d p²) for `max_order` p; scoring O(d p) a row; the version holds up to d p numbers."
                .into(),
            source: "Box and Jenkins, *Time series analysis: forecasting and control*, 1970.".into(),
            hyperparameters: HyperparameterSchema::new()
                .optional_integer(
                    "order",
                    0..=MAX_ORDER as i64,
                    "Rows before that a forecast is made of. Null: by AIC.",
                )
                .integer("max_order", 30, 0..=MAX_ORDER as i64, "Largest order tried when order is null.")
                .integer(
                    "d",
                    0,
                    0..=2,
                    "How often the series is differenced first: 1 for one that wanders, 2 for slopes.",
                )
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let d = hyperparameters.integer("d")?;
        let order = hyperparameters.optional_integer("order")?;
        // An order needs several rows for each of its weights.
        let largest = frame.n_rows().saturating_sub(d + 1) / 4;
        if let Some(order) = order.filter(|order| *order > largest) {
            let message = format!("{order} is too many for {} rows; use at most {largest}", frame.n_rows());
            return Err(DetectorError::hyperparameter("order", message));
        }
        if frame.n_rows() < d + 2 {
            let message = format!("{} rows cannot be differenced so often", frame.n_rows());
            return Err(DetectorError::hyperparameter("d", message));
        }
        let max_order = order.unwrap_or(hyperparameters.integer("max_order")?.min(largest));
        fit_columns(frame, ctx, |column| {
            let spread = Spread::robust(column.to_vec());
            let values = difference(spread.clipped(column), d);
            ctx.check_cancelled()?;
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let autocovariances = autocovariances(&values, mean, max_order, ctx)?;
            let weights = yule_walker(&autocovariances, order, values.len());
            let intercept = mean * (1.0 - weights.iter().sum::<f64>());
            Ok(Autoregression(Recurrence::new(spread, undifference(weights, d), intercept, column)?))
        })
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let columns = Recurrence::load(artifact, MAX_LAGS)?.into_iter().map(Autoregression);
        Ok(Box::new(Columns(columns.collect())))
    }
}

/// The differences of neighbours, `times` times over.
fn difference(mut values: Vec<f64>, times: usize) -> Vec<f64> {
    for _ in 0..times {
        values = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    }
    values
}

/// Autocovariances (divisor n) of lags 0 to `max_lag`.
fn autocovariances(values: &[f64], mean: f64, max_lag: usize, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
    let centred: Vec<f64> = values.iter().map(|x| x - mean).collect();
    (0..=max_lag)
        .map(|lag| {
            ctx.check_cancelled()?;
            Ok(centred[lag..].iter().zip(&centred).map(|(a, b)| a * b).sum::<f64>() / values.len() as f64)
        })
        .collect()
}

/// Weights of the last values, the newest first, by the Levinson-Durbin recursion: of `order`, else of the order with
/// the smallest AIC.
fn yule_walker(autocovariances: &[f64], order: Option<usize>, n_rows: usize) -> Vec<f64> {
    let mut variance = autocovariances[0];
    let mut weights: Vec<f64> = Vec::new();
    let criterion = |variance: f64, order: usize| n_rows as f64 * variance.ln() + 2.0 * order as f64;
    let mut best = (criterion(variance, 0), Vec::new());
    // Once nothing is left to explain (a constant or exactly predictable column), further weights are rounding noise.
    let smallest = autocovariances[0] * 1e-12;
    for lag in 1..autocovariances.len() {
        if variance <= smallest {
            break;
        }
        let explained: f64 = weights.iter().zip(autocovariances[1..lag].iter().rev()).map(|(w, c)| w * c).sum();
        let reflection = (autocovariances[lag] - explained) / variance;
        let reversed: Vec<f64> = weights.iter().rev().copied().collect();
        weights.iter_mut().zip(&reversed).for_each(|(weight, other)| *weight -= reflection * other);
        weights.push(reflection);
        variance *= 1.0 - reflection * reflection;
        let criterion = criterion(variance.max(smallest), lag);
        if criterion < best.0 {
            best = (criterion, weights.clone());
        }
    }
    if order.is_some() { weights } else { best.1 }
}

/// Turns weights of differences (the newest first) into weights of the values themselves, the oldest first.
///
/// 1 - w(1) B - w(2) B² ... is multiplied by (1 - B) `times` times, where B shifts back by one row.
fn undifference(weights: Vec<f64>, times: usize) -> Vec<f64> {
    let mut polynomial: Vec<f64> = std::iter::once(1.0).chain(weights.iter().map(|weight| -weight)).collect();
    for _ in 0..times {
        let shifted: Vec<f64> = std::iter::once(0.0).chain(polynomial.iter().copied()).collect();
        polynomial.resize(shifted.len(), 0.0);
        polynomial.iter_mut().zip(shifted).for_each(|(coefficient, before)| *coefficient -= before);
    }
    polynomial[1..].iter().rev().map(|coefficient| -coefficient).collect()
}

/// One column.
#[derive(Debug)]
struct Autoregression(Recurrence);

impl Model for Autoregression {
    type Chart<'a> = Lags<'a>;

    fn start(&self) -> Lags<'_> {
        self.0.start()
    }

    fn save(columns: &[Self]) -> BTreeMap<String, Tensor> {
        Recurrence::save(columns.iter().map(|column| &column.0))
    }

    fn parameters(columns: &[Self]) -> BTreeMap<String, Value> {
        // The newest first, as they are usually written; the first ones tell the story.
        let weights = |column: &Self| json!(column.0.weights.iter().rev().take(12).collect::<Vec<_>>());
        BTreeMap::from([
            ("n_lags_".to_string(), shown(columns, |column| json!(column.0.weights.len()))),
            ("weights_".to_string(), shown(columns, weights)),
            ("sigma_".to_string(), shown(columns, |column| json!(column.0.sigma * column.0.spread.scale))),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recursion_solves_the_yule_walker_equations() {
        let c = [4.0, 2.2, 1.7, -0.4, 0.3];
        for order in 1..c.len() {
            let weights = yule_walker(&c[..=order], Some(order), 100);
            for row in 1..=order {
                let left: f64 = weights.iter().enumerate().map(|(j, w)| w * c[row.abs_diff(j + 1)]).sum();
                assert!((left - c[row]).abs() < 1e-12, "order {order}, equation {row}: {left}");
            }
        }
    }

    #[test]
    fn differences_are_undone() {
        // x(t) - x(t-1) = 0.5 (x(t-1) - x(t-2)) is x(t) = 1.5 x(t-1) - 0.5 x(t-2).
        assert_eq!(undifference(vec![0.5], 1), [-0.5, 1.5]);
        // A straight line goes on: x(t) = 2 x(t-1) - x(t-2).
        assert_eq!(undifference(vec![], 2), [-1.0, 2.0]);
    }

    #[test]
    fn a_constant_has_no_weights() {
        assert!(yule_walker(&[0.0, 0.0, 0.0], None, 10).is_empty());
    }
}
