//! `--check`: the promises of the plug-in interface, tried on small data, with a line for each.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use nunatak_detector::testing::{Subject, Verdict, promises};
use nunatak_detector::{Detector, find_detector};
use serde_json::Value;

/// # Errors
/// When a name is unknown, or a detector breaks a promise.
pub(super) fn run(
    detectors: &[Box<dyn Detector>],
    names: &[String],
    hyperparameters: Option<&Value>,
) -> anyhow::Result<()> {
    let chosen: Vec<&dyn Detector> = if names.is_empty() {
        detectors.iter().map(AsRef::as_ref).collect()
    } else {
        names.iter().map(|name| find_detector(detectors, name)).collect::<Result<_, _>>()?
    };
    let mut broken = 0;
    for detector in &chosen {
        broken += check(*detector, hyperparameters).context("cannot write to the standard output")?;
    }
    if broken > 0 {
        bail!("{broken} broken promises in {} detectors", chosen.len());
    }
    Ok(())
}

/// How many promises `detector` breaks.
fn check(detector: &dyn Detector, hyperparameters: Option<&Value>) -> std::io::Result<usize> {
    let spec = detector.spec();
    let subject = Subject::new(detector, hyperparameters.cloned().unwrap_or(Value::Null));
    let (mut out, mut broken) = (std::io::stdout(), 0);
    writeln!(out, "{} {}", spec.name, spec.version)?;
    for promise in promises() {
        match subject.keeps(promise) {
            Verdict::Kept => writeln!(out, "  kept      {}", promise.says)?,
            Verdict::NotApplicable(why) => writeln!(out, "  -         {} ({why})", promise.says)?,
            Verdict::Broken(how) => {
                broken += 1;
                writeln!(out, "  BROKEN    {}: {how}", promise.says)?;
            }
        }
    }
    Ok(broken)
}
