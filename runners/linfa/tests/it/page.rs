//! `docs/detectors.md` says what the detectors say of themselves.

use nunatak_detector::{DetectorSpec, detectors_page};

/// `cargo xtask codegen` (or `NUNATAK_UPDATE=1`) rewrites it.
#[test]
fn detectors_page_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/detectors.md");
    let specs: Vec<DetectorSpec> = nunatak_linfa::all().iter().map(|detector| detector.spec()).collect();
    let page = detectors_page(&specs);
    if std::env::var_os("NUNATAK_UPDATE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(page == committed, "docs/detectors.md is out of date: run `cargo xtask codegen` and commit it");
}
