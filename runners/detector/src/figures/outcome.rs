//! Where in the data the anomalies are.

use serde_json::{Value, json};

use super::Figure;
use super::eda::varying;
use super::parts::{ANOMALY, NORMAL, document, figure, label, moment, moments, numbers, panels, sample, short};
use crate::Frame;

/// Columns with a panel of their own.
pub const MAX_PANELS: usize = 6;

/// The values of the first [`MAX_PANELS`] columns that are not constant over time (or row number), anomalous rows marked.
/// `predicted` has 1 for each anomalous row.
pub fn outliers_by_column(frame: &Frame, predicted: &[u8]) -> Figure {
    let columns = varying(frame, MAX_PANELS);
    let shown: Vec<usize> = columns.kept.iter().map(|(column, _)| *column).collect();
    let spec = panels(rows(frame, &shown, predicted), shown.len(), frame.time().is_some(), |at, x| {
        marked_line(&format!("v{at}"), &label(&frame.columns()[shown[at]]), x)
    });
    document("outliers_by_column", "Anomalies in each column", columns.subtitle(), spec)
}

/// The values of one column over time (or row number), anomalous rows marked. `predicted` has 1 for each anomalous row.
pub fn prediction_overlay(frame: &Frame, column: usize, predicted: &[u8]) -> Figure {
    let name = label(&frame.columns()[column]);
    let mut spec = marked_line("v0", &name, moments(frame.time().is_some()));
    spec["data"] = json!({"values": rows(frame, &[column], predicted)});
    figure("prediction_overlay", &format!("Anomalies in {name}"), spec)
}

fn rows(frame: &Frame, columns: &[usize], predicted: &[u8]) -> Vec<Value> {
    let rows = sample(frame.n_rows(), |row| predicted.get(row) == Some(&1)).into_iter().map(|row| {
        let mut point = json!({"x": moment(frame.time(), row)});
        if predicted.get(row) == Some(&1) {
            point["anomaly"] = json!(true);
        }
        for (at, column) in columns.iter().enumerate() {
            point[format!("v{at}")] = short(frame.row(row)[*column]);
        }
        point
    });
    rows.collect()
}

fn marked_line(field: &str, title: &str, x: Value) -> Value {
    let axes = json!({"x": x, "y": numbers(field, title)});
    json!({"encoding": axes, "layer": [
        {"mark": {"type": "line", "color": NORMAL, "strokeWidth": 1.2}},
        {"transform": [{"filter": "datum.anomaly"}],
         "mark": {"type": "point", "filled": true, "size": 36, "color": ANOMALY, "opacity": 0.9, "tooltip": true}},
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{MAX_POINTS, eda::data};
    use ndarray::Array2;

    #[test]
    fn anomalies_are_kept_and_the_figure_is_bounded() {
        let values = Array2::from_shape_fn((20_000, 9), |(row, column)| (row * column) as f64 / 7.0);
        let columns = (0..9).map(|i| format!("pressure[{i}].mean of a long name that goes on and on")).collect();
        let time = (0..20_000).map(|i| 1_700_000_000_000 + i * 60_000).collect();
        let frame = Frame::new(columns, values, Some(time), None).unwrap();
        let predicted: Vec<u8> = (0..20_000).map(|row| u8::from(row % 1000 == 999)).collect();
        let figure = outliers_by_column(&frame, &predicted);
        assert_eq!(data(&figure).len(), MAX_POINTS);
        assert_eq!(data(&figure).iter().filter(|point| point["anomaly"] == true).count(), 20);
        assert_eq!(figure.spec["vconcat"].as_array().unwrap().len(), MAX_PANELS);
        assert!(figure.spec.to_string().len() < 200_000);
        assert_eq!(figure, outliers_by_column(&frame, &predicted));

        let overlay = prediction_overlay(&frame, 1, &predicted);
        assert_eq!(data(&overlay)[1], json!({"x": 1_700_000_000_000_i64 + 41 * 60_000, "v0": 5.85714}));
        assert_eq!(overlay.spec["encoding"]["x"]["type"], "temporal");
    }
}
