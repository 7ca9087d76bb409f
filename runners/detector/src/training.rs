//! From a table to a trained version.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

use crate::validation::{check_scores, check_training};
use crate::{
    ARTIFACT_FORMAT, Artifact, ArtifactHeader, Context, Detector, DetectorError, DetectorSpec, Figure, Frame,
    Hyperparameters, InputColumn, evaluation, figures,
};

/// Everything that training one version gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The bytes to store; see [`Artifact`].
    pub artifact: Vec<u8>,
    /// The header inside `artifact`.
    pub header: ArtifactHeader,
    /// One score for each training row.
    pub scores: Vec<f64>,
    /// A row is an anomaly when its score is greater.
    pub threshold: f64,
    /// `n_anomalies` and `anomaly_fraction` of the training rows at the threshold, and with labels what
    /// [`evaluation::evaluate`] gives. Labels served only for these, never for learning.
    pub metrics: BTreeMap<String, f64>,
    /// Learned parameters worth showing.
    pub parameters: BTreeMap<String, Value>,
    /// All hyperparameters, defaults filled in.
    pub hyperparameters: BTreeMap<String, Value>,
    pub figures: Vec<Figure>,
    pub fit_seconds: f64,
    pub score_seconds: f64,
}

/// Checks `frame` and `hyperparameters`, fits `detector`, scores the training rows and sets the threshold: the
/// (1 - contamination) quantile of the training scores, by linear interpolation.
///
/// `hyperparameters` is a JSON object (or null) in which everything is optional.
///
/// # Errors
/// Any [`DetectorError`] but those of artefacts and input schemas.
pub fn train(
    detector: &dyn Detector,
    frame: &Frame,
    hyperparameters: &Value,
    ctx: &Context<'_>,
) -> Result<Trained, DetectorError> {
    let spec = detector.spec();
    let hyperparameters = Hyperparameters::resolve(&spec.hyperparameters, hyperparameters)?;
    let contamination = hyperparameters.contamination()?;
    check_training(frame)?;
    ctx.check_cancelled()?;

    ctx.report(0.0, "fitting");
    let started = Instant::now();
    let fitted = ctx.span(0.0, 0.7, |ctx| detector.fit(frame, &hyperparameters, ctx))?;
    let fit_seconds = started.elapsed().as_secs_f64();

    ctx.report(0.7, "scoring the training rows");
    let started = Instant::now();
    let scores = ctx.span(0.7, 0.95, |ctx| fitted.training_scores(frame, ctx))?;
    let score_seconds = started.elapsed().as_secs_f64();
    check_scores(&scores, frame.n_rows())?;
    let threshold = evaluation::quantile(&scores, 1.0 - contamination);

    ctx.report(0.95, "writing the version");
    let saved = fitted.save();
    let artifact = Artifact {
        header: ArtifactHeader {
            preprocessing: saved.preprocessing,
            threshold,
            ..header(&spec, frame, &hyperparameters, contamination, ctx)
        },
        tensors: saved.tensors,
    };
    let trained = Trained {
        artifact: artifact.encode()?,
        header: artifact.header,
        metrics: training_metrics(&scores, frame.labels(), threshold),
        parameters: fitted.parameters(),
        hyperparameters: hyperparameters.as_map().clone(),
        figures: figures::all(&scores, frame, threshold, spec.input_kind),
        scores,
        threshold,
        fit_seconds,
        score_seconds,
    };
    ctx.report(1.0, "done");
    Ok(trained)
}

fn header(
    spec: &DetectorSpec,
    frame: &Frame,
    hyperparameters: &Hyperparameters,
    contamination: f64,
    ctx: &Context<'_>,
) -> ArtifactHeader {
    ArtifactHeader {
        format: ARTIFACT_FORMAT.into(),
        detector: spec.name.clone(),
        detector_version: spec.version.clone(),
        input_schema: frame.columns().iter().map(InputColumn::number).collect(),
        hyperparameters: hyperparameters.as_map().clone(),
        seed: ctx.seed,
        preprocessing: None,
        threshold: 0.0,
        contamination,
        trained_rows: frame.n_rows() as u64,
    }
}

fn training_metrics(scores: &[f64], labels: Option<&[u8]>, threshold: f64) -> BTreeMap<String, f64> {
    let mut metrics = labels.map(|labels| evaluation::evaluate(scores, labels, threshold)).unwrap_or_default();
    let n_anomalies = evaluation::labels_at(scores, threshold).iter().filter(|label| **label == 1).count();
    metrics.insert("n_anomalies".into(), n_anomalies as f64);
    metrics.insert("anomaly_fraction".into(), n_anomalies as f64 / scores.len() as f64);
    metrics
}
