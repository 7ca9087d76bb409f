//! The built-in detectors, on linfa, ndarray and rayon.
//!
//! # Adding a detector
//! Write one file with the description, the hyperparameters, a type that implements
//! [`Detector`] and one that implements [`FittedDetector`](nunatak_detector::FittedDetector), and add one line to [`all`].
//! The tests in `tests/it/gates.rs` then hold it to what holds for all: finite scores on constant columns, a row alone scores
//! as in a batch, saving and loading changes no bit, seeds repeat, threads do not matter, cancelling stops.
//! Add its reference scores to `tests/it/parity.rs`.

mod copod;
mod dbscan;
mod ecdf;
mod ecod;
mod expectation_maximization;
mod forest;
mod gaussian_mixture;
mod hbos;
mod isolation_forest;
mod knn;
mod linalg;
mod mahalanobis;
mod neighbors;
mod one_class_svm;
mod pca;
mod random;
mod robust_zscore;
mod rows;
mod scaling;
mod sub_pca;
mod windows;

use nunatak_detector::Detector;

/// Every built-in detector, in the order of the catalogue: what to try first stands first.
pub fn all() -> Vec<Box<dyn Detector>> {
    vec![
        Box::new(isolation_forest::IsolationForest),
        Box::new(knn::Knn),
        Box::new(pca::Pca),
        Box::new(mahalanobis::Mahalanobis),
        Box::new(ecod::Ecod),
        Box::new(copod::Copod),
        Box::new(hbos::Hbos),
        Box::new(gaussian_mixture::GaussianMixture),
        Box::new(one_class_svm::OneClassSvm),
        Box::new(dbscan::Dbscan),
        Box::new(sub_pca::SubPca),
        Box::new(robust_zscore::RobustZscore),
    ]
}
