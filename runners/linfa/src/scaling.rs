//! The optional standardisation that most detectors begin with.

use ndarray::Array2;
use nunatak_detector::{ArtifactHeader, DetectorError, Frame, Hyperparameters, Standardization};
use rayon::prelude::*;

use crate::rows::BLOCK_ROWS;

/// Standardises when the hyperparameter `standardize` says so, else hands rows through.
#[derive(Debug, Clone)]
pub(crate) struct Scaling(Option<Standardization>);

impl Scaling {
    pub(crate) fn fit(frame: &Frame, hyperparameters: &Hyperparameters) -> Result<Self, DetectorError> {
        let wanted = hyperparameters.boolean("standardize")?;
        Ok(Self(wanted.then(|| Standardization::fit(frame.values()))))
    }

    /// Hands rows through.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn load(header: &ArtifactHeader) -> Self {
        Self(header.preprocessing.clone())
    }

    /// All rows scaled, row-major, shape (n_rows, n_features).
    ///
    /// # Errors
    /// [`DetectorError::Numeric`] when a value overflows.
    pub(crate) fn table(&self, frame: &Frame) -> Result<Array2<f64>, DetectorError> {
        let mut table = frame.values().to_owned();
        let blocks = table.as_slice_mut().unwrap_or_default().par_chunks_mut(BLOCK_ROWS * frame.n_features());
        let finite = blocks.enumerate().map(|(block, out)| {
            if let Some(standardization) = &self.0 {
                let rows = frame.as_slice()[block * BLOCK_ROWS * frame.n_features()..].chunks_exact(frame.n_features());
                let out = out.chunks_exact_mut(frame.n_features());
                rows.zip(out).for_each(|(row, out)| standardization.apply_row(row, out));
            }
            // Without a way out in the middle, the processor looks at several values at once.
            out.iter().fold(true, |finite, value| finite & value.is_finite())
        });
        if finite.reduce(|| true, |a, b| a & b) {
            return Ok(table);
        }
        Err(DetectorError::numeric("values are too large to be standardised"))
    }

    /// Writes the scaled `row` into `out`, which has the same length.
    pub(crate) fn row(&self, row: &[f64], out: &mut [f64]) {
        match &self.0 {
            None => out.copy_from_slice(row),
            Some(standardization) => standardization.apply_row(row, out),
        }
    }

    pub(crate) fn saved(&self) -> Option<Standardization> {
        self.0.clone()
    }
}
