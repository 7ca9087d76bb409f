//! Every tabular detector on sliding windows of a series.

use std::collections::BTreeMap;

use ndarray::Array2;
use nunatak_detector::{
    Artifact, ArtifactHeader, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, Hyperparameters,
    InputColumn, InputKind, Learning, Reasons, SavedState, Standardization, Tensor,
};
use serde_json::{Map, Value, json};

use crate::scaling::Scaling;
use crate::series::windows::{check_length, cover, period, select};

const DESCRIPTION: &str = "\
Each `window` of consecutive rows, all columns side by side, is one row of the tabular detector below; a row of the \
series gets the mean score of the windows that cover it. Without `window` it is the period of the training series: the \
highest peak of its autocorrelation between 6 and 303 rows, else 125, at most a quarter of the rows. The version \
stores it as `window_`.

It learns from every `stride`-th window; without `stride` from all, or from as many evenly spaced ones as \
`max_windows` permits. All windows are scored. With `standardize`, the series is scaled once and not each window, so \
that a change of level counts; the detector does not scale the columns of the windows again.

Rows must be equally spaced and in time order. A row's score looks ahead by up to one window, so the last rows of a \
stream get their final score one window later. A series shorter than the window is refused.";

/// The tabular detectors that get no adapter, and why.
const LEFT_OUT: [(&str, &str); 4] = [
    ("pca", "`sub_pca` is the same with one covariance instead of a table of windows"),
    ("ensemble", "its members take their default settings and would scale each column of the windows"),
    (
        "mcd",
        "some hundred steps of O(n w² d² + w³ d³) each; half of the smooth windows have no more than a few directions",
    ),
    ("gaussian_mixture", "its full covariances take O(n w² d²) an iteration, and smooth windows make them singular"),
];

/// window x columns at most: some detectors' time grows with its cube.
const MAX_DIMENSIONS: usize = 1_024;

/// Values of the windows that are learned from at most (128 MiB), whatever `max_windows` says.
const MAX_VALUES: usize = 1 << 24;

/// Values of the windows that are scored at a time (32 MiB).
const BATCH_VALUES: usize = 1 << 22;

/// An adapter for each of `detectors` that has one.
pub(crate) fn adapters(detectors: Vec<Box<dyn Detector>>) -> Vec<Box<dyn Detector>> {
    let suits = |spec: &DetectorSpec| {
        let unsupervised_rows = spec.input_kind == InputKind::Tabular && spec.learning == Learning::Unsupervised;
        unsupervised_rows && LEFT_OUT.iter().all(|(name, _)| *name != spec.name)
    };
    let adapt = |inner| -> Box<dyn Detector> { Box::new(Windowed { inner }) };
    detectors.into_iter().filter(|detector| suits(&detector.spec())).map(adapt).collect()
}

/// Detector `sub_<inner>`.
#[derive(Debug)]
struct Windowed {
    inner: Box<dyn Detector>,
}

