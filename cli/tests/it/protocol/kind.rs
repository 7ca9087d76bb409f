//! The kinds of runners, and what each is told to do.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

/// A detector with settings.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) detector: &'static str,
    pub(super) settings: Value,
}

/// A program that is a runner, and detectors that it has.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    program: PathBuf,
    arguments: Vec<String>,
    /// How to say for how long running jobs may go on after SIGTERM.
    pub(super) drain_flag: Option<&'static str>,
    /// Done within a second or two, and good at finding anomalies.
    pub(super) quick: Work,
    /// Some seconds: long enough to be interrupted in the middle, short enough to be done a second time.
    pub(super) slow: Work,
    /// Does not end within a test, but looks at its cancel flag.
    pub(super) endless: Work,
    /// Fails on data without labels, which the server cannot know.
    pub(super) needs_labels: Work,
}

impl Kind {
    /// The command of a runner, without the environment and arguments that every runner gets.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }
}

fn work(detector: &'static str, settings: Value) -> Work {
    Work { detector, settings }
}

/// `nunatak runner`.
pub(super) fn rust() -> Kind {
    Kind {
        program: env!("CARGO_BIN_EXE_nunatak").into(),
        arguments: vec!["runner".into()],
        drain_flag: Some("--drain-seconds"),
        quick: work("isolation_forest", json!({ "n_estimators": 50 })),
        slow: work("one_class_svm", json!({ "max_samples": 3000, "threshold": { "calibration": "split" } })),
        endless: work("isolation_forest", json!({ "n_estimators": 5000, "max_samples": 10_000 })),
        needs_labels: work("decision_tree", json!({})),
    }
}

/// `nunatak-runner` of runners/python with the detectors of `detectors.py`; `None` where it is not installed.
pub(super) fn python() -> Option<Kind> {
    let plugin = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/protocol/detectors.py:detectors");
    Some(Kind {
        program: super::python::interpreter()?,
        arguments: ["-m", "nunatak_runner", "--plugin", plugin].map(String::from).to_vec(),
        drain_flag: None,
        quick: work("sklearn_isolation_forest", json!({})),
        slow: work("test_wait", json!({ "seconds": 4.0 })),
        endless: work("test_wait", json!({ "seconds": 3600.0 })),
        needs_labels: work("test_needs_labels", json!({})),
    })
}
