//! Two-sided cumulative sums.

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
Tabular CUSUM (Page, *Continuous inspection schemes*, Biometrika 1954; Montgomery, *Introduction to statistical \
quality control*).

With z = (x - mean) / sigma of the training series: up = max(0, up + z - k), down = max(0, down - z - k), score = \
max(up, down), in sigmas. The slack `k` is half the shift to be found, in sigmas. Of several columns the largest score \
counts.

The sums stay high as long as the shift lasts and for some time after. With `reset_on_alarm` a column's sums start \
again at 0 after a row at which one of them is above `h`; `h` has no other use, labels follow from the threshold as \
everywhere.";

/// A sum grows no further than this: it could not come down again, and sums must stay finite.
const MAX_SUM: f64 = 1e200;

/// Detector `cusum`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cusum;

impl Detector for Cusum {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "cusum".into(),
            version: "1.0.0".into(),
            title: "CUSUM control chart".into(),
            summary: "For small shifts of the mean that last, found as early as possible.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(n d); scoring O(d) a row; the version holds 2 d numbers.".into(),
            source: "Page, *Continuous inspection schemes*, Biometrika 1954.".into(),
            hyperparameters: HyperparameterSchema::new()
                .number("k", 0.5, 0.0..=10.0, "Slack in sigmas: half the shift of the mean to be found.")
                .number("h", 5.0, 0.1..=1_000.0, "Decision interval in sigmas, for reset_on_alarm.")
                .boolean("reset_on_alarm", false, "Start both sums again at 0 after a row at which one is above h.")
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
        let settings = Settings::of(hyperparameters)?;
        let method = sigma_method(hyperparameters)?;
        fit_columns(frame, ctx, |column| Ok(Sums { spread: method(column), settings }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let settings = Settings::of(&hyperparameters)?;
        let columns = Spread::load(artifact, "mean")?.into_iter().map(|spread| Sums { spread, settings });
        Ok(Box::new(Columns(columns.collect())))
    }
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    k: f64,
    /// The sums start again above this; `None` for never.
    reset_above: Option<f64>,
}

impl Settings {
    fn of(hyperparameters: &Hyperparameters) -> Result<Self, DetectorError> {
        let h = hyperparameters.number("h")?;
        let reset = hyperparameters.boolean("reset_on_alarm")?;
        Ok(Self { k: hyperparameters.number("k")?, reset_above: reset.then_some(h) })
    }
}

/// One column.
#[derive(Debug)]
struct Sums {
    spread: Spread,
    settings: Settings,
}

impl Model for Sums {
    type Chart<'a> = RunningSums;

    fn start(&self) -> RunningSums {
        RunningSums { spread: self.spread, settings: self.settings, up: 0.0, down: 0.0 }
    }

    fn save(columns: &[Self]) -> BTreeMap<String, Tensor> {
        spread::tensors("mean", columns.iter().map(|column| column.spread))
    }

    fn parameters(columns: &[Self]) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("center_line_".to_string(), shown(columns, |column| json!(column.spread.center))),
            ("sigma_".to_string(), shown(columns, |column| json!(column.spread.scale))),
        ])
    }
}

#[derive(Debug, Clone)]
struct RunningSums {
    spread: Spread,
    settings: Settings,
    up: f64,
    down: f64,
}

impl Chart for RunningSums {
    fn push(&mut self, x: f64) -> f64 {
        let Settings { k, reset_above } = self.settings;
        let z = self.spread.z(x);
        self.up = (self.up + z - k).clamp(0.0, MAX_SUM);
        self.down = (self.down - z - k).clamp(0.0, MAX_SUM);
        let score = self.up.max(self.down);
        if reset_above.is_some_and(|limit| score > limit) {
            (self.up, self.down) = (0.0, 0.0);
        }
        score
    }
}
