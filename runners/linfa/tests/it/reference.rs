//! Where the tests find data sets and the scores to match.
//!
//! Bundled: `examples/data` of the repository and `tests/golden` of this crate. More, when `NUNATAK_REFERENCE_DIR` (or a
//! directory `shared` beside the repository) has `data/` and `reference/`; a fresh clone does without.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;

use nunatak_detector::{Context, CsvOptions, Detector, Frame, Trained, find_detector, train};
use serde_json::{Value, json};

pub(crate) const BUNDLED: [&str; 3] = ["cardio", "thyroid", "shuttle"];

/// The tables that only the reference directory has.
const OUTSIDE: [&str; 9] =
    ["mammography", "wine", "breastw", "pima", "ionosphere", "waveform", "satellite", "musk", "smtp"];

/// Names of all tables that are there.
pub(crate) fn tables() -> Vec<&'static str> {
    BUNDLED.into_iter().chain(OUTSIDE.into_iter().filter(|name| table_path(name).is_some())).collect()
}

pub(crate) fn table(name: &str) -> Frame {
    read(table_path(name).expect("a data set that is there"), None)
}

/// A NAB series by file stem, bundled or from the reference directory, its rows taken to be equally spaced as the
/// reference takes them.
pub(crate) fn series(name: &str) -> Option<Frame> {
    let frame = timed_series(name)?;
    let labels = frame.labels().map(<[_]>::to_vec);
    Some(Frame::new(frame.columns().to_vec(), frame.values().to_owned(), None, labels).unwrap())
}

/// The same with its times.
pub(crate) fn timed_series(name: &str) -> Option<Frame> {
    let file = format!("{name}.csv");
    let outside = outside().map(|dir| dir.join("data/nab").join(&file));
    let path = std::iter::once(bundled(&file)).chain(outside).find(|path| path.exists())?;
    Some(read(path, Some("timestamp".into())))
}

/// Reference scores of the first rows (the bundled file has 600, those outside all), a vector a column; `None` where there
/// are none for this table.
pub(crate) fn golden(name: &str) -> Option<HashMap<String, Vec<f64>>> {
    let file = format!("{name}.csv");
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(&file);
    let outside = outside().map(|dir| dir.join("reference/golden").join(&file));
    let path = outside.into_iter().chain([here]).find(|path| path.exists())?;
    let frame = Frame::from_csv(File::open(path).unwrap(), &CsvOptions::default()).unwrap();
    let columns = frame.columns().iter().cloned().enumerate();
    Some(columns.map(|(i, column)| (column, frame.values().column(i).to_vec())).collect())
}

/// Tennessee Eastman: 500 rows without a fault, and the 320 rows before the fault of two other runs.
pub(crate) fn plant() -> Option<(Frame, Frame)> {
    let dir = outside()?.join("data/tep");
    let whole = |name: &str| read(dir.join(name), None);
    let [first, second] = ["tep_d01_te.csv", "tep_d05_te.csv"].map(|name| whole(name).slice_rows(0..160));
    let rows = ndarray::concatenate(ndarray::Axis(0), &[first.values(), second.values()]).unwrap();
    assert!(first.labels().unwrap().iter().all(|label| *label == 0));
    Some((whole("tep_d00.csv"), Frame::new(first.columns().to_vec(), rows, None, None).unwrap()))
}

pub(crate) fn detector(name: &str) -> Box<dyn Detector> {
    nunatak_linfa::all().into_iter().find(|detector| detector.spec().name == name).expect("a registered detector")
}

/// Trains with the threshold set on one split: cross-fitting would fit five times more, and the tests that use this look
/// at scores.
pub(crate) fn fit(name: &str, frame: &Frame, mut hyperparameters: Value) -> Trained {
    if hyperparameters.is_null() {
        hyperparameters = json!({});
    }
    hyperparameters["threshold"] = json!({"calibration": "split"});
    let detectors = nunatak_linfa::all();
    let detector = find_detector(&detectors, name).unwrap();
    train(detector, frame, &hyperparameters, &Context::quiet(0)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn read(path: PathBuf, time_column: Option<String>) -> Frame {
    let options = CsvOptions { label_column: Some("label".into()), time_column, ..CsvOptions::default() };
    Frame::from_csv(File::open(path).unwrap(), &options).unwrap()
}

fn table_path(name: &str) -> Option<PathBuf> {
    let file = format!("{name}.csv");
    let outside = outside().map(|dir| dir.join("data/tabular").join(&file));
    std::iter::once(bundled(&file)).chain(outside).find(|path| path.exists())
}

fn bundled(file: &str) -> PathBuf {
    repository().join("examples/data").join(file)
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn outside() -> Option<PathBuf> {
    // Naming a directory that is not there is how to test what a fresh clone tests.
    let dir = std::env::var_os("NUNATAK_REFERENCE_DIR").map_or_else(|| repository().join("../shared"), PathBuf::from);
    dir.join("reference/golden").exists().then_some(dir)
}
