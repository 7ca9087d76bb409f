//! The reasons that are kept with a prediction: for each row above the threshold, the features that contributed most.

use ndarray::Array2;

use crate::{ArtifactHeader, Reasons};

/// Features named for a row.
pub const REASONS_A_ROW: usize = 3;

/// Rows that are explained at most: nobody reads more, and those with the highest scores come first.
const MAX_ROWS: usize = 100_000;

/// Where each feature takes a scoring of its own: so many rows times features at most.
const MAX_SCORINGS: usize = 50_000;

/// Why some rows have their scores.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowReasons {
    /// Names of the input columns, `time` for what was made of a row's time.
    pub columns: Vec<String>,
    /// Row numbers, ascending.
    pub rows: Vec<u64>,
    /// For each of `rows`, up to [`REASONS_A_ROW`] places in `columns`, the largest share first, padded with `u32::MAX`.
    pub column: Vec<[u32; REASONS_A_ROW]>,
    /// The share of each in what made the row anomalous, 0..=1; 0 where padded.
    pub share: Vec<[f32; REASONS_A_ROW]>,
}

/// The rows above the threshold, the highest if there are too many; ascending.
pub(crate) fn rows_to_explain(scores: &[f64], threshold: f64, n_features: usize, how: Reasons) -> Vec<usize> {
    let most = match how {
        Reasons::LeaveOneFeatureOut => (MAX_SCORINGS / n_features.max(1)).clamp(1, MAX_ROWS),
        Reasons::Exact | Reasons::PathAttribution => MAX_ROWS,
    };
    let mut rows: Vec<usize> = (0..scores.len()).filter(|row| scores[*row] > threshold).collect();
    if rows.len() > most {
        // By number among equals, so that the choice does not depend on how the selection goes.
        rows.select_nth_unstable_by(most, |a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
        rows.truncate(most);
        rows.sort_unstable();
    }
    rows
}

impl RowReasons {
    /// From contributions of features, shape (rows.len(), n_features): summed over the features that were made of the same
    /// column. What makes a row less anomalous is no reason; where nothing makes it more, its largest movers are named.
    pub(crate) fn of(rows: Vec<usize>, contributions: &Array2<f64>, header: &ArtifactHeader) -> Self {
        let mut columns: Vec<String> = Vec::new();
        let places: Vec<usize> = header.sources().iter().map(|source| place_of(&mut columns, source)).collect();
        let mut reasons = Self { columns, rows: rows.iter().map(|row| *row as u64).collect(), ..Self::default() };
        let mut sums = vec![0.0; reasons.columns.len()];
        for contribution in contributions.rows() {
            sums.fill(0.0);
            contribution.iter().zip(&places).for_each(|(x, place)| sums[*place] += x);
            let (column, share) = largest(&sums);
            reasons.column.push(column);
            reasons.share.push(share);
        }
        reasons
    }

    /// The sum of the shares of each column over all rows, the largest first: what sets the anomalies apart.
    pub fn totals(&self) -> Vec<(&str, f64)> {
        let mut totals = vec![0.0; self.columns.len()];
        for (columns, shares) in self.column.iter().zip(&self.share) {
            for (column, share) in columns.iter().zip(shares).filter(|(column, _)| **column != u32::MAX) {
                totals[*column as usize] += f64::from(*share);
            }
        }
        let mut totals: Vec<(&str, f64)> = self.columns.iter().map(String::as_str).zip(totals).collect();
        totals.sort_by(|a, b| b.1.total_cmp(&a.1));
        totals
    }
}

fn place_of(columns: &mut Vec<String>, source: &str) -> usize {
    columns.iter().position(|column| column == source).unwrap_or_else(|| {
        columns.push(source.to_owned());
        columns.len() - 1
    })
}

fn largest(sums: &[f64]) -> ([u32; REASONS_A_ROW], [f32; REASONS_A_ROW]) {
    let any = sums.iter().any(|x| *x > 0.0);
    let weight = |x: f64| if any { x.max(0.0) } else { x.abs() };
    let total: f64 = sums.iter().map(|x| weight(*x)).sum();
    let mut order: Vec<usize> = (0..sums.len()).filter(|place| weight(sums[*place]) > 0.0).collect();
    order.sort_by(|a, b| weight(sums[*b]).total_cmp(&weight(sums[*a])).then(a.cmp(b)));
    let (mut column, mut share) = ([u32::MAX; REASONS_A_ROW], [0.0; REASONS_A_ROW]);
    for (i, place) in order.into_iter().take(REASONS_A_ROW).enumerate() {
        column[i] = place as u32;
        share[i] = (weight(sums[place]) / total) as f32;
    }
    (column, share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_shares_are_named() {
        assert_eq!(largest(&[1.0, -5.0, 3.0, 0.0, 0.5]), ([2, 0, 4], [3.0 / 4.5, 1.0 / 4.5, 0.5 / 4.5]));
        assert_eq!(largest(&[0.0, -3.0, -1.0]), ([1, 2, u32::MAX], [0.75, 0.25, 0.0]));
        assert_eq!(largest(&[0.0, 0.0]), ([u32::MAX; 3], [0.0; 3]));
    }

    #[test]
    fn the_highest_rows_are_explained() {
        let scores: Vec<f64> = (0..1000).map(|i| f64::from(i * 37 % 1000)).collect();
        let all = rows_to_explain(&scores, 899.0, 2, Reasons::LeaveOneFeatureOut);
        assert_eq!(all.len(), 100);
        let few = rows_to_explain(&scores, 10.0, MAX_SCORINGS / 5, Reasons::LeaveOneFeatureOut);
        assert_eq!(few.iter().map(|row| scores[*row]).fold(f64::INFINITY, f64::min), 995.0);
        assert!(few.is_sorted() && few.len() == 5);
    }
}
