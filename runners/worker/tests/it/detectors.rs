//! Detectors that behave well or badly on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex};
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

/// Numbers of gates: those that a scoring thread stands before, and those that are open.
static GATES: Mutex<(BTreeSet<i64>, BTreeSet<i64>)> = Mutex::new((BTreeSet::new(), BTreeSet::new()));
static GATE_CHANGED: Condvar = Condvar::new();

/// Lets on who scores a row whose first value is `-number`.
pub(crate) fn open_gate(number: i64) {
    GATES.lock().unwrap().1.insert(number);
    GATE_CHANGED.notify_all();
}

/// Waits until somebody scores such a row.
pub(crate) async fn reached_gate(number: i64) {
    let reached = move || {
        let wait = |gates: &mut (BTreeSet<i64>, BTreeSet<i64>)| !gates.0.contains(&number);
        drop(GATE_CHANGED.wait_while(GATES.lock().unwrap(), wait).unwrap());
    };
    tokio::task::spawn_blocking(reached).await.unwrap();
}

fn pass_gate(number: i64) {
    let mut gates = GATES.lock().unwrap();
    gates.0.insert(number);
    GATE_CHANGED.notify_all();
    drop(GATE_CHANGED.wait_while(gates, |gates| !gates.1.contains(&number)).unwrap());
}

/// Scores a row by its first column's distance from the mean. A value of 666 breaks it, a negative one is a gate's number.
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
        for value in frame.values().column(0) {
            assert!(*value != 666.0, "the number of the beast");
            if *value < 0.0 {
                pass_gate(-*value as i64);
            }
        }
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
