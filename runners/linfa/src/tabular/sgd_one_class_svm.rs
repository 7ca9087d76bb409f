//! One-class support vector machine for many rows: Nystroem's approximation of the kernel, solved on mini-batches.

use ndarray::{Array2, Axis};
use nunatak_detector::{
    Artifact, Context, Detector, DetectorError, DetectorSpec, FittedDetector, Frame, HyperparameterSchema,
    Hyperparameters, InputKind, Learning, Reasons,
};
use rand::Rng;
use rayon::prelude::*;

use super::one_class_svm::Machine;
use crate::linalg::{dot, eigen, squared_distance};
use crate::random::{generator, subsample};
use crate::scaling::Scaling;

const DESCRIPTION: &str = "\
One-class support vector machine with a Gaussian kernel (Schölkopf et al., *Estimating the support of a high-dimensional \
distribution*, Neural Computation 2001) whose cost grows with the rows, not with their square. The kernel is approximated from \
`n_components` training rows (Williams and Seeger, *Using the Nyström method to speed up kernel machines*, NIPS 2000), as \
scikit-learn's `Nystroem` followed by `SGDOneClassSVM`.

The normal vector w of the plane minimises |w|^2 / 2 - rho(w) + mean(max(0, rho(w) - w·z)) / nu, where z is a row's place in \
the approximated space and rho(w) the nu-quantile of w·z. Each of `max_iter` steps draws `batch_size` rows and moves w towards \
the mean of those of them that lie outside; steps shrink as 2 / (step + 2), which averages the later ones (Lacoste-Julien, \
Schmidt and Bach, 2012). In the end rho is the exact nu-quantile over all rows.

score(x) = rho - sum(alpha_i exp(-gamma |x - b_i|^2)) over the `n_components` rows b_i: the boundary that the machine itself \
draws is at 0. Departs from scikit-learn in solving for rho exactly at each step, not by gradient. The decomposition of the \
kernel of the `n_components` rows cannot be cancelled midway, which is why there are at most 500.";

/// Rows of one task.
const BLOCK_ROWS: usize = 128;

/// Detector `sgd_one_class_svm`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SgdOneClassSvm;

impl Detector for SgdOneClassSvm {
    fn spec(&self) -> DetectorSpec {
        DetectorSpec {
            name: "sgd_one_class_svm".into(),
            version: "1.0.0".into(),
            title: "One-class SVM for many rows".into(),
            summary: "A smooth boundary around the normal rows, when they are too many for the one-class SVM.".into(),
            description: DESCRIPTION.into(),
            input_kind: InputKind::Tabular,
            learning: Learning::Unsupervised,
            reasons: Reasons::LeaveOneFeatureOut,
            cost: "Fit O((n + iterations × batch) d m + m³) for m components; scoring O(d m) a row; the version holds m rows.".into(),
            source: "Williams and Seeger, *Using the Nyström method to speed up kernel machines*, NIPS 2000.".into(),
            hyperparameters: HyperparameterSchema::new()
                .number("nu", 0.5, 0.001..=1.0, "Fraction of the training rows outside the boundary.")
                .optional_number("gamma", 1e-9..=1e6, "Kernel width exp(-gamma d^2). Null: 1 / number of features.")
                .integer("n_components", 100, 1..=500, "Training rows that the kernel is approximated from.")
                .integer("batch_size", 1_024, 16..=65_536, "Rows drawn for each step.")
                .integer("max_iter", 500, 1..=100_000, "Steps, each on rows drawn anew.")
                .standardize()
                .random_state()
                .build(),
        }
    }

    fn fit(
        &self,
        frame: &Frame,
        hyperparameters: &Hyperparameters,
        ctx: &Context<'_>,
    ) -> Result<Box<dyn FittedDetector>, DetectorError> {
        let seed = hyperparameters.seed(ctx)?;
        let nu = hyperparameters.number("nu")?;
        let scaling = Scaling::fit(frame, hyperparameters)?;
        let table = scaling.table(frame)?;
        let basis = subsample(frame.n_rows(), hyperparameters.integer("n_components")?, seed, ctx)?;
        let gamma = hyperparameters.optional_number("gamma")?.unwrap_or(1.0 / frame.n_features() as f64);
        let kernel = Kernel { basis: table.select(Axis(0), &basis), gamma };
        let inverse = kernel.inverse(ctx)?;
        let alpha = solve(&kernel, &inverse, &table, hyperparameters, ctx)?;
        ctx.report(0.9, "placing the boundary");
        let mut projections = kernel.project(table.nrows(), |row| row, &table, &alpha, ctx)?;
        let rho = quantile(&mut projections, nu);
        ctx.check_cancelled()?;
        Ok(Box::new(Machine { scaling, vectors: kernel.basis, alpha, rho, gamma, n_samples: table.nrows() }))
    }

    fn load(&self, artifact: &Artifact) -> Result<Box<dyn FittedDetector>, DetectorError> {
        Ok(Box::new(Machine::load(artifact)?))
    }
}

/// The kernel between any row and the basis.
struct Kernel {
    /// Shape (n_components, n_features).
    basis: Array2<f64>,
    gamma: f64,
}

impl Kernel {
    /// Writes the kernel of `row` with each row of the basis.
    fn write(&self, row: &[f64], out: &mut [f64]) {
        let basis = self.basis.as_slice().unwrap_or_default().chunks_exact(row.len());
        out.iter_mut().zip(basis).for_each(|(out, b)| *out = (-self.gamma * squared_distance(b, row)).exp());
    }

