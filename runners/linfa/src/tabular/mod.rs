//! Detectors for which the order of the rows means nothing.

mod cblof;
mod copod;
mod dbscan;
mod ecod;
mod ensemble;
mod ensemble_members;
mod extended_isolation_forest;
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
mod mcd;
mod one_class_svm;
pub(crate) mod pca;
mod sgd_one_class_svm;

use nunatak_detector::Detector;

/// In the order of the catalogue: what to try first stands first.
pub(crate) fn all() -> Vec<Box<dyn Detector>> {
    vec![
        Box::new(isolation_forest::IsolationForest),
        Box::new(extended_isolation_forest::ExtendedIsolationForest),
        Box::new(knn::Knn),
        Box::new(lof::Lof),
        Box::new(pca::Pca),
        Box::new(mahalanobis::Mahalanobis),
        Box::new(mcd::Mcd),
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
        Box::new(sgd_one_class_svm::SgdOneClassSvm),
        Box::new(dbscan::Dbscan),
        Box::new(ensemble::Ensemble),
    ]
}
