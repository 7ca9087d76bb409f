//! The little linear algebra that detectors share. Row-wise products are loops of our own: a matrix product may add in
//! another order for a batch than for one row, and scores must not depend on the batch.

use linfa_linalg::eigh::{EigSort, Eigh};
use linfa_linalg::norm::Norm;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use nunatak_detector::DetectorError;

/// Eigenvalues in descending order, with the eigenvectors that belong to them as rows.
#[derive(Debug, Clone)]
pub(crate) struct Eigen {
    pub(crate) values: Array1<f64>,
    pub(crate) vectors: Array2<f64>,
}

/// Mean of each column and the covariance with divisor `n - ddof`, shape (n_features, n_features).
pub(crate) fn covariance(values: ArrayView2<'_, f64>, ddof: f64) -> (Array1<f64>, Array2<f64>) {
    let mean = values.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(values.ncols()));
    let centred = &values - &mean;
    let covariance = centred.t().dot(&centred) / (values.nrows() as f64 - ddof);
    (mean, covariance)
}

/// Eigen-decomposition of a symmetric positive semi-definite matrix, without null eigenvalues: those not greater than
/// `n x epsilon x largest` are rounding noise and are dropped, so that dividing by the rest is safe. May be empty.
///
/// Each vector's sign makes its largest entry positive, as scikit-learn's `svd_flip`.
pub(crate) fn eigen(matrix: &Array2<f64>) -> Result<Eigen, DetectorError> {
    if !matrix.iter().all(|value| value.is_finite()) {
        return Err(DetectorError::numeric("the covariance is not finite; are there values of extreme size?"));
    }
    // A null matrix (all columns constant) has nothing to decompose.
    let size = matrix.nrows();
    if matrix.norm_max() == 0.0 {
        return Ok(Eigen { values: Array1::zeros(0), vectors: Array2::zeros((0, size)) });
    }
    let (values, vectors) = matrix
        .eigh()
        .map_err(|error| DetectorError::numeric(format!("the covariance has no eigen-decomposition: {error}")))?
        .sort_eig_desc();
    let smallest = size as f64 * f64::EPSILON * values[0];
    let kept = values.iter().take_while(|value| **value > smallest).count();
    let mut vectors = vectors.t().slice_axis(Axis(0), (0..kept).into()).as_standard_layout().into_owned();
    for mut vector in vectors.rows_mut() {
        let largest = vector.iter().copied().fold(0.0, |max: f64, x| if x.abs() > max.abs() { x } else { max });
        if largest < 0.0 {
            vector.mapv_inplace(|x| -x);
        }
    }
    Ok(Eigen { values: values.slice_axis(Axis(0), (0..kept).into()).to_owned(), vectors })
}

/// Sum of a[i] * b[i], in the order of i.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Squared Euclidean distance. Four running sums let the processor work on four terms at once.
pub(crate) fn squared_distance<F: linfa::Float>(a: &[F], b: &[F]) -> F {
    let square = |a: &F, b: &F| (*a - *b) * (*a - *b);
    let mut sums = [F::zero(); 4];
    let (a_chunks, b_chunks) = (a.chunks_exact(4), b.chunks_exact(4));
    let tail: F = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| square(a, b)).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += square(a, b);
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}
