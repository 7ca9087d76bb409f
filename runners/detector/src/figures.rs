//! Plots of a run as Vega-Lite v5 documents: self-contained, bounded, the same for the same scores.
//!
//! Here are those of any run's scores; the submodules draw tables, outcomes, classes, principal components and forecasts.

pub mod classes;
pub mod components;
pub mod eda;
pub mod forecast;
pub mod outcome;
mod parts;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::evaluation::{class_sizes, steps};
use crate::{Frame, InputKind};
pub use parts::Axis;
use parts::{figure, threshold_rule};

/// No figure holds more data points than this: a figure is for looking at, not for data.
pub const MAX_POINTS: usize = 500;

const N_BINS: usize = 40;

/// One plot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The name of the function that drew it: `score_histogram`.
    pub name: String,
    pub title: String,
    /// A Vega-Lite v5 document with its data inside.
    pub spec: Value,
}

/// Every figure that the data allow: curves need labels of both kinds, the score over time a series detector.
pub fn all(scores: &[f64], frame: &Frame, threshold: f64, input_kind: InputKind) -> Vec<Figure> {
    let mut figures = vec![score_histogram(scores, frame.labels(), threshold)];
    if let Some(labels) = frame.labels().filter(|labels| class_sizes(labels).is_some()) {
        figures.push(roc_curve(scores, labels));
        figures.push(precision_recall_curve(scores, labels));
    }
    if input_kind == InputKind::Series {
        figures.push(score_series(scores, frame.time(), threshold));
    }
    figures
}

/// How many rows have which score, by label where there are labels, with a rule at the threshold.
pub fn score_histogram(scores: &[f64], labels: Option<&[u8]>, threshold: f64) -> Figure {
    let low = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let high = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Halves first: the difference of two finite scores may overflow.
    let width = (high / N_BINS as f64 - low / N_BINS as f64).max(f64::MIN_POSITIVE);
    let mut counts = vec![[0_usize; 2]; N_BINS];
    for (row, score) in scores.iter().enumerate() {
        let bin = ((score / width - low / width) as usize).min(N_BINS - 1);
        counts[bin][usize::from(labels.is_some_and(|labels| labels[row] == 1))] += 1;
    }
    let edge = |bin: usize| low + width * bin as f64;
    let mut values = Vec::new();
    for (bin, count) in counts.iter().enumerate() {
        for (label, count) in ["normal", "anomaly"].iter().zip(count) {
            if *count > 0 {
                let label = if labels.is_some() { label } else { "row" };
                values.push(json!({"from": edge(bin), "to": edge(bin + 1), "label": label, "rows": count}));
            }
        }
    }
    let color = match labels {
        Some(_) => json!({"field": "label", "type": "nominal", "title": "label",
            "scale": {"domain": ["normal", "anomaly"], "range": ["#4c78a8", "#e45756"]}}),
        None => json!({"value": "#4c78a8"}),
    };
    let layers = json!([
        {"data": {"values": values}, "mark": {"type": "bar", "tooltip": true}, "encoding": {
            "x": {"field": "from", "type": "quantitative", "title": "score", "bin": {"binned": true}, "scale": {"zero": false}},
            "x2": {"field": "to"},
            "y": {"field": "rows", "type": "quantitative", "title": "rows (log scale)", "stack": null, "scale": {"type": "symlog"}},
            "opacity": {"value": 0.75},
            "color": color}},
        threshold_rule("x", threshold),
    ]);
    figure("score_histogram", "Distribution of scores", json!({"layer": layers}))
}

/// True positive rate over false positive rate.
pub fn roc_curve(scores: &[f64], labels: &[u8]) -> Figure {
    let (positives, negatives) = class_sizes(labels).unwrap_or((1.0, 1.0));
    let (mut true_positives, mut false_positives) = (0.0, 0.0);
    let mut points = vec![json!({"fpr": 0.0, "tpr": 0.0})];
    for step in steps(scores, labels) {
        true_positives += step.positives;
        false_positives += step.negatives;
        points
            .push(json!({"fpr": false_positives / negatives, "tpr": true_positives / positives, "score": step.score}));
    }
    figure("roc_curve", "ROC curve", curve(points, ("fpr", "false positive rate"), ("tpr", "true positive rate")))
}