    /// The pseudo-inverse of the kernel of the basis with itself.
    fn inverse(&self, ctx: &Context<'_>) -> Result<Array2<f64>, DetectorError> {
        /// Directions of so small a share of the largest eigenvalue are noise that would be divided by.
        const SMALLEST: f64 = 1e-12;
        let m = self.basis.nrows();
        let mut gram = Array2::zeros((m, m));
        for (row, mut out) in self.basis.rows().into_iter().zip(gram.rows_mut()) {
            if let (Some(row), Some(out)) = (row.as_slice(), out.as_slice_mut()) {
                self.write(row, out);
            }
        }
        ctx.check_cancelled()?;
        let eigen = eigen(&gram)?;
        ctx.check_cancelled()?;
        let weights = eigen.values.mapv(|value| if value > SMALLEST * eigen.values[0] { 1.0 / value } else { 0.0 });
        let weighted = &eigen.vectors * &weights.insert_axis(Axis(1));
        Ok(eigen.vectors.t().dot(&weighted).as_standard_layout().into_owned())
    }

    /// w·z of the `n` rows `row_of(0..n)` of `table`, where `alpha` are the weights of the basis in w.
    fn project(
        &self,
        n: usize,
        row_of: impl Fn(usize) -> usize + Sync,
        table: &Array2<f64>,
        alpha: &[f64],
        ctx: &Context<'_>,
    ) -> Result<Vec<f64>, DetectorError> {
        let mut projections = vec![0.0; n];
        projections.par_chunks_mut(BLOCK_ROWS).enumerate().try_for_each(|(block, out)| {
            ctx.check_cancelled()?;
            let mut kernel = vec![0.0; alpha.len()];
            for (i, out) in out.iter_mut().enumerate() {
                self.write(slice_of(table, row_of(block * BLOCK_ROWS + i)), &mut kernel);
                *out = dot(&kernel, alpha);
            }
            Ok::<(), DetectorError>(())
        })?;
        Ok(projections)
    }

    /// The kernels of `rows` of `table` with the basis, a row each.
    fn rows(&self, rows: &[usize], table: &Array2<f64>, out: &mut [f64]) {
        let m = self.basis.nrows();
        out.par_chunks_mut(BLOCK_ROWS * m).zip(rows.par_chunks(BLOCK_ROWS)).for_each(|(out, rows)| {
            for (row, out) in rows.iter().zip(out.chunks_exact_mut(m)) {
                self.write(slice_of(table, *row), out);
            }
        });
    }
}

fn slice_of(table: &Array2<f64>, row: usize) -> &[f64] {
    let n_features = table.ncols();
    table.as_slice().map_or(&[], |values| &values[row * n_features..(row + 1) * n_features])
}

/// The weights of the basis in w. A row's place z in the approximated space is L k(row), where L'L is `inverse`, so w as a
/// mean of places is L v for a mean v of kernels, and w·z = k(row)' inverse v.
fn solve(
    kernel: &Kernel,
    inverse: &Array2<f64>,
    table: &Array2<f64>,
    hyperparameters: &Hyperparameters,
    ctx: &Context<'_>,
) -> Result<Vec<f64>, DetectorError> {
    let (n_rows, m) = (table.nrows(), inverse.nrows());
    let nu = hyperparameters.number("nu")?;
    let max_iter = hyperparameters.integer("max_iter")?;
    let batch_size = hyperparameters.integer("batch_size")?.min(n_rows);
    let mut rng = generator(hyperparameters.seed(ctx)?, 1);
    let mut rows: Vec<usize> = (0..batch_size).collect();
    let mut kernels = vec![0.0; batch_size * m];
    let mut projections = vec![0.0; batch_size];
    let (mut v, mut alpha) = (vec![0.0; m], vec![0.0; m]);
    for step in 0..max_iter {
        ctx.check_cancelled()?;
        ctx.report(0.9 * step as f64 / max_iter as f64, "moving the boundary");
        // A batch of all rows stays what it is.
        if batch_size < n_rows {
            rows.iter_mut().for_each(|row| *row = rng.gen_range(0..n_rows));
        }
        if batch_size < n_rows || step == 0 {
            kernel.rows(&rows, table, &mut kernels);
        }
        for (projection, kernel) in projections.iter_mut().zip(kernels.chunks_exact(m)) {
            *projection = dot(kernel, &alpha);
        }
        let outside = mean_outside(&kernels, &projections, nu, m);
        let rate = 2.0 / (step as f64 + 2.0);
        v.iter_mut().zip(outside).for_each(|(v, outside)| *v += rate * (outside - *v));
        for (alpha, row) in alpha.iter_mut().zip(inverse.rows()) {
            *alpha = row.iter().zip(&v).map(|(a, b)| a * b).sum();
        }
    }
    Ok(alpha)
}

/// The mean of the kernels (`m` values each) of the fraction `nu` of the rows with the smallest projections.
fn mean_outside(kernels: &[f64], projections: &[f64], nu: f64, m: usize) -> Vec<f64> {
    let rho = quantile(&mut projections.to_vec(), nu);
    // Rows on the boundary count in full; on the first step, and for duplicated rows, that may be all of them.
    let (mut sum, mut count) = (vec![0.0; m], 0.0);
    for (kernel, _) in kernels.chunks_exact(m).zip(projections).filter(|(_, projection)| **projection <= rho) {
        sum.iter_mut().zip(kernel).for_each(|(sum, k)| *sum += k);
        count += 1.0;
    }
    sum.iter_mut().for_each(|sum| *sum /= count);
    sum
}

/// The smallest value that at least the fraction `nu` of `values` do not exceed.
fn quantile(values: &mut [f64], nu: f64) -> f64 {
    let rank = ((nu * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1;
    *values.select_nth_unstable_by(rank, f64::total_cmp).1
}
