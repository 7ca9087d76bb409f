//! The shell lines of docs/add-a-detector.md work when they are pasted: an outsider's runner beside a server.

use std::{path::Path, time::SystemTime};

use nunatak_test_support::TestDb;

use crate::shell;

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/add-a-detector.md"));

/// All of the page's shell lines, one after the other.
fn script() -> String {
    PAGE.split("\n```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

/// Another package's program: cargo builds it beside ours when the whole workspace is tested, and not with `-p nunatak`.
fn check_that_it_is_built() {
    let program = Path::new(env!("CARGO_BIN_EXE_nunatak")).with_file_name("anne-runner");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/detector/src/main.rs");
    let changed = |path: &Path| path.metadata().and_then(|it| it.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let is_current = changed(&program) >= changed(Path::new(source));
    assert!(is_current, "{} is missing or old: run `cargo build -p anne-runner`", program.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_process_is_in_the_catalogue_trains_and_predicts() {
    check_that_it_is_built();
    let db = TestDb::fresh().await;
    let (text, error) = shell::run(&db, &script());
    let catalogue = text.lines().find(|line| line.contains("hyperparameterSchema")).unwrap_or_else(|| panic!("{text}"));
    let catalogue: serde_json::Value = serde_json::from_str(catalogue).unwrap();
    let detector = &catalogue["detectors"]["nodes"][0];
    assert_eq!((&detector["name"], &detector["inputKind"]), (&"anne".into(), &"TABULAR".into()));
    let setting = &detector["hyperparameterSchema"]["properties"]["sample_size"];
    assert_eq!((&setting["default"], &setting["maximum"]), (&8.into(), &1000.into()));

    let metrics = error.lines().find(|line| line.contains("roc_auc")).unwrap_or_else(|| panic!("{error}"));
    let version: serde_json::Value = serde_json::from_str(metrics).unwrap();
    let roc_auc = version["job"]["version"]["metrics"][0]["last"].as_f64().unwrap();
    assert!(roc_auc > 0.95, "{roc_auc}");

    let scores: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let prediction = &scores["job"]["prediction"];
    assert_eq!(prediction["scores"]["nodes"].as_array().unwrap().len(), 3, "{prediction}");
    assert!(prediction["scores"]["nodes"][0]["reasons"][0]["column"].is_string(), "{prediction}");
}
