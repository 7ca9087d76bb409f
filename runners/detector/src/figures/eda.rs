//! What a table looks like before anything is learned from it.

use serde_json::json;

use super::Figure;
use super::parts::{ANOMALY, NORMAL, document, label, short, shown};
use crate::Frame;

/// Columns with a histogram of their own.
pub const MAX_HISTOGRAMS: usize = 12;
/// Columns of a correlation map.
pub const MAX_CORRELATED: usize = 30;

const N_BINS: usize = 20;
/// Rows that are read for the correlations of a longer table, evenly spaced.
const MAX_ROWS: usize = 100_000;

/// One small histogram a column, of the first [`MAX_HISTOGRAMS`] columns that are not constant. Missing values are left out.
pub fn feature_histograms(frame: &Frame) -> Figure {
    let columns = varying(frame, MAX_HISTOGRAMS);
    let mut values = Vec::new();
    for &(column, (low, high)) in &columns.kept {
        // Halves first: the difference of two finite values may overflow.
        let width = (high / N_BINS as f64 - low / N_BINS as f64).max(f64::MIN_POSITIVE);
        let mut counts = [0_usize; N_BINS];
        for value in frame.values().column(column).iter().filter(|value| value.is_finite()) {
            counts[((value / width - low / width) as usize).min(N_BINS - 1)] += 1;
        }
        let name = label(&frame.columns()[column]);
        for (bin, count) in counts.into_iter().enumerate() {
            let (from, to) = (short(low + width * bin as f64), short(low + width * (bin + 1) as f64));
            values.push(json!({"column": name, "from": from, "to": to, "rows": count}));
        }
    }
    let order: Vec<String> = columns.kept.iter().map(|(column, _)| label(&frame.columns()[*column])).collect();
    let spec = json!({
        "data": {"values": values},
        "facet": {"field": "column", "type": "nominal", "title": null, "sort": order},
        "columns": 3,
        "spec": {
            "width": 170,
            "height": 110,
            "mark": {"type": "bar", "tooltip": true, "color": NORMAL},
            "encoding": {
                "x": {"field": "from", "type": "quantitative", "title": "value", "bin": {"binned": true},
                    "scale": {"zero": false}, "axis": {"tickCount": 4, "labelOverlap": true}},
                "x2": {"field": "to"},
                "y": {"field": "rows", "type": "quantitative", "title": "rows"},
            },
        },
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
    });
    document("feature_histograms", "Distribution of each column", columns.subtitle(), spec)
}

/// Pearson's correlation of every two columns, of the first [`MAX_CORRELATED`] that are not constant. Tables of more than
/// 100 000 rows are read at as many rows, evenly spaced.
pub fn correlation(frame: &Frame) -> Figure {
    let columns = varying(frame, MAX_CORRELATED);
    let stride = frame.n_rows().div_ceil(MAX_ROWS).max(1);
    let unit: Vec<Vec<f64>> = columns.kept.iter().map(|&(column, range)| unit(frame, column, range, stride)).collect();
    let names: Vec<String> = columns.kept.iter().map(|(column, _)| label(&frame.columns()[*column])).collect();
    let mut values = Vec::new();
    for (i, a) in unit.iter().enumerate() {
        for (j, b) in unit.iter().enumerate() {
            let correlation = a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>().clamp(-1.0, 1.0);
            values.push(json!({"x": names[j], "y": names[i], "r": (correlation * 1000.0).round() / 1000.0}));
        }
    }
    let axis = |field: &str| json!({"field": field, "type": "nominal", "title": null, "sort": names});
    let mut layers = vec![json!({"mark": {"type": "rect", "tooltip": true}, "encoding": {
        "color": {"field": "r", "type": "quantitative", "title": "correlation",
            "scale": {"domain": [-1, 0, 1], "range": [NORMAL, "#ffffff", ANOMALY], "interpolate": "rgb"}}}})];
    if names.len() <= 10 {
        layers.push(json!({"mark": {"type": "text", "fontSize": 10}, "encoding": {
            "text": {"field": "r", "type": "quantitative", "format": ".2f"}, "color": {"value": "#222222"}}}));
    }
    let spec = json!({
        "data": {"values": values},
        "width": {"step": step(names.len())},
        "height": {"step": step(names.len())},
        "encoding": {"x": axis("x"), "y": axis("y")},
        "layer": layers,
    });
    document("correlation", "Correlation of the columns", columns.subtitle(), spec)
}

/// Pixels of one cell of a map of `n` rows.
pub(super) fn step(n: usize) -> usize {
    (420 / n.max(1)).clamp(14, 48)
}