/// Precision over recall.
pub fn precision_recall_curve(scores: &[f64], labels: &[u8]) -> Figure {
    let (positives, _) = class_sizes(labels).unwrap_or((1.0, 1.0));
    let (mut true_positives, mut flagged) = (0.0, 0.0);
    let mut points = Vec::new();
    for step in steps(scores, labels) {
        true_positives += step.positives;
        flagged += step.positives + step.negatives;
        points.push(
            json!({"recall": true_positives / positives, "precision": true_positives / flagged, "score": step.score}),
        );
    }
    let spec = curve(points, ("recall", "recall"), ("precision", "precision"));
    figure("precision_recall_curve", "Precision-recall curve", spec)
}

/// The score of a series over time (or row number), with a rule at the threshold. Long series keep the highest score of
/// each stretch, so that no peak is lost.
pub fn score_series(scores: &[f64], time: Option<&[i64]>, threshold: f64) -> Figure {
    let stretch = scores.len().div_ceil(MAX_POINTS).max(1);
    let values: Vec<Value> = scores
        .chunks(stretch)
        .enumerate()
        .map(|(idx, chunk)| {
            let (offset, score) = chunk
                .iter()
                .enumerate()
                .fold((0, f64::NEG_INFINITY), |best, (i, s)| if *s > best.1 { (i, *s) } else { best });
            let row = idx * stretch + offset;
            json!({"x": time.map_or(row as i64 + 1, |time| time[row]), "score": score})
        })
        .collect();
    let (kind, title) = if time.is_some() { ("temporal", "time") } else { ("quantitative", "row") };
    let layers = json!([
        {"data": {"values": values}, "mark": {"type": "line", "tooltip": true}, "encoding": {
            "x": {"field": "x", "type": kind, "title": title},
            "y": {"field": "score", "type": "quantitative", "title": "score", "scale": {"zero": false}}}},
        threshold_rule("y", threshold),
    ]);
    figure("score_series", "Score over time", json!({"layer": layers}))
}

fn curve(points: Vec<Value>, x: (&str, &str), y: (&str, &str)) -> Value {
    let axis = |(field, title): (&str, &str)| json!({"field": field, "type": "quantitative", "title": title, "scale": {"domain": [0, 1]}});
    json!({
        "data": {"values": downsample(points)},
        "mark": {"type": "line", "interpolate": "linear", "tooltip": true},
        "encoding": {"x": axis(x), "y": axis(y), "order": {"field": x.0, "type": "quantitative"}},
    })
}

/// At most [`MAX_POINTS`], evenly spaced, first and last kept.
fn downsample(points: Vec<Value>) -> Vec<Value> {
    let n_points = points.len();
    if n_points <= MAX_POINTS {
        return points;
    }
    (0..MAX_POINTS).map(|i| points[i * (n_points - 1) / (MAX_POINTS - 1)].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn figures_are_bounded_and_deterministic() {
        let scores: Vec<f64> = (0..20_000).map(|i| f64::from(i * 7919 % 10_007)).collect();
        let labels: Vec<u8> = (0..20_000).map(|i| u8::from(i % 50 == 0)).collect();
        let values = Array2::zeros((20_000, 1));
        let time = (0..20_000).map(|i| i * 60_000).collect();
        let frame = Frame::new(vec!["a".into()], values, Some(time), Some(labels)).unwrap();
        let figures = all(&scores, &frame, 9000.0, InputKind::Series);
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["score_histogram", "roc_curve", "precision_recall_curve", "score_series"]);
        assert_eq!(figures, all(&scores, &frame, 9000.0, InputKind::Series));
        for figure in figures {
            assert!(figure.spec.to_string().len() < 60_000, "{}", figure.name);
            let values = figure.spec.pointer("/data/values").or(figure.spec.pointer("/layer/0/data/values"));
            assert!(values.unwrap().as_array().unwrap().len() <= MAX_POINTS);
        }
    }

    #[test]
    fn one_score_and_equal_scores_draw() {
        let spec = score_histogram(&[1.0, 1.0], None, 1.0).spec;
        assert_eq!(spec["layer"][0]["data"]["values"][0]["rows"], 2);
    }

    #[test]
    fn series_keep_their_peaks() {
        let mut scores = vec![0.0; 5000];
        scores[1234] = 9.0;
        let spec = score_series(&scores, None, 1.0).spec;
        let points = spec["layer"][0]["data"]["values"].as_array().unwrap();
        assert!(points.iter().any(|point| point["score"] == 9.0 && point["x"] == 1235));
    }
}
