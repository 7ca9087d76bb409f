//! Detectors for which the order of the rows means nothing.

mod cblof;
mod copod;
mod dbscan;
mod ecod;
mod gaussian_mixture;
mod hbos;
mod hdbscan;
mod inne;
mod isolation_forest;
mod kmeans;
mod knn;
mod loda;
mod lof;
mod mahalanobis;
mod one_class_svm;
pub(crate) mod pca;

use nunatak_detector::Detector;

/// In the order of the catalogue: what to try first stands first.
pub(crate) fn all() -> Vec<Box<dyn Detector>> {
    vec![
        Box::new(isolation_forest::IsolationForest),
        Box::new(knn::Knn),
        Box::new(lof::Lof),
        Box::new(pca::Pca),
        Box::new(mahalanobis::Mahalanobis),
        Box::new(ecod::Ecod),
        Box::new(copod::Copod),
        Box::new(hbos::Hbos),
        Box::new(gaussian_mixture::GaussianMixture),
        Box::new(one_class_svm::OneClassSvm),
        Box::new(inne::Inne),
        Box::new(kmeans::KMeans),
        Box::new(cblof::Cblof),
        Box::new(loda::Loda),
        Box::new(hdbscan::Hdbscan),
        Box::new(dbscan::Dbscan),
    ]
}
