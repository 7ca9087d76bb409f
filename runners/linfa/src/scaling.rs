//! The optional standardisation that most detectors begin with.

use ndarray::Array2;
use nunatak_detector::{ArtifactHeader, DetectorError, Frame, Hyperparameters, Standardization};

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
        let table = match &self.0 {
            None => frame.values().to_owned(),
            Some(standardization) => standardization.apply(frame.values()),
        };
        if table.iter().all(|value| value.is_finite()) {
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
