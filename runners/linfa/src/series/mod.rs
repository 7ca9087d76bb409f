//! Detectors that read rows as equally spaced moments in time order.

mod autoregressive;
mod columns;
mod cusum;
mod cut_tree;
mod ewma;
mod fft;
mod forecasting;
mod half_space_trees;
mod holt_winters;
mod loess;
mod matrix_profile;
mod mewma;
mod profile;
mod recurrence;
mod robust_random_cut_forest;
mod robust_zscore;
mod seasonal_decomposition;
mod seasons;
mod shewhart;
mod shingle;
mod smoothing;
mod spectral_residual;
mod spread;
mod ssa;
mod sub_pca;
mod windowed;
pub(crate) mod windows;

use nunatak_detector::Detector;

/// In the order of the catalogue: what to try first stands first.
pub(crate) fn all() -> Vec<Box<dyn Detector>> {
    let mut all: Vec<Box<dyn Detector>> = vec![
        Box::new(sub_pca::SubPca),
        Box::new(robust_zscore::RobustZscore),
        Box::new(matrix_profile::MatrixProfile),
        Box::new(seasonal_decomposition::SeasonalDecomposition),
        Box::new(holt_winters::HoltWinters),
        Box::new(autoregressive::Autoregressive),
        Box::new(ssa::Ssa),
        Box::new(half_space_trees::HalfSpaceTrees),
        Box::new(robust_random_cut_forest::RobustRandomCutForest),
        Box::new(spectral_residual::SpectralResidual),
        Box::new(shewhart::Shewhart),
        Box::new(ewma::Ewma),
        Box::new(cusum::Cusum),
        Box::new(mewma::Mewma),
    ];
    all.extend(windowed::adapters(crate::tabular::all()));
    all
}
