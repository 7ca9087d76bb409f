//! From a table to a trained version.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

use crate::judge::Judged;
use crate::prepare::{Learned, Prepared};
use crate::threshold::{self, Calibration, HeldOut, Method, Options, Source};
use crate::validation::check_scores;
use crate::{
    ARTIFACT_FORMAT, Artifact, ArtifactHeader, Context, Detector, DetectorError, DetectorSpec, Figure, Frame,
    Hyperparameters, Learning, LogLevel, evaluation, figures,
};

/// Everything that training one version gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The bytes to store; see [`Artifact`].
    pub artifact: Vec<u8>,
    /// The header inside `artifact`.
    pub header: ArtifactHeader,
    /// One score for each row that was learned from: all but those that a `row_filter` left out.
    pub scores: Vec<f64>,
    /// A row is an anomaly when its score is greater.
    pub threshold: f64,
    /// `n_anomalies` and `anomaly_fraction` of the training rows at the threshold, `expected_false_alarm_rate`, what
    /// preprocessing did (`imputed_values`, `series_gaps`, …), and with labels what [`evaluation::evaluate`] gives: of the
    /// training rows for detectors that do not learn from labels, of held-back rows for those that do.
    pub metrics: BTreeMap<String, f64>,
    /// Learned parameters worth showing.
    pub parameters: BTreeMap<String, Value>,
    /// All hyperparameters, defaults filled in.
    pub hyperparameters: BTreeMap<String, Value>,
    pub figures: Vec<Figure>,
    pub fit_seconds: f64,
    pub score_seconds: f64,
}

/// Checks `frame` and `hyperparameters`, fits `detector` on all rows, and sets the threshold on scores of rows held back
/// from further fits.
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
    let options = threshold_options(&spec, &hyperparameters)?;
    let (prepared, learned) = Prepared::fit(&spec, frame, &hyperparameters)?;
    check_target(&spec, &prepared.rows)?;
    ctx.check_cancelled()?;

    ctx.report(0.0, "fitting");
    let started = Instant::now();
    let fitted = ctx.span(0.0, 0.4, |ctx| detector.fit(prepared.frame(), &hyperparameters, ctx))?;
    let fit_seconds = started.elapsed().as_secs_f64();

    ctx.report(0.4, "scoring the training rows");
    let started = Instant::now();
    let seen = ctx.span(0.4, 0.5, |ctx| fitted.training_scores(prepared.frame(), ctx))?;
    let score_seconds = started.elapsed().as_secs_f64();
    check_scores(&seen, prepared.frame().n_rows())?;
    let scores = prepared.scores_of_rows(&seen).into_owned();

    ctx.report(0.5, "calibrating the threshold on held-back rows");
    let held = ctx.span(0.5, 0.95, |ctx| {
        hold_out(detector, &prepared, &scores, &hyperparameters, &options, &ctx.without_notes())
    })?;
    let labels = prepared.rows.labels();
    let contamination = hyperparameters.contamination()?;
    let (threshold, calibration) = threshold::calibrate(&options, contamination, &held, &scores, labels)?;

    let rate = calibration.expected_false_alarm_rate;
    let calibrated =
        format!("threshold {threshold} by {} held-back rows; expected false alarms {rate}", held.rows.len());
    ctx.log(LogLevel::Info, &calibrated);
    ctx.report(0.95, "writing the version");
    let saved = fitted.save();
    let mut parameters = fitted.parameters();
    // What a classifier says of rows that it learned from says nothing: those held back judge it.
    let judged_rows = match spec.learning {
        Learning::Supervised => Cow::Owned(prepared.rows.select_rows(&held.rows)),
        Learning::Unsupervised => Cow::Borrowed(prepared.rows.as_ref()),
    };
    let classified = held.classified(&prepared.rows);
    let judged = Judged {
        rows: &judged_rows,
        scores: if spec.learning == Learning::Supervised { &held.scores } else { &scores },
        threshold,
        input_kind: spec.input_kind,
        classified: classified.as_ref(),
    };
    let mut metrics = judged.metrics(&parameters);
    let labels = evaluation::labels_at(&scores, threshold);
    let n_anomalies = labels.iter().filter(|label| **label == 1).count();
    metrics.insert("n_anomalies".into(), n_anomalies as f64);
    metrics.insert("anomaly_fraction".into(), n_anomalies as f64 / scores.len() as f64);
    metrics.insert("expected_false_alarm_rate".into(), calibration.expected_false_alarm_rate);
    metrics.extend(prepared.report.clone());
    parameters.insert("calibration_".into(), serde_json::json!(calibration));
    let mut all = judged.figures();
    all.extend([figures::eda::feature_histograms(&prepared.rows), figures::eda::correlation(&prepared.rows)]);
    all.extend(fitted.figures(prepared.frame(), &seen, threshold, ctx)?);
    let artifact = Artifact {
        header: ArtifactHeader {
            preprocessing: saved.preprocessing,
            threshold,
            ..header(&spec, &prepared, learned, calibration, &hyperparameters, ctx)?
        },
        tensors: saved.tensors,
    };
    let trained = Trained {
        artifact: artifact.encode()?,
        header: artifact.header,
        metrics,
        parameters,
        hyperparameters: hyperparameters.as_map().clone(),
        figures: all,
        scores,
        threshold,
        fit_seconds,
        score_seconds,
    };
    ctx.report(1.0, "done");
    Ok(trained)
}

