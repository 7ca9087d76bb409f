//! The plots of principal components: what they explain, and the two statistics that are monitored.

use ndarray::Array2;
use nunatak_detector::figures::components::{Exceeds, biplot, explained_variance, t2_spe};
use nunatak_detector::{Context, DetectorError, Figure, Frame};

use super::{Components, components_for};
use crate::chi_squared;
use crate::linalg::dot;

/// Share of the variance within which T2 is measured; SPE is what lies outside.
const WITHIN: f64 = 0.9;

/// Of normal rows, so many lie below each limit.
const BELOW_LIMIT: f64 = 0.95;

/// Rows between two looks at the cancel flag.
const CANCEL_ROWS: usize = 4_096;

/// The limits of T2 and SPE for rows that are normal and normally distributed: the chi-squared quantile (Hotelling 1947, for
/// many training rows), and Box's g chi-squared(h) with g and h from the variance outside (Box 1954).
struct Limits {
    t2: f64,
    spe: f64,
}

impl Components {
    /// Explained variance, biplot, and T2 and SPE of the rows; nothing for data without variance.
    pub(super) fn draw(&self, frame: &Frame, ctx: &Context<'_>) -> Result<Vec<Figure>, DetectorError> {
        let ratios: Vec<f64> = self.variances.iter().map(|variance| variance / self.total).collect();
        if ratios.is_empty() {
            return Ok(Vec::new());
        }
        let within = components_for(&ratios, WITHIN).min(ratios.len());
        let limits = self.limits(within);
        let n = frame.n_features();
        let (mut scaled, mut centred) = (vec![0.0; n], vec![0.0; n]);
        let (mut t2, mut spe) = (Vec::with_capacity(frame.n_rows()), Vec::with_capacity(frame.n_rows()));
        let mut plane = Array2::zeros((frame.n_rows(), 2));
        for row in 0..frame.n_rows() {
            if row.is_multiple_of(CANCEL_ROWS) {
                ctx.check_cancelled()?;
            }
            self.prepare(frame.row(row), &mut scaled, &mut centred);
            let mut distance = 0.0;
            let mut outside = dot(&centred, &centred);
            for (i, (v, variance)) in self.components().take(within.max(2)).enumerate() {
                let projection = dot(&centred, v);
                if i < 2 {
                    plane[[row, i]] = projection;
                }
                if i < within {
                    distance += projection * projection / variance;
                    outside -= projection * projection;
                }
            }
            t2.push(distance);
            // Rounding must not make a square negative.
            spe.push(outside.max(0.0));
        }
        let mut figures = vec![explained_variance(&ratios)];
        if ratios.len() > 1 {
            let loadings = self.components.slice_axis(ndarray::Axis(0), (0..2).into()).reversed_axes();
            let exceeds = t2.iter().zip(&spe).map(|(t2, spe)| Exceeds { t2: *t2 > limits.t2, spe: *spe > limits.spe });
            figures.push(biplot(plane.view(), loadings, frame.columns(), &exceeds.collect::<Vec<_>>()));
        }
        figures.push(t2_spe(&t2, &spe, limits.t2, limits.spe, frame.time()));
        Ok(figures)
    }

    fn limits(&self, within: usize) -> Limits {
        let known: Vec<f64> = self.variances.iter().skip(within).copied().collect();
        // What the kept components do not hold lies evenly on the others, for all that is known.
        let rest = (self.total - self.variances.iter().sum::<f64>()).max(0.0);
        let n_rest = self.mean.len().saturating_sub(self.variances.len()).max(1) as f64;
        let first = known.iter().sum::<f64>() + rest;
        let second = known.iter().map(|x| x * x).sum::<f64>() + rest * rest / n_rest;
        let spe = if second > 0.0 {
            let freedom = (first * first / second).round().max(1.0);
            second / first * chi_squared::quantile(BELOW_LIMIT, freedom as usize)
        } else {
            0.0
        };
        Limits { t2: chi_squared::quantile(BELOW_LIMIT, within.max(1)), spe }
    }
}
