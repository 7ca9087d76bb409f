//! Classifiers that learn faults from labelled rows.

use nunatak_detector::Detector;

/// In the order of the catalogue: what to try first stands first.
pub(crate) fn all() -> Vec<Box<dyn Detector>> {
    vec![]
}
