//! The built-in detectors, on linfa, ndarray and rayon.
//!
//! # Adding a detector
//! Write one file in `tabular`, `series` or `supervised` with the description, the hyperparameters, a type that implements
//! [`Detector`] and one that implements [`FittedDetector`](nunatak_detector::FittedDetector), and add one line to the `all`
//! of that directory. The tests in `tests/it/gates.rs` then hold it to what holds for all: finite scores on constant columns,
//! a row alone scores as in a batch, saving and loading changes no bit, seeds repeat, threads do not matter, cancelling
//! stops. Add its reference scores to `tests/it/parity.rs` or `tests/it/series.rs`.

mod chi_squared;
mod contributions;
mod density_tree;
mod ecdf;
mod ellipsoid;
mod expectation_maximization;
mod extended_forest;
mod forest;
mod kd_tree;
mod kmeans;
mod linalg;
mod neighbors;
mod random;
mod robust_covariance;
mod rows;
mod scaling;
mod series;
mod supervised;
mod tabular;

use nunatak_detector::Detector;

/// Every built-in detector, in the order of the catalogue: what to try first stands first.
pub fn all() -> Vec<Box<dyn Detector>> {
    [tabular::all(), series::all(), supervised::all()].into_iter().flatten().collect()
}
