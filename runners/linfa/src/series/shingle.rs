//! The last few rows side by side, for detectors that read a stream.

/// The last `window` rows as one point of `window` x `n_features` values, oldest first. Before the first row, the first
/// row is repeated.
#[derive(Debug, Clone)]
pub(crate) struct Shingle {
    values: Vec<f64>,
    n_features: usize,
    is_empty: bool,
}

impl Shingle {
    pub(crate) fn new(window: usize, n_features: usize) -> Self {
        Self { values: vec![0.0; window * n_features], n_features, is_empty: true }
    }

    /// Takes in the next row and gives the point that ends with it.
    pub(crate) fn push(&mut self, row: &[f64]) -> &[f64] {
        if self.is_empty {
            self.values.chunks_exact_mut(self.n_features).for_each(|past| past.copy_from_slice(row));
            self.is_empty = false;
        } else {
            self.values.copy_within(self.n_features.., 0);
            let last = self.values.len() - self.n_features;
            self.values[last..].copy_from_slice(row);
        }
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_the_last_rows() {
        let mut shingle = Shingle::new(3, 2);
        assert_eq!(shingle.push(&[1.0, 2.0]), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        assert_eq!(shingle.push(&[3.0, 4.0]), [1.0, 2.0, 1.0, 2.0, 3.0, 4.0]);
        shingle.push(&[5.0, 6.0]);
        assert_eq!(shingle.push(&[7.0, 8.0]), [3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    }
}
