//! Detectors that read rows as equally spaced moments in time order.

mod cut_tree;
mod fft;
mod half_space_trees;
mod matrix_profile;
mod profile;
mod robust_random_cut_forest;
mod robust_zscore;
mod shingle;
mod spectral_residual;
mod sub_pca;
mod windowed;
pub(crate) mod windows;

use nunatak_detector::Detector;

/// In the order of the catalogue: what to try first stands first.
pub(crate) fn all() -> Vec<Box<dyn Detector>> {
    let mut all: Vec<Box<dyn Detector>> = vec![
        Box::new(sub_pca::SubPca),
        Box::new(matrix_profile::MatrixProfile),
        Box::new(robust_zscore::RobustZscore),
        Box::new(half_space_trees::HalfSpaceTrees),
        Box::new(robust_random_cut_forest::RobustRandomCutForest),
        Box::new(spectral_residual::SpectralResidual),
    ];
    all.extend(windowed::adapters(crate::tabular::all()));
    all
}
