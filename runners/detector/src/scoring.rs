//! From a trained version and a table to scores, labels and reasons.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::judge::{Judged, figure_of_reasons};
use crate::model::Model;
use crate::reasons::RowReasons;
use crate::{Context, Detector, DetectorError, Figure, FittedDetector, Frame, evaluation};

/// Everything that scoring one table gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// One score for each row, higher is more anomalous.
    pub scores: Vec<f64>,
    /// 1 where the score is greater than the threshold, else 0.
    pub labels: Vec<u8>,
    /// The threshold that was applied.
    pub threshold: f64,
    /// How many labels are 1.
    pub n_anomalies: usize,
    /// Why the rows above the threshold are there; `None` for a version that was trained before there were reasons.
    pub reasons: Option<RowReasons>,
    /// What preprocessing did (`imputed_values`, `unknown_words`, `series_gaps`, …), and with labels what
    /// [`evaluation::evaluate`] gives.
    pub metrics: BTreeMap<String, f64>,
    pub figures: Vec<Figure>,
    pub score_seconds: f64,
}

/// Scores `frame` with the version in `artifact`. Columns are matched by name, in any order.
///
/// # Errors
/// [`DetectorError::InputSchema`] when the columns are not those of training, and everything that [`Model::load`] refuses.
pub fn predict(
    detectors: &[Box<dyn Detector>],
    artifact: &[u8],
    frame: &Frame,
    ctx: &Context<'_>,
) -> Result<Predicted, DetectorError> {
    predict_at(&Model::load(detectors, artifact)?, frame, None, ctx)
}

/// Scores `frame`, with another threshold than the version's own if one is given.
///
/// # Errors
/// [`DetectorError::InputSchema`] when the columns are not those of training; [`DetectorError::Data`] for values that cannot
/// be scored.
pub fn predict_at(
    model: &Model,
    frame: &Frame,
    threshold: Option<f64>,
    ctx: &Context<'_>,
) -> Result<Predicted, DetectorError> {
    ctx.report(0.0, "scoring");
    let started = Instant::now();
    let scored = ctx.span(0.0, 0.8, |ctx| model.score_prepared(frame, ctx))?;
    let score_seconds = started.elapsed().as_secs_f64();

    let threshold = threshold.unwrap_or(model.header().threshold);
    ctx.report(0.8, "looking for reasons");
    let reasons = ctx.span(0.8, 0.95, |ctx| model.reasons(&scored, threshold, ctx))?;
    let scores = scored.scores();
    let scores = scores.as_ref();
    let labels = evaluation::labels_at(scores, threshold);
    let classified = model.fitted().classify(scored.prepared.frame(), ctx)?;
    let judged = Judged {
        rows: &scored.prepared.rows,
        scores,
        threshold,
        input_kind: model.input_kind(),
        classified: classified.as_ref(),
    };
    let mut metrics = judged.metrics(&model.fitted().parameters());
    metrics.extend(scored.prepared.report.clone());
    let mut all = judged.figures();
    all.extend(reasons.as_ref().and_then(figure_of_reasons));
    all.extend(model.fitted().figures(scored.prepared.frame(), &scored.seen, threshold, ctx)?);
    let predicted = Predicted {
        n_anomalies: labels.iter().filter(|label| **label == 1).count(),
        labels,
        reasons,
        metrics,
        figures: all,
        threshold,
        score_seconds,
        scores: scores.to_vec(),
    };
    ctx.report(1.0, "done");
    Ok(predicted)
}

/// Decodes `artifact` and rebuilds its detector, which takes features as they come out of the version's preprocessing.
///
/// # Errors
/// As [`Model::load`].
pub fn load(detectors: &[Box<dyn Detector>], artifact: &[u8]) -> Result<Box<dyn FittedDetector>, DetectorError> {
    Model::load(detectors, artifact).map(Model::into_fitted)
}

/// The detector of that name, or an error that lists those there are.
pub fn find_detector<'a>(detectors: &'a [Box<dyn Detector>], name: &str) -> Result<&'a dyn Detector, DetectorError> {
    detectors.iter().find(|detector| detector.spec().name == name).map(AsRef::as_ref).ok_or_else(|| {
        DetectorError::UnknownDetector {
            name: name.chars().take(100).collect(),
            known: detectors.iter().map(|detector| detector.spec().name).collect(),
        }
    })
}
