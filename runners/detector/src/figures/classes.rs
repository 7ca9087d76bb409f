//! Faults told apart: what was taken for what, and what it was told by.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde_json::{Value, json};

use super::eda::step;
use super::parts::{Axis, NORMAL, document, figure, label, numbers, sample, short, shown};
use super::{Figure, MAX_POINTS};

/// Classes with a row of their own in a map; of more, the rarest are put together.
pub const MAX_CLASSES: usize = 20;
/// Columns with a bar of their own.
pub const MAX_BARS: usize = 30;
/// Lines of one figure.
pub const MAX_LINES: usize = 8;

/// A class for each row, as indices into the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coded<'a> {
    pub names: &'a [String],
    pub codes: &'a [u32],
}

/// How often which class was taken for which: `counts` has shape (n_classes, n_classes), the rows are the true classes.
pub fn confusion_matrix(names: &[String], counts: &Array2<u64>) -> Figure {
    let (names, counts) = merge(names, counts);
    let cells = cells(&names, |truth, predicted| {
        let of_class: u64 = counts.row(truth).sum();
        let share = if of_class == 0 { 0.0 } else { counts[[truth, predicted]] as f64 / of_class as f64 };
        json!({"truth": names[truth], "predicted": names[predicted], "rows": counts[[truth, predicted]], "share": short(share)})
    });
    let format = if counts.iter().all(|count| *count < 10_000) { "d" } else { ".3~s" };
    let axes = [("predicted", "predicted class"), ("truth", "true class")];
    document("confusion_matrix", "Confusion matrix", None, map(cells, &names, axes, ("rows", format), "share of class"))
}

/// How often which class follows which from row to row, as a fraction of what follows.
pub fn transition_matrix(classes: Coded<'_>) -> Figure {
    let n_classes = classes.names.len();
    let mut counts = Array2::<u64>::zeros((n_classes, n_classes));
    for pair in classes.codes.windows(2) {
        counts[[pair[0] as usize, pair[1] as usize]] += 1;
    }
    let (names, counts) = merge(classes.names, &counts);
    let cells = cells(&names, |from, to| {
        let leaving: u64 = counts.row(from).sum();
        let share = if leaving == 0 { 0.0 } else { counts[[from, to]] as f64 / leaving as f64 };
        json!({"from": names[from], "to": names[to], "rows": counts[[from, to]], "share": short(share)})
    });
    let axes = [("to", "class of the next row"), ("from", "class of a row")];
    document(
        "transition_matrix",
        "Transitions between classes",
        None,
        map(cells, &names, axes, ("share", ".2f"), "fraction"),
    )
}

/// By how much each column lowers the impurity, the most important first.
pub fn feature_importance(columns: &[String], importances: &[f64]) -> Figure {
    let mut bars: Vec<(f64, &String)> = importances.iter().copied().zip(columns).collect();
    bars.sort_by(|a, b| b.0.total_cmp(&a.0));
    let subtitle = shown("columns", bars.len().min(MAX_BARS), bars.len());
    bars.truncate(MAX_BARS);
    let names: Vec<String> = bars.iter().map(|(_, name)| label(name)).collect();
    let values: Vec<Value> = bars
        .iter()
        .zip(&names)
        .map(|((importance, _), name)| json!({"column": name, "importance": short(*importance)}))
        .collect();
    let spec = json!({
        "data": {"values": values},
        "width": "container",
        "height": {"step": 16},
        "mark": {"type": "bar", "tooltip": true, "color": NORMAL},
        "encoding": {
            "x": {"field": "importance", "type": "quantitative", "title": "importance"},
            "y": {"field": "column", "type": "nominal", "title": null, "sort": names},
        },
    });
    document("feature_importance", "Importance of the columns", subtitle, spec)
}

