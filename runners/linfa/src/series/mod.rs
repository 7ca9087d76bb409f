//! Detectors that read rows as equally spaced moments in time order.

mod autoregressive;
mod columns;
mod cusum;
mod ewma;
mod forecasting;
mod holt_winters;
mod loess;
mod mewma;
mod recurrence;
mod robust_zscore;
mod seasonal_decomposition;
mod seasons;
mod shewhart;
mod smoothing;
mod spread;
mod ssa;
mod sub_pca;
pub(crate) mod windows;

use nunatak_detector::Detector;

/// In the order of the catalogue: what to try first stands first.
pub(crate) fn all() -> Vec<Box<dyn Detector>> {
    vec![
        Box::new(sub_pca::SubPca),
        Box::new(robust_zscore::RobustZscore),
        Box::new(seasonal_decomposition::SeasonalDecomposition),
        Box::new(holt_winters::HoltWinters),
        Box::new(autoregressive::Autoregressive),
        Box::new(ssa::Ssa),
        Box::new(shewhart::Shewhart),
        Box::new(ewma::Ewma),
        Box::new(cusum::Cusum),
        Box::new(mewma::Mewma),
    ]
}
