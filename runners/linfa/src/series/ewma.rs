//! Control chart of exponentially weighted moving averages.

use std::collections::BTreeMap;

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, Tensor,
};
use serde_json::{Value, json};

use crate::series::columns::{Chart, Columns, Model, fit_columns, shown};
use crate::series::shewhart::sigma_method;
use crate::series::spread::{self, Spread};

const DESCRIPTION: &str = "\
EWMA chart (Roberts, *Control chart tests based on geometric moving averages*, Technometrics 1959).

z(t) = lambda x(t) + (1 - lambda) z(t-1), z(0) = mean; score = |z(t) - mean| over its standard deviation sigma \
sqrt(lambda / (2 - lambda) (1 - (1 - lambda)^(2t))), so 3 is the usual limit. Mean and sigma are those of the training \
series. A small lambda averages longer and finds smaller shifts of the mean; lambda 1 is the Shewhart chart. Of \
several columns the largest score counts.

The standard deviation is that of independent rows: on a series whose neighbours resemble each other scores are \
larger, in the same proportion everywhere.";

/// Detector `ewma`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ewma;

impl Detector for Ewma {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "ewma".into(),
            version: "1.0.0".into(),
            title: "EWMA control chart".into(),
            summary: "For small lasting shifts of the mean that single values do not show.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(n d); scoring O(d) a row; the version holds 2 d numbers.".into(),
            source: "Roberts, *Control chart tests based on geometric moving averages*, Technometrics 1959.".into(),
            hyperparameters: HyperparameterSchema::new()
                .number("lambda", 0.2, 0.001..=1.0, "Weight of the newest row.")
                .choice(
                    "sigma_method",
                    &["std", "moving_range"],
                    "Where sigma comes from: the standard deviation or the mean moving range of the training series.",
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
        let lambda = hyperparameters.number("lambda")?;
        let method = sigma_method(hyperparameters)?;
        fit_columns(frame, ctx, |column| Ok(Averages { spread: method(column), lambda }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let lambda = hyperparameters.number("lambda")?;
        let columns = Spread::load(artifact, "mean")?.into_iter().map(|spread| Averages { spread, lambda });
        Ok(Box::new(Columns(columns.collect())))
    }
}

/// One column.
#[derive(Debug)]
struct Averages {
    spread: Spread,
    lambda: f64,
}

impl Model for Averages {
    type Chart<'a> = Average;

    fn start(&self) -> Average {
        Average { spread: self.spread, lambda: self.lambda, average: 0.0, variance: EwmaVariance::new(self.lambda) }
    }

    fn save(columns: &[Self]) -> BTreeMap<String, Tensor> {
        spread::tensors("mean", columns.iter().map(|column| column.spread))
    }

    fn parameters(columns: &[Self]) -> BTreeMap<String, Value> {
        // The limits that the chart settles at: three standard deviations of the average.
        let settled = |column: &Self| 3.0 * (column.lambda / (2.0 - column.lambda)).sqrt();
        BTreeMap::from([
            ("center_line_".to_string(), shown(columns, |column| json!(column.spread.center))),
            ("sigma_".to_string(), shown(columns, |column| json!(column.spread.scale))),
            ("lower_limit_".to_string(), shown(columns, |column| json!(column.spread.value(-settled(column))))),
            ("upper_limit_".to_string(), shown(columns, |column| json!(column.spread.value(settled(column))))),
        ])
    }
}

#[derive(Debug, Clone)]
struct Average {
    spread: Spread,
    lambda: f64,
    /// In sigmas from the mean.
    average: f64,
    variance: EwmaVariance,
}

impl Chart for Average {
    fn push(&mut self, x: f64) -> f64 {
        self.average = self.lambda * self.spread.z(x) + (1.0 - self.lambda) * self.average;
        self.average.abs() / self.variance.next().sqrt()
    }
}

/// The exact variance of an EWMA of independent rows of variance 1, row after row.
#[derive(Debug, Clone)]
pub(crate) struct EwmaVariance {
    lambda: f64,
    /// (1 - lambda)^(2t).
    decay: f64,
}

impl EwmaVariance {
    /// `lambda` is greater than 0 and at most 1.
    pub(crate) fn new(lambda: f64) -> Self {
        Self { lambda, decay: 1.0 }
    }

    /// That of the next row.
    pub(crate) fn next(&mut self) -> f64 {
        self.decay *= (1.0 - self.lambda).powi(2);
        self.lambda / (2.0 - self.lambda) * (1.0 - self.decay)
    }
}
