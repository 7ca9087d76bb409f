//! A trained version in memory, ready to score.

use std::borrow::Cow;

use crate::explain::explain;
use crate::prepare::Prepared;
use crate::reasons::{self, RowReasons};
use crate::validation::check_scores;
use crate::{
    Artifact, ArtifactHeader, Context, Detector, DetectorError, FittedDetector, Frame, InputKind, Reasons,
    find_detector,
};

/// A decoded artefact with its detector. Cheap to apply again and again, from many threads at once.
#[derive(Debug)]
pub struct Model {
    header: ArtifactHeader,
    fitted: Box<dyn FittedDetector>,
    input_kind: InputKind,
    reasons: Reasons,
}

/// Scores with what else is known of the rows.
#[derive(Debug)]
pub(crate) struct Scored<'a> {
    pub(crate) prepared: Prepared<'a>,
    /// One for each row that the detector saw.
    pub(crate) seen: Vec<f64>,
}

impl Scored<'_> {
    /// One for each row as it came.
    pub(crate) fn scores(&self) -> Cow<'_, [f64]> {
        self.prepared.scores_of_rows(&self.seen)
    }
}

impl Model {
    /// Decodes `artifact` and rebuilds its detector.
    ///
    /// # Errors
    /// [`DetectorError::Artifact`] for damaged bytes or another format or major version,
    /// [`DetectorError::UnknownDetector`] when `detectors` does not have the detector.
    pub fn load(detectors: &[Box<dyn Detector>], artifact: &[u8]) -> Result<Self, DetectorError> {
        let artifact = Artifact::decode(artifact)?;
        Self::rebuild(find_detector(detectors, &artifact.header.detector)?, artifact)
    }

    /// As [`load`](Self::load), with one detector: its name must be the artefact's.
    ///
    /// # Errors
    /// As there.
    pub fn of(detector: &dyn Detector, artifact: &[u8]) -> Result<Self, DetectorError> {
        let artifact = Artifact::decode(artifact)?;
        let name = detector.spec().name;
        if artifact.header.detector != name {
            return Err(DetectorError::UnknownDetector { name: artifact.header.detector, known: vec![name] });
        }
        Self::rebuild(detector, artifact)
    }

    fn rebuild(detector: &dyn Detector, artifact: Artifact) -> Result<Self, DetectorError> {
        let spec = detector.spec();
        check_version(&spec.version, &artifact)?;
        let fitted = detector.load(&artifact)?;
        Ok(Self { header: artifact.header, fitted, input_kind: spec.input_kind, reasons: spec.reasons })
    }

    pub fn header(&self) -> &ArtifactHeader {
        &self.header
    }

    pub fn fitted(&self) -> &dyn FittedDetector {
        self.fitted.as_ref()
    }

    pub(crate) fn into_fitted(self) -> Box<dyn FittedDetector> {
        self.fitted
    }

    pub fn input_kind(&self) -> InputKind {
        self.input_kind
    }

    /// One score for each row of `frame`, higher is more anomalous. Columns are matched by name, in any order.
    ///
    /// # Errors
    /// [`DetectorError::InputSchema`] when the columns are not those of training.
    pub fn score(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        self.score_prepared(frame, ctx).map(|scored| scored.scores().into_owned())
    }

    pub(crate) fn score_prepared<'a>(&self, frame: &'a Frame, ctx: &Context<'_>) -> Result<Scored<'a>, DetectorError> {
        let prepared = Prepared::apply(&self.header, frame)?;
        ctx.check_cancelled()?;
        let seen = self.fitted.score(prepared.frame(), ctx)?;
        check_scores(&seen, prepared.frame().n_rows())?;
        Ok(Scored { prepared, seen })
    }

    /// Why the highest of the rows above `threshold` have their scores. `None` for a version older than typical values.
    pub(crate) fn reasons(
        &self,
        scored: &Scored<'_>,
        threshold: f64,
        ctx: &Context<'_>,
    ) -> Result<Option<RowReasons>, DetectorError> {
        let n_features = self.header.n_features();
        if self.header.typical.len() != n_features {
            return Ok(None);
        }
        let rows = reasons::rows_to_explain(&scored.scores(), threshold, n_features, self.reasons);
        let places: Vec<usize> = match scored.prepared.places() {
            Some(places) => rows.iter().map(|row| places[*row]).collect(),
            None => rows.clone(),
        };
        let whole_columns = self.input_kind == InputKind::Series;
        let frame = scored.prepared.frame();
        let fitted = self.fitted.as_ref();
        let contributions = explain(fitted, frame, &places, &scored.seen, &self.header.typical, whole_columns, ctx)?;
        Ok(Some(RowReasons::of(rows, &contributions, &self.header)))
    }
}

fn check_version(ours: &str, artifact: &Artifact) -> Result<(), DetectorError> {
    let theirs = &artifact.header.detector_version;
    // Semantic versioning: within one major version, newer code reads older artefacts.
    if ours.split('.').next() == theirs.split('.').next() {
        return Ok(());
    }
    let theirs: String = theirs.chars().take(40).collect();
    Err(DetectorError::artifact(format!(
        "it was trained with version {theirs} of `{}`, this runner has {ours}; train it again",
        artifact.header.detector
    )))
}