impl Detector for Windowed {
    fn spec(&self) -> DetectorSpec {
        let inner = self.inner.spec();
        DetectorSpec {
            name: format!("sub_{}", inner.name),
            version: inner.version,
            title: format!("{} of windows (sub_{})", inner.title, inner.name),
            summary: format!("For unusual stretches of a series: `{}` on its sliding windows.", inner.name),
            description: format!("{DESCRIPTION}\n\n## {}\n\n{}", inner.title, inner.description),
            input_kind: InputKind::Series,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: format!(
                "That of `{}` on up to max_windows windows of w d values for a window w and d columns: {}",
                inner.name, inner.cost
            ),
            source: inner.source,
            hyperparameters: schema(inner.hyperparameters),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let scaling = match hyperparameters.as_map().get("standardize") {
            Some(_) => Scaling::fit(frame, hyperparameters)?,
            None => Scaling::none(),
        };
        let table = scaling.table(frame)?;
        ctx.check_cancelled()?;
        let window = match hyperparameters.optional_integer("window")? {
            Some(window) => window,
            None => period(&Standardization::fit(frame.values()).apply(frame.values())),
        };
        check_length(frame, window)?;
        check_dimensions(window, frame.n_features())?;
        let stride = stride(frame, window, hyperparameters)?;
        ctx.report(0.05, "cutting the windows");
        let starts: Vec<usize> = (0..=frame.n_rows() - window).step_by(stride).collect();
        if starts.len() < 2 {
            let message =
                format!("the series has fewer than two windows of {window} rows to learn from; append more rows");
            return Err(DetectorError::data(message));
        }
        let windows = frame_of(select(&table, window, &starts))?;
        drop(table);
        ctx.check_cancelled()?;
        let settings = inner_settings(&self.inner.spec().hyperparameters, hyperparameters.as_map())?;
        let inner = self.inner.fit(&windows, &settings, ctx)?;
        Ok(Box::new(FittedWindows { inner, scaling, window, stride }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let [window, stride] = [0, 1].map(|at| artifact.indices_of("window", 2).map(|values| values[at] as usize));
        let (window, stride) = (window?, stride?);
        let n_features = artifact.header.n_features();
        if window == 0 || stride == 0 || window.saturating_mul(n_features) > MAX_DIMENSIONS {
            return Err(DetectorError::artifact("its window or stride is out of range"));
        }
        let inner = self.inner.load(&inner_artifact(&self.inner.spec(), artifact, window * n_features)?)?;
        Ok(Box::new(FittedWindows { inner, scaling: Scaling::load(&artifact.header), window, stride }))
    }
}

/// The properties of the inner detector, and how to cut windows.
fn schema(mut inner: Value) -> Value {
    let ours = [
        (
            "window",
            json!({"type": ["integer", "null"], "default": null, "minimum": 2, "maximum": MAX_DIMENSIONS,
                "description": "Rows of a window. Null: the period of the training series."}),
        ),
        (
            "stride",
            json!({"type": ["integer", "null"], "default": null, "minimum": 1, "maximum": 1_000_000,
                "description": "Rows from one window learned from to the next. Null: as few as max_windows permits."}),
        ),
        (
            "max_windows",
            json!({"type": "integer", "default": 5_000, "minimum": 2, "maximum": 1_000_000,
                "description": "Windows to learn from at most, when stride is null."}),
        ),
    ];
    if let Some(properties) = inner["properties"].as_object_mut() {
        properties.extend(ours.map(|(name, property)| (name.to_owned(), property)));
    }
    inner
}

/// The inner detector's share of the settings. The series is scaled already.
fn inner_settings(schema: &Value, given: &BTreeMap<String, Value>) -> Result<Hyperparameters, DetectorError> {
    let known = |name: &str| !schema["properties"][name].is_null();
    let mut settings: Map<String, Value> =
        given.iter().filter(|(name, _)| known(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(standardize) = settings.get_mut("standardize") {
        *standardize = Value::Bool(false);
    }
    Hyperparameters::resolve(schema, &Value::Object(settings))
}

/// Rows from one training window to the next.
fn stride(frame: &Frame, window: usize, hyperparameters: &Hyperparameters) -> Result<usize, DetectorError> {
    let n_windows = frame.n_rows() + 1 - window;
    let most = MAX_VALUES / (window * frame.n_features());
    if let Some(stride) = hyperparameters.optional_integer("stride")? {
        let least = n_windows.div_ceil(most);
        if stride < least {
            let message = format!("{n_windows} windows of {window} rows are too many; use at least {least}, or null");
            return Err(DetectorError::hyperparameter("stride", message));
        }
        return Ok(stride);
    }
    Ok(n_windows.div_ceil(most.min(hyperparameters.integer("max_windows")?)))
}

fn check_dimensions(window: usize, n_features: usize) -> Result<(), DetectorError> {
    if window * n_features <= MAX_DIMENSIONS {
        return Ok(());
    }
    let largest = MAX_DIMENSIONS / n_features;
    let message = format!("{window} rows of {n_features} columns are too much; use at most {largest}");
    Err(DetectorError::hyperparameter("window", message))
}

fn columns(n_columns: usize) -> impl Iterator<Item = String> {
    (0..n_columns).map(|column| format!("x{column}"))
}

fn frame_of(windows: Array2<f64>) -> Result<Frame, DetectorError> {
    Frame::new(columns(windows.ncols()).collect(), windows, None, None)
}

/// The artefact as the inner detector would have written it, had it been trained on the table of windows.
fn inner_artifact(spec: &DetectorSpec, artifact: &Artifact, n_columns: usize) -> Result<Artifact, DetectorError> {
    let settings = inner_settings(&spec.hyperparameters, &artifact.header.hyperparameters)
        .map_err(|error| DetectorError::artifact(error.to_string()))?;
    let preprocessing = match artifact.tensors.contains_key("window_mean") {
        false => None,
        true => {
            let mean = artifact.vector_of("window_mean", n_columns)?.to_vec();
            let scale = artifact.vector_of("window_scale", n_columns)?.to_vec();
            if scale.iter().any(|scale| *scale <= 0.0) {
                return Err(DetectorError::artifact("it has a scale that is not positive"));
            }
            Some(Standardization { mean, scale })
        }
    };
    let header = ArtifactHeader {
        detector: spec.name.clone(),
        input_schema: columns(n_columns).map(InputColumn::number).collect(),
        hyperparameters: settings.as_map().clone(),
        preprocessing,
        // What was done to the columns was done before there were windows.
        pipeline: None,
        typical: Vec::new(),
        ..artifact.header.clone()
    };
    Ok(Artifact { header, tensors: artifact.tensors.clone() })
}

#[derive(Debug)]
struct FittedWindows {
    inner: Box<dyn FittedDetector>,
    /// Of the series.
    scaling: Scaling,
    window: usize,
    /// Rows from one window that it learned from to the next.
    stride: usize,
}

impl FittedWindows {
    /// One score for each window, in order. A window's score depends on it alone, so batches do not show.
    fn score_windows(&self, table: &Array2<f64>, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let n_windows = table.nrows() + 1 - self.window;
        let batch = BATCH_VALUES / (self.window * table.ncols());
        let mut scores = Vec::with_capacity(n_windows);
        for first in (0..n_windows).step_by(batch) {
            ctx.check_cancelled()?;
            ctx.report(first as f64 / n_windows as f64, "scoring the windows");
            let starts: Vec<usize> = (first..n_windows.min(first + batch)).collect();
            scores.extend(self.inner.score(&frame_of(select(table, self.window, &starts))?, ctx)?);
        }
        Ok(scores)
    }
}

impl FittedDetector for FittedWindows {
    fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        check_length(frame, self.window)?;
        let scores = self.score_windows(&self.scaling.table(frame)?, ctx)?;
        Ok(cover(&scores, self.window))
    }

    fn training_scores(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        check_length(frame, self.window)?;
        let table = self.scaling.table(frame)?;
        let starts: Vec<usize> = (0..=table.nrows() - self.window).step_by(self.stride).collect();
        let learned = self.inner.training_scores(&frame_of(select(&table, self.window, &starts))?, ctx)?;
        if learned.len() != starts.len() {
            return Err(DetectorError::data("these are not the rows that the version was trained on"));
        }
        if self.stride == 1 {
            return Ok(cover(&learned, self.window));
        }
        // Windows between those learned from are new to the detector.
        let mut scores = self.score_windows(&table, ctx)?;
        starts.into_iter().zip(learned).for_each(|(start, score)| scores[start] = score);
        Ok(cover(&scores, self.window))
    }

    fn save(&self) -> SavedState {
        let SavedState { mut tensors, preprocessing } = self.inner.save();
        tensors.insert("window".into(), Tensor::indices(vec![self.window as u32, self.stride as u32]));
        if let Some(Standardization { mean, scale }) = preprocessing {
            tensors.insert("window_mean".into(), Tensor::vector(mean));
            tensors.insert("window_scale".into(), Tensor::vector(scale));
        }
        SavedState { tensors, preprocessing: self.scaling.saved() }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        let mut parameters = self.inner.parameters();
        parameters.insert("window_".into(), json!(self.window));
        parameters.insert("stride_".into(), json!(self.stride));
        parameters
    }
}
