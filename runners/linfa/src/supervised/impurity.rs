//! How mixed the classes of a set of rows are.

use nunatak_detector::{DetectorError, Hyperparameters};

/// What a split is to lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Criterion {
    Gini,
    Entropy,
}

impl Criterion {
    pub(crate) fn read(hyperparameters: &Hyperparameters) -> Result<Self, DetectorError> {
        Ok(if hyperparameters.text("criterion")? == "entropy" { Self::Entropy } else { Self::Gini })
    }

    /// How pure rows are, given the rows of each class, their sum and the sum of their squares: what is left of -impurity
    /// times rows without its linear term, which all splits of the same rows have in common. That is sum of n_c^2 / n, or
    /// sum of n_c log2 n_c - n log2 n.
    pub(crate) fn purity(self, counts: &[f64], total: f64, squares: f64) -> f64 {
        match self {
            Self::Gini => squares / total,
            Self::Entropy => counts.iter().map(|count| x_log_x(*count)).sum::<f64>() - x_log_x(total),
        }
    }
}

fn x_log_x(x: f64) -> f64 {
    if x > 0.0 { x * x.log2() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_classes_are_the_least_pure() {
        // Gini impurity 1/2 and entropy 1 bit, of 4 rows.
        assert_eq!(Criterion::Gini.purity(&[2.0, 2.0], 4.0, 8.0), 4.0 - 4.0 * 0.5);
        assert_eq!(Criterion::Gini.purity(&[4.0, 0.0], 4.0, 16.0), 4.0);
        assert_eq!(Criterion::Entropy.purity(&[2.0, 2.0], 4.0, 8.0), -4.0);
        assert_eq!(Criterion::Entropy.purity(&[4.0, 0.0], 4.0, 16.0), 0.0);
    }
}