/// Rows on two axes (principal components, or the two most important columns), coloured by class.
pub fn class_scatter(x: &Axis<'_>, y: &Axis<'_>, classes: Coded<'_>) -> Figure {
    let mut sizes = vec![0_usize; classes.names.len()];
    classes.codes.iter().for_each(|code| sizes[*code as usize] += 1);
    // Rows of rare classes are kept: they are what the figure is looked at for.
    let rare = |row: usize| sizes[classes.codes[row] as usize] * 20 < classes.codes.len();
    let (names, place) = places(classes.names, &sizes);
    let points = sample(classes.codes.len(), rare).into_iter().map(|row| {
        let name = &names[place[classes.codes[row] as usize]];
        json!({"x": short(x.values[row]), "y": short(y.values[row]), "class": name})
    });
    let spec = json!({
        "data": {"values": points.collect::<Vec<_>>()},
        "mark": {"type": "point", "filled": true, "size": 28, "opacity": 0.65, "tooltip": true},
        "encoding": {
            "x": numbers("x", &label(x.title)),
            "y": numbers("y", &label(y.title)),
            "color": {"field": "class", "type": "nominal", "title": "class",
                "scale": {"domain": names, "range": colours(&names)}},
            "shape": {"field": "class", "type": "nominal", "title": "class", "scale": {"domain": names}},
        },
    });
    let mut drawn = figure("class_scatter", &format!("Classes over {} and {}", label(x.title), label(y.title)), spec);
    drawn.spec["height"] = json!(340);
    drawn
}

/// Metrics by name, a value for each step (training run, batch scored).
pub fn metric_lines(metrics: &BTreeMap<String, Vec<f64>>) -> Figure {
    lines("metric_lines", "Metrics over runs", metrics, "run", "metric")
}

/// Lines of values over steps counted from 1. Long ones are thinned so that all together have at most [`MAX_POINTS`].
pub(super) fn lines(
    name: &str,
    title: &str,
    curves: &BTreeMap<String, Vec<f64>>,
    step_title: &str,
    value_title: &str,
) -> Figure {
    let mut values = Vec::new();
    let longest = curves.values().map(Vec::len).max().unwrap_or(0);
    let stride = longest.div_ceil(MAX_POINTS / curves.len().clamp(1, MAX_LINES)).max(1);
    for (curve, points) in curves.iter().take(MAX_LINES) {
        for (at, value) in points.iter().enumerate().step_by(stride) {
            values.push(json!({"step": at + 1, "value": short(*value), "curve": label(curve)}));
        }
    }
    let spec = json!({
        "data": {"values": values},
        "mark": {"type": "line", "point": longest <= 50, "tooltip": true},
        "encoding": {
            "x": {"field": "step", "type": "quantitative", "title": step_title, "scale": {"zero": false},
                "axis": {"tickMinStep": 1, "format": "d"}},
            "y": numbers("value", value_title),
            "color": {"field": "curve", "type": "nominal", "title": null, "scale": {"scheme": "tableau10"}},
        },
    });
    figure(name, title, spec)
}

fn cells(names: &[String], cell: impl Fn(usize, usize) -> Value) -> Vec<Value> {
    (0..names.len()).flat_map(|i| (0..names.len()).map(move |j| (i, j))).map(|(i, j)| cell(i, j)).collect()
}

/// A heat map coloured by the field `share` with the number of another field in each cell.
fn map(
    cells: Vec<Value>,
    names: &[String],
    [(x, x_title), (y, y_title)]: [(&str, &str); 2],
    (text, format): (&str, &str),
    legend: &str,
) -> Value {
    let axis = |field: &str, title: &str| json!({"field": field, "type": "nominal", "title": title, "sort": names});
    json!({
        "data": {"values": cells},
        "width": {"step": step(names.len())},
        "height": {"step": step(names.len())},
        "encoding": {"x": axis(x, x_title), "y": axis(y, y_title)},
        "layer": [
            {"mark": {"type": "rect", "tooltip": true}, "encoding": {"color": {"field": "share", "type": "quantitative",
                "title": legend, "scale": {"domain": [0, 1], "range": ["#ffffff", NORMAL], "interpolate": "rgb"}}}},
            {"mark": {"type": "text", "fontSize": if names.len() > 10 { 8 } else { 11 }}, "encoding": {
                "text": {"field": text, "type": "quantitative", "format": format},
                "color": {"condition": {"test": "datum.share > 0.6", "value": "#ffffff"}, "value": "#222222"}}},
        ],
    })
}

/// Names to show and where each class stands among them: the largest classes in their order, the others together.
fn places(names: &[String], sizes: &[usize]) -> (Vec<String>, Vec<usize>) {
    if names.len() <= MAX_CLASSES {
        return (names.iter().map(|name| label(name)).collect(), (0..names.len()).collect());
    }
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|class| std::cmp::Reverse(sizes[*class]));
    order.truncate(MAX_CLASSES - 1);
    order.sort_unstable();
    let mut shown: Vec<String> = order.iter().map(|class| label(&names[*class])).collect();
    shown.push(format!("({} others)", names.len() - order.len()));
    let place = |class: usize| order.binary_search(&class).unwrap_or(order.len());
    (shown, (0..names.len()).map(place).collect())
}

