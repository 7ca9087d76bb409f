//! Versions: registering, reading, finding.

mod new;

pub use new::{Artifact, DatasetOrigin, Git, MetricPoint, NewFigure, NewVersion};
