//! The kit tells a sound detector from broken ones: a test kit that finds nothing would be worth nothing.

use std::collections::BTreeMap;

use super::*;
use crate::{
    Artifact, DetectorSpec, FittedDetector, HyperparameterSchema, Hyperparameters, InputKind, Reasons, SavedState,
    Tensor,
};

/// What is wrong with a detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Nothing,
    /// The score is the wrong way round.
    Sign,
    /// The score depends on the other rows of the batch.
    Batch,
    /// What is saved is rounded.
    Rounding,
    /// Indexes what an artefact says without looking.
    Trust,
    /// Says that it explains its scores, and does not.
    Promised,
    Undescribed,
}

/// The distance from the mean of each column, in standard deviations.
#[derive(Debug)]
struct Distance(Fault);

impl Detector for Distance {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "distance".into(),
            version: if self.0 == Fault::Undescribed { "1".into() } else { "1.0.0".into() },
            title: "Distance".into(),
            summary: "For a test.".into(),
            description: "Distance from the mean.".into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: if self.0 == Fault::Promised { Reasons::Exact } else { Reasons::LeaveOneFeatureOut },
            cost: "O(n).".into(),
            source: "None.".into(),
            hyperparameters: HyperparameterSchema::new().build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        _hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        ctx.check_cancelled()?;
        let mean = frame.values().columns().into_iter().map(|column| column.mean().unwrap_or(0.0)).collect();
        Ok(Box::new(Fitted { mean, fault: self.0 }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let mean = match self.0 {
            Fault::Trust => match &artifact.tensors["mean"].data {
                crate::TensorData::F64(mean) => mean.clone(),
                crate::TensorData::U32(_) => Vec::new(),
            },
            _ => artifact.vector_of("mean", artifact.header.n_features())?.to_vec(),
        };
        Ok(Box::new(Fitted { mean, fault: self.0 }))
    }
}

#[derive(Debug)]
struct Fitted {
    mean: Vec<f64>,
    fault: Fault,
}

impl FittedDetector for Fitted {
    fn score(&self, frame: &Frame, _ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        let far = |row: usize| (0..self.mean.len()).map(|i| (frame.row(row)[i] - self.mean[i]).abs().min(1e300)).sum();
        let mut scores: Vec<f64> = (0..frame.n_rows()).map(far).collect();
        match self.fault {
            Fault::Sign => scores.iter_mut().for_each(|score| *score = -*score),
            Fault::Batch => scores.iter_mut().for_each(|score| *score /= frame.n_rows() as f64),
            _ => {}
        }
        Ok(scores.into_iter().map(|score: f64| score.clamp(-1e300, 1e300)).collect())
    }

    fn save(&self) -> SavedState {
        let round = |mean: &f64| if self.fault == Fault::Rounding { (mean * 8.0).round() / 8.0 } else { *mean };
        let mean = Tensor::vector(self.mean.iter().map(round).collect());
        SavedState { tensors: BTreeMap::from([("mean".to_owned(), mean)]), preprocessing: None }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::new()
    }
}

/// The names of the promises that a detector with this fault breaks.
fn broken_by(fault: Fault) -> Vec<&'static str> {
    let detector = Distance(fault);
    let subject = Subject::new(&detector, Value::Null);
    let is_broken = |promise: &&Promise| matches!(subject.keeps(promise), Verdict::Broken(_));
    promises().iter().filter(is_broken).map(|promise| promise.name).collect()
}

#[test]
fn a_sound_detector_keeps_them_all() {
    keeps_all_promises(&Distance(Fault::Nothing), &Value::Null);
}

#[test]
fn each_fault_is_found_under_its_own_name() {
    for (fault, names) in [
        (Fault::Sign, &["higher"][..]),
        (Fault::Batch, &["row_alone"]),
        (Fault::Rounding, &["reloads"]),
        (Fault::Trust, &["survives"]),
        (Fault::Promised, &["contributes"]),
        (Fault::Undescribed, &["described"]),
    ] {
        assert_eq!(broken_by(fault), names, "{fault:?}");
    }
}

#[test]
#[should_panic(expected = "`distance` does not keep what detectors promise:\n  describes itself")]
fn a_test_of_an_author_fails_with_the_sentence() {
    keeps_all_promises(&Distance(Fault::Undescribed), &Value::Null);
}