/// Columns that are not constant, each with its range.
pub(super) struct Varying {
    pub(super) kept: Vec<(usize, (f64, f64))>,
    n_all: usize,
}

impl Varying {
    pub(super) fn subtitle(&self) -> Option<String> {
        shown("columns that are not constant", self.kept.len(), self.n_all)
    }
}

pub(super) fn varying(frame: &Frame, max: usize) -> Varying {
    let range = |column: usize| {
        let values = frame.values();
        let finite = values.column(column).into_iter().copied().filter(|value| value.is_finite());
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high): (f64, f64), x| (low.min(x), high.max(x)))
    };
    let ranges = (0..frame.n_features()).map(|column| (column, range(column)));
    let mut kept: Vec<_> = ranges.filter(|(_, (low, high))| low < high).collect();
    let n_all = kept.len();
    kept.truncate(max);
    Varying { kept, n_all }
}

/// A column centred and of length 1; missing values are at its mean. First brought to a range of 1, so that no square
/// overflows.
fn unit(frame: &Frame, column: usize, (low, high): (f64, f64), stride: usize) -> Vec<f64> {
    let size = (high / 2.0 - low / 2.0).max(f64::MIN_POSITIVE);
    let values = frame.values();
    let read = values.column(column).into_iter().step_by(stride).map(|value| value / size - low / size);
    let mut read: Vec<f64> = read.collect();
    let finite: Vec<f64> = read.iter().copied().filter(|value| value.is_finite()).collect();
    let mean = finite.iter().sum::<f64>() / finite.len().max(1) as f64;
    read.iter_mut().for_each(|value| *value = if value.is_finite() { *value - mean } else { 0.0 });
    let length = read.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length > 0.0 {
        read.iter_mut().for_each(|value| *value /= length);
    }
    read
}

/// For tests: the values of a figure's data.
#[cfg(test)]
pub(super) fn data(figure: &Figure) -> &Vec<serde_json::Value> {
    figure.spec["data"]["values"].as_array().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn frame(n_rows: usize, n_features: usize) -> Frame {
        let values = Array2::from_shape_fn((n_rows, n_features), |(row, column)| match column {
            0 => row as f64,
            1 => -(row as f64),
            2 => 5.0,
            _ => ((row * (column + 3)) % 17) as f64 * 1e300,
        });
        Frame::new((0..n_features).map(|i| format!("c.{i}")).collect(), values, None, None).unwrap()
    }

    #[test]
    fn histograms_count_every_row_of_varying_columns() {
        let figure = feature_histograms(&frame(1000, 40));
        let rows = |name: &str| {
            data(&figure)
                .iter()
                .filter(|bin| bin["column"] == name)
                .map(|bin| bin["rows"].as_u64().unwrap())
                .sum::<u64>()
        };
        assert_eq!((rows("c.0"), rows("c.2"), rows("c.12"), rows("c.13")), (1000, 0, 1000, 0));
        assert_eq!(data(&figure).len(), 12 * 20);
        // Columns 2, 14 and 31 are constant.
        assert_eq!(figure.spec["title"]["subtitle"], "the first 12 of 37 columns that are not constant");
        assert!(data(&figure).iter().all(|bin| bin["from"].is_number() && bin["to"].is_number()));
    }

    #[test]
    fn correlations_are_pearsons_and_bounded() {
        let figure = correlation(&frame(1000, 40));
        assert_eq!(data(&figure).len(), 30 * 30);
        let r = |x: &str, y: &str| {
            data(&figure).iter().find(|cell| cell["x"] == x && cell["y"] == y).unwrap()["r"].as_f64().unwrap()
        };
        assert_eq!((r("c.0", "c.0"), r("c.0", "c.1")), (1.0, -1.0));
        assert_eq!(r("c.4", "c.5"), r("c.5", "c.4"));
        assert!(figure.spec.to_string().len() < 200_000);
        assert_eq!(figure, correlation(&frame(1000, 40)));
        // numpy.corrcoef([1, 2, 3, 4], [1, 3, 2, 5]) is 0.8315.
        let four = Array2::from_shape_vec((4, 2), vec![1.0, 1.0, 2.0, 3.0, 3.0, 2.0, 4.0, 5.0]).unwrap();
        let four = correlation(&Frame::new(vec!["a".into(), "b".into()], four, None, None).unwrap());
        assert_eq!(data(&four)[1]["r"], 0.832);
    }

    #[test]
    fn tables_without_anything_to_show_still_draw() {
        let constant = frame(5, 3).with_values(vec!["a".into()], Array2::zeros((5, 1))).unwrap();
        assert!(data(&feature_histograms(&constant)).is_empty());
        assert!(data(&correlation(&constant)).is_empty());
    }
}
