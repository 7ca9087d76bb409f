//! The features' values as ranks, so that searching for splits sorts small integers instead of numbers.

use nunatak_detector::Frame;
use rayon::prelude::*;

/// For each feature its distinct values in ascending order, and for each row the place of its value among them.
#[derive(Debug)]
pub(crate) struct Ranks {
    n_rows: usize,
    /// Feature after feature, a rank for each row.
    ranks: Vec<u32>,
    values: Vec<Vec<f64>>,
}

impl Ranks {
    pub(crate) fn of_frame(frame: &Frame) -> Self {
        let n_rows = frame.n_rows();
        let mut ranks = vec![0; n_rows * frame.n_features()];
        let columns = ranks.par_chunks_mut(n_rows.max(1)).enumerate();
        let values = columns.map(|(feature, ranks)| rank_column(frame, feature, ranks)).collect();
        Self { n_rows, ranks, values }
    }

    pub(crate) fn n_features(&self) -> usize {
        self.values.len()
    }

    /// The ranks of one feature, one for each row.
    pub(crate) fn of(&self, feature: usize) -> &[u32] {
        &self.ranks[feature * self.n_rows..(feature + 1) * self.n_rows]
    }

    pub(crate) fn n_distinct(&self, feature: usize) -> usize {
        self.values[feature].len()
    }

    /// Whether these rows have more than one value of a feature.
    pub(crate) fn varies(&self, rows: &[u32], feature: usize) -> bool {
        let ranks = self.of(feature);
        rows.iter().any(|row| ranks[*row as usize] != ranks[rows[0] as usize])
    }

    /// The threshold between two ranks: the middle of their values, as near as numbers come, and less than the greater.
    pub(crate) fn between(&self, feature: usize, low: u32, high: u32) -> f64 {
        let (low, high) = (self.values[feature][low as usize], self.values[feature][high as usize]);
        // Halves first, since the sum may overflow; rounding may reach the greater value, which belongs to the right.
        let middle = low / 2.0 + high / 2.0;
        if middle < high { middle.max(low) } else { low }
    }
}

fn rank_column(frame: &Frame, feature: usize, ranks: &mut [u32]) -> Vec<f64> {
    // Adding 0 makes one value of the two zeros.
    let mut rows: Vec<(f64, u32)> =
        frame.values().column(feature).iter().zip(0_u32..).map(|(value, row)| (value + 0.0, row)).collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut values: Vec<f64> = Vec::new();
    for (value, row) in rows {
        if values.last() != Some(&value) {
            values.push(value);
        }
        ranks[row as usize] = values.len() as u32 - 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_places_and_thresholds_part_them() {
        let values = ndarray::array![[3.0], [-0.0], [0.0], [1e308], [1.7e308], [3.0_f64.next_up()]];
        let frame = Frame::new(vec!["a".into()], values, None, None).unwrap();
        let ranks = Ranks::of_frame(&frame);
        assert_eq!(ranks.of(0), [1, 0, 0, 3, 4, 2]);
        assert_eq!(ranks.n_distinct(0), 5);
        assert_eq!(ranks.between(0, 0, 1), 1.5);
        assert_eq!(ranks.between(0, 1, 2), 3.0);
        assert_eq!(ranks.between(0, 3, 4), 1.35e308);
        assert!(ranks.varies(&[1, 2, 3], 0) && !ranks.varies(&[1, 2], 0));
    }
}
