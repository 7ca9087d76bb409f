//! Classifiers that learn faults from labelled rows.

mod cart;
mod classes;
mod decision_tree;
mod ensemble;
mod gaussian_nb;
mod impurity;
mod random_forest;
mod ranks;
mod splits;
mod tree;

use nunatak_detector::Detector;

/// In the order of the catalogue: what to try first stands first.
pub(crate) fn all() -> Vec<Box<dyn Detector>> {
    vec![
        Box::new(random_forest::RandomForest),
        Box::new(decision_tree::DecisionTree),
        Box::new(gaussian_nb::GaussianNb),
    ]
}
