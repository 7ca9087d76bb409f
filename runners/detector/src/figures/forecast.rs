//! What was expected of a series, what it is made of, and how the learning went.

use std::collections::BTreeMap;

use serde_json::json;

use super::Figure;
use super::classes::lines;
use super::parts::{
    ANOMALY, NORMAL, REFERENCE, document, figure, label, moment, moments, numbers, panels, sample, short,
};

/// Expected values with bounds, of the rows there are and of those to come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected<'a> {
    pub mean: &'a [f64],
    pub lower: &'a [f64],
    pub upper: &'a [f64],
}

/// The values of `column`, what was expected of them, and what is expected of the rows to come: `expected` is as long as
/// `actual` or longer. `time` has an entry for each actual row; later ones follow at the last step between rows.
pub fn forecast(column: &str, actual: &[f64], expected: Expected<'_>, time: Option<&[i64]>) -> Figure {
    let time = time.map(|time| extend(time, expected.mean.len()));
    let outside = |row: usize| {
        actual.get(row).is_some_and(|actual| *actual < expected.lower[row] || *actual > expected.upper[row])
    };
    let rows = sample(expected.mean.len(), |row| outside(row) || row >= actual.len()).into_iter().map(|row| {
        let (mean, lower, upper) = (expected.mean[row], expected.lower[row], expected.upper[row]);
        let mut point =
            json!({"x": moment(time.as_deref(), row), "mean": short(mean), "lower": short(lower), "upper": short(upper)});
        if let Some(actual) = actual.get(row) {
            point["actual"] = short(*actual);
            point["outside"] = json!(outside(row));
        }
        point
    });
    let name = label(column);
    let coloured = |what: &str| {
        json!({"datum": what, "type": "nominal", "title": null,
            "scale": {"domain": ["actual", "expected", "outside the bounds"], "range": [NORMAL, REFERENCE, ANOMALY]}})
    };
    let spec = json!({
        "data": {"values": rows.collect::<Vec<_>>()},
        "encoding": {"x": moments(time.is_some())},
        "layer": [
            {"mark": {"type": "area", "opacity": 0.2, "color": REFERENCE},
             "encoding": {"y": numbers("lower", &name), "y2": {"field": "upper"}}},
            {"mark": {"type": "line", "strokeDash": [5, 3], "strokeWidth": 1.4},
             "encoding": {"y": numbers("mean", &name), "color": coloured("expected")}},
            {"transform": [{"filter": "isValid(datum.actual)"}], "mark": {"type": "line", "strokeWidth": 1.2},
             "encoding": {"y": numbers("actual", &name), "color": coloured("actual")}},
            {"transform": [{"filter": "datum.outside"}], "mark": {"type": "point", "filled": true, "size": 34, "tooltip": true},
             "encoding": {"y": numbers("actual", &name), "color": coloured("outside the bounds")}},
        ],
    });
    figure("forecast", &format!("{name} and what was expected"), spec)
}

/// The times of `n` rows, of which the first are given.
fn extend(time: &[i64], n: usize) -> Vec<i64> {
    let step = match time {
        [.., before, last] => last.saturating_sub(*before),
        _ => 1,
    };
    let last = time.last().copied().unwrap_or(0);
    let beyond = (1..).map(|ahead: i64| last.saturating_add(step.saturating_mul(ahead)));
    time.iter().copied().chain(beyond).take(n).collect()
}

/// A series taken apart, each of the same length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts<'a> {
    pub trend: &'a [f64],
    pub seasonal: &'a [f64],
    pub residual: &'a [f64],
}

/// Trend, season and residual below each other; rows whose residual is further from 0 than `limit` are marked.
pub fn decomposition(parts: Parts<'_>, limit: f64, time: Option<&[i64]>) -> Figure {
    let far = |row: usize| parts.residual[row].abs() > limit;
    let rows = sample(parts.residual.len(), far).into_iter().map(|row| {
        json!({"x": moment(time, row), "trend": short(parts.trend[row]), "seasonal": short(parts.seasonal[row]),
            "residual": short(parts.residual[row]), "far": far(row)})
    });
    let fields = ["trend", "seasonal", "residual"];
    let spec = panels(rows.collect(), fields.len(), time.is_some(), |at, x| {
        let axes = json!({"x": x, "y": numbers(fields[at], fields[at])});
        let line = json!({"mark": {"type": "line", "color": NORMAL, "strokeWidth": 1.2}, "encoding": axes});
        let far = json!({"transform": [{"filter": "datum.far"}], "encoding": axes,
            "mark": {"type": "point", "filled": true, "size": 34, "color": ANOMALY, "opacity": 0.9, "tooltip": true}});
        json!({"layer": if fields[at] == "residual" { vec![line, far] } else { vec![line] }})
    });
    document("decomposition", "Trend, season and residual", None, spec)
}

/// What an iterative method minimised, by name (`loss`, `validation loss`), a value for each epoch.
pub fn loss_curves(losses: &BTreeMap<String, Vec<f64>>) -> Figure {
    lines("loss_curves", "Loss over epochs", losses, "epoch", "loss")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{MAX_POINTS, eda::data};

    #[test]
    fn forecasts_go_on_after_the_last_row() {
        let (mean, lower, upper) = (vec![1.0; 5], vec![0.5; 5], vec![1.5; 5]);
        let expected = Expected { mean: &mean, lower: &lower, upper: &upper };
        let figure = forecast("load", &[1.0, 2.0, 1.1], expected, Some(&[0, 10, 20]));
        assert_eq!(data(&figure)[1]["outside"], true);
        assert_eq!(data(&figure)[4], json!({"x": 40, "mean": 1.0, "lower": 0.5, "upper": 1.5}));
        assert_eq!(extend(&[7], 3), [7, 8, 9]);
        assert_eq!(extend(&[0, i64::MAX], 3), [0, i64::MAX, i64::MAX]);
    }

    #[test]
    fn long_series_are_bounded_and_keep_what_is_far() {
        let zeros = vec![0.0; 10_000];
        let mut residual = zeros.clone();
        residual[4321] = -7.0;
        let figure = decomposition(Parts { trend: &zeros, seasonal: &zeros, residual: &residual }, 3.0, None);
        assert_eq!(data(&figure).len(), MAX_POINTS);
        assert_eq!(data(&figure).iter().filter(|point| point["far"] == true && point["x"] == 4322).count(), 1);
        let expected = Expected { mean: &zeros, lower: &zeros, upper: &zeros };
        let figure = forecast("load", &residual, expected, None);
        assert_eq!(data(&figure).len(), MAX_POINTS);
        assert!(figure.spec.to_string().len() < 100_000);
        assert!(data(&loss_curves(&BTreeMap::from([("loss".into(), zeros)]))).len() <= MAX_POINTS);
    }
}
