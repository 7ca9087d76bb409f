//! Tables made from formulas.

use ndarray::Array2;

use crate::Frame;

/// Every so many rows of [`table`] one is anomalous.
pub const TABLE_STEP: usize = 40;

/// Two correlated columns, one that is constant, one of few values; the last of every [`TABLE_STEP`] rows is far out in the
/// first column and labelled.
///
/// # Panics
/// Never: the parts fit together.
pub fn table(n_rows: usize) -> Frame {
    let is_far = |row: usize| row % TABLE_STEP == TABLE_STEP - 1;
    let values = Array2::from_shape_fn((n_rows, 4), |(row, column)| {
        let wave = (row as f64 * 0.7).sin() + (row as f64 * 0.13).cos();
        match column {
            0 => wave + if is_far(row) { 6.0 } else { 0.0 },
            1 => 2.0 * wave + (row as f64 * 1.9).sin() * 0.3,
            2 => 7.25,
            _ => (row * 7 % 5) as f64,
        }
    });
    let labels = (0..n_rows).map(|row| u8::from(is_far(row))).collect();
    named(&["a", "b", "constant", "d"], values, Some(labels))
}

/// Three columns that move together, and in the second of them faults to either side, no two of the same size: faults that
/// resemble each other would be a cluster, and normal to who looks for those.
pub(super) fn scattered(n_rows: usize) -> Frame {
    let is_fault = |row: usize| row % TABLE_STEP == TABLE_STEP / 2;
    // A hash that everybody knows from shaders: good enough for columns that have nothing to do with one another.
    let noise = |row: usize, column: usize| (((row * 13 + column * 78) as f64).sin() * 43_758.545).fract() * 0.75;
    let values = Array2::from_shape_fn((n_rows, 3), |(row, column)| {
        let side = if (row / TABLE_STEP).is_multiple_of(2) { 1.0 } else { -1.0 };
        let fault = if is_fault(row) && column == 1 { side * (12.0 + 3.0 * (row / TABLE_STEP) as f64) } else { 0.0 };
        (row as f64 * 0.31).sin() * (column + 1) as f64 + noise(row, column) + fault
    });
    let labels = (0..n_rows).map(|row| u8::from(is_fault(row))).collect();
    named(&["a", "b", "c"], values, Some(labels))
}

pub(super) fn named(columns: &[&str], values: Array2<f64>, labels: Option<Vec<u8>>) -> Frame {
    let columns = columns.iter().map(ToString::to_string).collect();
    Frame::new(columns, values, None, labels).expect("a name for each column and a label for each row")
}

/// `table` with one cell of two rows replaced.
pub(super) fn with_cells(table: &Frame, column: usize, rows: [usize; 2], value: f64) -> Frame {
    let mut values = table.values().to_owned();
    rows.into_iter().for_each(|row| values[[row, column]] = value);
    let names: Vec<&str> = table.columns().iter().map(String::as_str).collect();
    named(&names, values, table.labels().map(<[u8]>::to_vec))
}
