//! From a trained version and a table to scores and labels.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::validation::{check_scores, check_scoring};
use crate::{Artifact, Context, Detector, DetectorError, Figure, FittedDetector, Frame, evaluation, figures};

/// Everything that scoring one table gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// One score for each row, higher is more anomalous.
    pub scores: Vec<f64>,
    /// 1 where the score is greater than the threshold, else 0.
    pub labels: Vec<u8>,
    /// The threshold of the version.
    pub threshold: f64,
    /// How many labels are 1.
    pub n_anomalies: usize,
    /// What [`evaluation::evaluate`] gives; empty when the table has no labels.
    pub metrics: BTreeMap<String, f64>,
    pub figures: Vec<Figure>,
    pub score_seconds: f64,
}

/// Scores `frame` with the version in `artifact`. Columns are matched by name, in any order.
///
/// # Errors
/// [`DetectorError::InputSchema`] when the columns are not those of training, and everything that [`load`] refuses.
pub fn predict(
    detectors: &[Box<dyn Detector>],
    artifact: &[u8],
    frame: &Frame,
    ctx: &Context<'_>,
) -> Result<Predicted, DetectorError> {
    let artifact = Artifact::decode(artifact)?;
    let detector = find_detector(detectors, &artifact.header.detector)?;
    let frame = check_scoring(frame, &artifact.header)?;
    ctx.check_cancelled()?;
    let fitted = load_with(detector, &artifact)?;

    ctx.report(0.0, "scoring");
    let started = Instant::now();
    let scores = fitted.score(&frame, ctx)?;
    let score_seconds = started.elapsed().as_secs_f64();
    check_scores(&scores, frame.n_rows())?;

    let threshold = artifact.header.threshold;
    let labels = evaluation::labels_at(&scores, threshold);
    let predicted = Predicted {
        n_anomalies: labels.iter().filter(|label| **label == 1).count(),
        metrics: frame.labels().map(|truth| evaluation::evaluate(&scores, truth, threshold)).unwrap_or_default(),
        figures: figures::all(&scores, &frame, threshold, detector.spec().input_kind),
        scores,
        labels,
        threshold,
        score_seconds,
    };
    ctx.report(1.0, "done");
    Ok(predicted)
}

/// Decodes `artifact` and rebuilds its detector.
///
/// # Errors
/// [`DetectorError::Artifact`] for damaged bytes or another format or major version,
/// [`DetectorError::UnknownDetector`] when `detectors` does not have the detector.
pub fn load(detectors: &[Box<dyn Detector>], artifact: &[u8]) -> Result<Box<dyn FittedDetector>, DetectorError> {
    let artifact = Artifact::decode(artifact)?;
    load_with(find_detector(detectors, &artifact.header.detector)?, &artifact)
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

fn load_with(detector: &dyn Detector, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
    let (ours, theirs) = (detector.spec().version, &artifact.header.detector_version);
    // Semantic versioning: within one major version, newer code reads older artefacts.
    if ours.split('.').next() != theirs.split('.').next() {
        let theirs: String = theirs.chars().take(40).collect();
        return Err(DetectorError::artifact(format!(
            "it was trained with version {theirs} of `{}`, this runner has {ours}; train it again",
            artifact.header.detector
        )));
    }
    detector.load(artifact)
}
