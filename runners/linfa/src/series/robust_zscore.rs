//! Causal robust z-score: how far a value is from the recent median.

use std::collections::{BTreeMap, VecDeque};

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, Tensor,
};
use serde_json::{Value, json};

use crate::series::columns::{Chart, Columns, Model, fit_columns, shown};
use crate::series::spread::{self, MAD_TO_SIGMA, Spread, mad, median};

const DESCRIPTION: &str = "\
Rolling median and median absolute deviation (Hampel, *The influence curve and its role in robust estimation*, 1974; Iglewicz \
and Hoaglin, *How to detect and handle outliers*, 1993).

score = |x - median| / (1.4826 MAD), where median and MAD are those of the `window` rows before, so a score never looks ahead: \
it stays what it is when further rows follow. Of several columns the largest counts.

Until half a window has passed, median and MAD of the training series stand in. The scale is never less than `min_scale` \
times that of the training series (its standard deviation where its MAD is 0), so a quiet stretch makes no alarm of noise.";

/// Detector `robust_zscore`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RobustZscore;

impl Detector for RobustZscore {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "robust_zscore".into(),
            version: "1.1.0".into(),
            title: "Robust z-score".into(),
            summary: "For spikes in a series, judged from the past alone; fast and easy to explain.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::Exact,
            cost: "Fit O(d n log n); scoring O(d (log w + w)) a row for a window w; the version holds 2 d numbers."
                .into(),
            source: "Iglewicz and Hoaglin, *How to detect and handle outliers*, 1993.".into(),
            hyperparameters: HyperparameterSchema::new()
                .integer("window", 1_000, 4..=10_000, "Rows before a row that it is compared with.")
                .number("min_scale", 1.0, 0.001..=10.0, "Smallest scale, as a fraction of that of the training series.")
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
        fit_columns(frame, ctx, |column| Ok(Rolling { normal: Spread::robust(column.to_vec()), settings }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let hyperparameters = artifact.header.resolve_hyperparameters(&self.spec().hyperparameters)?;
        let settings = Settings::of(&hyperparameters)?;
        let columns = Spread::load(artifact, "median")?.into_iter().map(|normal| Rolling { normal, settings });
        Ok(Box::new(Columns(columns.collect())))
    }
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    window: usize,
    min_scale: f64,
}

impl Settings {
    fn of(hyperparameters: &Hyperparameters) -> Result<Self, DetectorError> {
        Ok(Self { window: hyperparameters.integer("window")?, min_scale: hyperparameters.number("min_scale")? })
    }
}

/// One column.
#[derive(Debug)]
struct Rolling {
    /// Of the training series.
    normal: Spread,
    settings: Settings,
}

impl Model for Rolling {
    type Chart<'a> = Window;

    fn start(&self) -> Window {
        let Settings { window, min_scale } = self.settings;
        Window { normal: self.normal, window, min_scale, sorted: Vec::new(), recent: VecDeque::new() }
    }

    fn save(columns: &[Self]) -> BTreeMap<String, Tensor> {
        spread::tensors("median", columns.iter().map(|column| column.normal))
    }

    fn parameters(columns: &[Self]) -> BTreeMap<String, Value> {
        BTreeMap::from([
            ("window_".to_string(), json!(columns.first().map(|column| column.settings.window))),
            ("median_".to_string(), shown(columns, |column| json!(column.normal.center))),
            ("scale_".to_string(), shown(columns, |column| json!(column.normal.scale))),
        ])
    }
}

/// The rows before the next one.
#[derive(Debug, Clone)]
struct Window {
    normal: Spread,
    window: usize,
    min_scale: f64,
    /// The window's values in ascending order; inserting and removing move a few kilobytes at most.
    sorted: Vec<f64>,
    /// The same values as they came.
    recent: VecDeque<f64>,
}

impl Chart for Window {
    fn push(&mut self, x: f64) -> f64 {
        let (median, scale) = if self.sorted.len() * 2 >= self.window {
            let median = median(&self.sorted);
            let scale = MAD_TO_SIGMA * mad(&self.sorted, median);
            (median, scale.max(self.min_scale * self.normal.scale))
        } else {
            (self.normal.center, self.normal.scale)
        };
        if self.recent.len() == self.window
            && let Some(oldest) = self.recent.pop_front()
        {
            self.sorted.remove(position(&self.sorted, oldest));
        }
        self.recent.push_back(x);
        self.sorted.insert(position(&self.sorted, x), x);
        ((x - median).abs() / scale).min(f64::MAX)
    }
}

/// Where `x` stands or belongs among ascending values.
fn position(sorted: &[f64], x: f64) -> usize {
    sorted.partition_point(|other| *other < x)
}
