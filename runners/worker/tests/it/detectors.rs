//! Detectors that behave well or badly on purpose.

use std::collections::BTreeMap;
use std::time::Duration;

use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons, SavedState, Tensor,
};
use serde_json::{Value, json};

pub(crate) fn all() -> Vec<Box<dyn Detector>> {
    vec![
        Box::new(Scripted { name: "middle", fit: |_| Ok(()) }),
        Box::new(Scripted { name: "slow", fit: for_a_while }),
        Box::new(Scripted { name: "stuck", fit: until_cancelled }),
        Box::new(Scripted { name: "broken", fit: |_| panic!("index out of bounds") }),
    ]
}

/// Scores a row by its first column's distance from the mean.
#[derive(Debug)]
struct Scripted {
    name: &'static str,
    fit: fn(&Context<'_>) -> Result<(), DetectorError>,
}

/// Long enough that a test can do something meanwhile.
fn for_a_while(ctx: &Context<'_>) -> Result<(), DetectorError> {
    for _ in 0..100 {
        ctx.check_cancelled()?;
        std::thread::park_timeout(Duration::from_millis(2));
    }
    Ok(())
}

fn until_cancelled(ctx: &Context<'_>) -> Result<(), DetectorError> {
    loop {
        ctx.check_cancelled()?;
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

impl Detector for Scripted {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: self.name.into(),
            version: "1.0.0".into(),
            title: self.name.into(),
            summary: String::new(),
            description: String::new(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: String::new(),
            source: String::new(),
            hyperparameters: HyperparameterSchema::new().build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        _hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        (self.fit)(ctx)?;
        let mean = frame.values().column(0).sum() / frame.n_rows() as f64;
        Ok(Box::new(Fitted { mean }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        Ok(Box::new(Fitted { mean: artifact.vector_of("mean", 1)?[0] }))
    }
}

#[derive(Debug)]
struct Fitted {
    mean: f64,
}

impl FittedDetector for Fitted {
    fn score(&self, frame: &Frame, _ctx: &Context<'_>) -> Result<Vec<f64>, DetectorError> {
        Ok(frame.values().column(0).iter().map(|value| (value - self.mean).abs()).collect())
    }

    fn save(&self) -> SavedState {
        let tensors = BTreeMap::from([("mean".to_owned(), Tensor::vector(vec![self.mean]))]);
        SavedState { tensors, preprocessing: None }
    }

    fn parameters(&self) -> BTreeMap<String, Value> {
        BTreeMap::from([("mean_".to_owned(), json!(self.mean))])
    }
}