/// As asked for; a classifier's own boundary where nothing is asked for.
fn threshold_options(spec: &DetectorSpec, hyperparameters: &Hyperparameters) -> Result<Options, DetectorError> {
    let asked = hyperparameters.as_map().get("threshold").is_some_and(|options| !options.is_null());
    let options: Options = hyperparameters.object("threshold")?;
    match spec.learning {
        Learning::Supervised if !asked => Ok(Options { method: Method::Probability, ..options }),
        Learning::Unsupervised if options.method == Method::Probability => Err(DetectorError::hyperparameter(
            "threshold.method",
            "`probability` is for classifiers; this detector's scores are no probabilities",
        )),
        _ => Ok(options),
    }
}

fn check_target(spec: &DetectorSpec, rows: &Frame) -> Result<(), DetectorError> {
    if spec.learning == Learning::Unsupervised {
        return Ok(());
    }
    let target = rows.target().ok_or_else(|| {
        let name = &spec.name;
        DetectorError::data(format!("the table has no classes to learn from: `{name}` needs a label column"))
    })?;
    let first = target.codes().first();
    if target.codes().iter().all(|code| Some(code) == first) {
        return Err(DetectorError::data("all rows are of one class; there is nothing to tell apart"));
    }
    Ok(())
}

/// Scores of held-back rows; those of the training rows, and saying so, where there are too few to hold any back.
fn hold_out(
    detector: &dyn Detector,
    prepared: &Prepared<'_>,
    scores: &[f64],
    hyperparameters: &Hyperparameters,
    options: &Options,
    ctx: &Context<'_>,
) -> Result<HeldOut, DetectorError> {
    let held = threshold::held_out(detector, prepared.frame(), hyperparameters, options, ctx)?;
    Ok(match (held, prepared.places()) {
        (Some(held), Some(places)) => held.of_rows(places),
        (Some(held), None) => held,
        (None, _) => HeldOut {
            rows: (0..scores.len()).collect(),
            scores: scores.to_vec(),
            probabilities: Vec::new(),
            source: Source::Training,
        },
    })
}

fn header(
    spec: &DetectorSpec,
    prepared: &Prepared<'_>,
    learned: Learned,
    calibration: Calibration,
    hyperparameters: &Hyperparameters,
    ctx: &Context<'_>,
) -> Result<ArtifactHeader, DetectorError> {
    let columns = prepared.rows.values();
    let typical = columns.columns().into_iter().map(|column| evaluation::quantile(&column.to_vec(), 0.5));
    Ok(ArtifactHeader {
        format: ARTIFACT_FORMAT.into(),
        detector: spec.name.clone(),
        detector_version: spec.version.clone(),
        input_schema: learned.input_schema,
        hyperparameters: hyperparameters.as_map().clone(),
        seed: ctx.seed,
        preprocessing: None,
        pipeline: learned.pipeline,
        step_millis: learned.step_millis,
        typical: typical.collect(),
        calibration: Some(calibration),
        threshold: 0.0,
        contamination: hyperparameters.contamination()?,
        trained_rows: prepared.rows.n_rows() as u64,
    })
}