/// The counts with the rarest classes put together.
fn merge(names: &[String], counts: &Array2<u64>) -> (Vec<String>, Array2<u64>) {
    let sizes: Vec<usize> = counts.rows().into_iter().map(|row| row.sum() as usize).collect();
    let (names, place) = places(names, &sizes);
    let mut merged = Array2::zeros((names.len(), names.len()));
    for ((i, j), count) in counts.indexed_iter() {
        merged[[place[i], place[j]]] += count;
    }
    (names, merged)
}

/// Normal classes are blue, a single fault red, and further ones of other colours.
fn colours(names: &[String]) -> Vec<&'static str> {
    const FAULTS: [&str; 9] =
        ["#e45756", "#f58518", "#72b7b2", "#54a24b", "#eeca3b", "#b279a2", "#ff9da6", "#9d755d", "#bab0ac"];
    let mut faults = FAULTS.iter().cycle();
    let colour = |name: &String| {
        if crate::Target::is_normal(name) { NORMAL } else { faults.next().copied().unwrap_or(FAULTS[0]) }
    };
    names.iter().map(colour).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::eda::data;
    use ndarray::array;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("fault {i}")).collect()
    }

    #[test]
    fn maps_show_counts_and_shares() {
        let figure = confusion_matrix(&names(2), &array![[3, 1], [0, 0]]);
        assert_eq!(data(&figure)[1], json!({"truth": "fault 0", "predicted": "fault 1", "rows": 1, "share": 0.25}));
        assert_eq!(data(&figure)[2]["share"], 0.0);
        let classes = names(2);
        let figure = transition_matrix(Coded { names: &classes, codes: &[0, 0, 1, 0, 0] });
        assert_eq!(data(&figure)[0], json!({"from": "fault 0", "to": "fault 0", "rows": 2, "share": 0.666667}));
    }

    #[test]
    fn many_classes_are_put_together() {
        let counts = Array2::from_shape_fn((50, 50), |(i, j)| if i == j { (50 - i) as u64 } else { 0 });
        let figure = confusion_matrix(&names(50), &counts);
        assert_eq!(data(&figure).len(), MAX_CLASSES * MAX_CLASSES);
        let last = data(&figure).last().unwrap();
        // Classes 19 to 49 have 31 + 30 + ... + 1 rows.
        assert_eq!((&last["truth"], &last["rows"]), (&json!("(31 others)"), &json!(496)));
    }

    #[test]
    fn bars_descend_and_are_bounded() {
        let columns = names(100);
        let importances: Vec<f64> = (0..100).map(f64::from).collect();
        let figure = feature_importance(&columns, &importances);
        assert_eq!(data(&figure).len(), MAX_BARS);
        assert_eq!(data(&figure)[0], json!({"column": "fault 99", "importance": 99.0}));
    }

    #[test]
    fn a_scatter_keeps_rare_classes() {
        let classes = ["normal".to_string(), "leak".to_string()];
        let codes: Vec<u32> = (0..9000).map(|row| u32::from(row % 900 == 7)).collect();
        let axis = |title| Axis { title, values: (0..9000).map(f64::from).collect() };
        let figure = class_scatter(&axis("a"), &axis("b"), Coded { names: &classes, codes: &codes });
        assert_eq!(data(&figure).len(), MAX_POINTS);
        assert_eq!(data(&figure).iter().filter(|point| point["class"] == "leak").count(), 10);
        assert_eq!(figure.spec["encoding"]["color"]["scale"]["range"], json!(["#4c78a8", "#e45756"]));
    }

    #[test]
    fn lines_are_thinned() {
        let metrics = (0..20).map(|i| (format!("m{i:02}"), vec![0.5; 1000])).collect();
        let figure = metric_lines(&metrics);
        assert!(data(&figure).len() <= MAX_POINTS && data(&figure).iter().any(|point| point["curve"] == "m07"));
        let short = metric_lines(&BTreeMap::from([("f1".to_string(), vec![0.1, 0.2])]));
        assert_eq!(data(&short)[1], json!({"step": 2, "value": 0.2, "curve": "f1"}));
        assert_eq!(metric_lines(&BTreeMap::new()).spec["data"]["values"], json!([]));
    }
}
