//! `--list`: what this runner would register, for people and programs.

use std::io::Write as _;

use nunatak_detector::{Detector, DetectorSpec};

/// An array of specs: name, version, title, summary, description, input kind, hyperparameter schema.
pub(super) fn print(detectors: &[Box<dyn Detector>]) -> anyhow::Result<()> {
    let specs: Vec<DetectorSpec> = detectors.iter().map(|detector| detector.spec()).collect();
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &specs)?;
    writeln!(out)?;
    Ok(())
}
