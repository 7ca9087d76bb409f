//! What the figures are made of.

use serde_json::{Value, json};

use super::{Figure, MAX_POINTS};

/// The colour of what is normal, and of anything that is neither.
pub(super) const NORMAL: &str = "#4c78a8";
pub(super) const ANOMALY: &str = "#e45756";
/// Loadings, expectations: what is beside the rows.
pub(super) const REFERENCE: &str = "#f58518";

/// Width of each panel of a figure that has several: these cannot follow the width of the page.
const PANEL_WIDTH: u32 = 560;

/// One value for each row, and what they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis<'a> {
    pub title: &'a str,
    pub values: Vec<f64>,
}

/// A figure of one view, as wide as its page.
pub(super) fn figure(name: &str, title: &str, mut spec: Value) -> Figure {
    spec["width"] = json!("container");
    spec["height"] = json!(260);
    document(name, title, None, spec)
}

/// A figure of several views, or one with a size of its own.
pub(super) fn document(name: &str, title: &str, subtitle: Option<String>, mut spec: Value) -> Figure {
    spec["$schema"] = json!("https://vega.github.io/schema/vega-lite/v5.json");
    spec["title"] = match &subtitle {
        Some(subtitle) => json!({"text": title, "subtitle": subtitle}),
        None => json!(title),
    };
    // Read out instead of the picture by programs for the blind.
    spec["description"] = subtitle.map_or_else(|| json!(title), |subtitle| json!(format!("{title}: {subtitle}")));
    Figure { name: name.into(), title: title.into(), spec }
}

/// Panels below each other that share the rows of `values` and their x axis: `panel(i, x)` draws the i-th with the x axis
/// that it is handed, which only the last one labels.
pub(super) fn panels(values: Vec<Value>, n: usize, has_time: bool, panel: impl Fn(usize, Value) -> Value) -> Value {
    let sized = (0..n).map(|at| {
        let mut x = moments(has_time);
        if at + 1 < n {
            x["title"] = Value::Null;
            x["axis"] = json!({"labels": false, "ticks": false});
        }
        let mut panel = panel(at, x);
        panel["width"] = json!(PANEL_WIDTH);
        panel["height"] = json!((420 / n.max(1)).clamp(90, 200));
        panel
    });
    json!({"data": {"values": values}, "vconcat": sized.collect::<Vec<_>>(), "resolve": {"scale": {"x": "shared"}}})
}

pub(super) fn threshold_rule(channel: &str, threshold: f64) -> Value {
    json!({
        "data": {"values": [{"threshold": threshold}]},
        "mark": {"type": "rule", "strokeDash": [4, 4], "tooltip": true},
        "encoding": {channel: {"field": "threshold", "type": "quantitative"}},
    })
}

/// Where a row stands on the x axis: its time, or its number from 1.
pub(super) fn moment(time: Option<&[i64]>, row: usize) -> i64 {
    time.map_or(row as i64 + 1, |time| time[row])
}

/// The x axis of [`moment`]s in the field `x`.
pub(super) fn moments(has_time: bool) -> Value {
    if has_time {
        return json!({"field": "x", "type": "temporal", "title": "time"});
    }
    json!({"field": "x", "type": "quantitative", "title": "row", "scale": {"zero": false, "nice": false}})
}

/// An axis of numbers that need not show 0.
pub(super) fn numbers(field: &str, title: &str) -> Value {
    json!({"field": field, "type": "quantitative", "title": title, "scale": {"zero": false}})
}

/// Six digits, which is more than a picture shows; null for what is no number.
pub(super) fn short(value: f64) -> Value {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    json!(rounded)
}

/// At most [`MAX_POINTS`] rows in ascending order: those to `keep` (at most half of the points when there are more), and
/// others evenly spaced.
pub(super) fn sample(n_rows: usize, keep: impl Fn(usize) -> bool) -> Vec<usize> {
    if n_rows <= MAX_POINTS {
        return (0..n_rows).collect();
    }
    let (kept, others): (Vec<usize>, Vec<usize>) = (0..n_rows).partition(|row| keep(*row));
    let mut rows = evenly(&kept, MAX_POINTS / 2);
    rows.extend(evenly(&others, MAX_POINTS - rows.len()));
    rows.sort_unstable();
    rows
}

/// At most `n`, evenly spaced, first and last kept.
fn evenly(rows: &[usize], n: usize) -> Vec<usize> {
    if rows.len() <= n {
        return rows.to_vec();
    }
    (0..n).map(|i| rows[i * (rows.len() - 1) / (n - 1)]).collect()
}

/// "the first 12 of 30 columns", or nothing when all are shown.
pub(super) fn shown(what: &str, n_shown: usize, n_all: usize) -> Option<String> {
    (n_shown < n_all).then(|| format!("the first {n_shown} of {n_all} {what}"))
}

/// A name for a picture: the first 40 characters.
pub(super) fn label(name: &str) -> String {
    if name.chars().count() <= 40 { name.to_owned() } else { name.chars().take(39).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_keep_what_matters_and_are_bounded() {
        assert_eq!(sample(3, |_| false), [0, 1, 2]);
        let rows = sample(10_000, |row| row == 1234 || row == 9_998);
        assert_eq!(rows.len(), MAX_POINTS);
        assert!(rows.contains(&1234) && rows.contains(&9_998) && rows[0] == 0 && rows[MAX_POINTS - 1] == 9_999);
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(sample(10_000, |row| row % 2 == 0).len(), MAX_POINTS);
        assert_eq!(sample(10_000, |_| true).len(), MAX_POINTS / 2);
    }

    #[test]
    fn numbers_are_short_and_text_too() {
        assert_eq!(short(1.0 / 3.0), json!(0.333333));
        assert_eq!(short(-1.234_567_89e300), json!(-1.23457e300));
        assert_eq!(short(f64::NAN), Value::Null);
        assert_eq!(label(&"é".repeat(50)).chars().count(), 40);
    }
}
