//! Principal components: how much they explain, what they are made of, and the two statistics that are monitored.

use ndarray::ArrayView2;
use serde_json::{Value, json};

use super::Figure;
use super::parts::{
    ANOMALY, NORMAL, REFERENCE, document, figure, label, moment, numbers, panels, sample, short, shown, threshold_rule,
};

/// Components with a bar of their own.
pub const MAX_COMPONENTS: usize = 40;
/// Loadings drawn: the longest.
pub const MAX_LOADINGS: usize = 15;

/// The fraction of the variance that each component explains, and their running sum.
pub fn explained_variance(ratios: &[f64]) -> Figure {
    let mut sum = 0.0;
    let bars = ratios.iter().take(MAX_COMPONENTS).enumerate().map(|(at, ratio)| {
        sum += ratio;
        json!({"component": at + 1, "ratio": short(*ratio), "sum": short(sum)})
    });
    let y = |field: &str| json!({"field": field, "type": "quantitative", "title": "fraction of the variance", "scale": {"domain": [0, 1]}});
    let color = kinds("what", &[("each", NORMAL), ("together", REFERENCE)]);
    let spec = json!({
        "data": {"values": bars.collect::<Vec<Value>>()},
        "encoding": {"x": {"field": "component", "type": "ordinal", "title": "component", "axis": {"labelAngle": 0}}},
        "layer": [
            {"transform": [{"calculate": "'each'", "as": "what"}],
             "mark": {"type": "bar", "tooltip": true}, "encoding": {"y": y("ratio"), "color": color}},
            {"transform": [{"calculate": "'together'", "as": "what"}],
             "mark": {"type": "line", "point": true, "tooltip": true}, "encoding": {"y": y("sum"), "color": color}},
        ],
    });
    let mut drawn = figure("explained_variance", "Explained variance", spec);
    if let Some(subtitle) = shown("components", MAX_COMPONENTS.min(ratios.len()), ratios.len()) {
        drawn.spec["title"] = json!({"text": "Explained variance", "subtitle": subtitle});
    }
    drawn
}

/// Which of its two limits a row exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeds {
    /// Hotelling's T²: far from the centre, within the components.
    pub t2: bool,
    /// Squared prediction error (Q): off the components.
    pub spe: bool,
}

/// Rows on the first two components, and which way each column points.
///
/// `projections` has shape (n_rows, 2), `loadings` (n_features, 2) with one name in `columns` for each feature; `exceeds`
/// has one entry for each row.
pub fn biplot(
    projections: ArrayView2<'_, f64>,
    loadings: ArrayView2<'_, f64>,
    columns: &[String],
    exceeds: &[Exceeds],
) -> Figure {
    const KINDS: [(&str, &str); 4] =
        [("inlier", NORMAL), ("T² exceeded", REFERENCE), ("SPE exceeded", "#b279a2"), ("both exceeded", ANOMALY)];
    let kind = |row: usize| usize::from(exceeds[row].t2) + 2 * usize::from(exceeds[row].spe);
    let points = sample(projections.nrows(), |row| kind(row) > 0).into_iter().map(|row| {
        json!({"pc1": short(projections[[row, 0]]), "pc2": short(projections[[row, 1]]), "kind": KINDS[kind(row)].0})
    });
    let spec = json!({"layer": [
        {"data": {"values": points.collect::<Vec<_>>()},
         "mark": {"type": "point", "filled": true, "size": 24, "opacity": 0.75, "tooltip": true},
         "encoding": {"x": numbers("pc1", "component 1"), "y": numbers("pc2", "component 2"),
            "color": kinds("kind", &KINDS)}},
        {"data": {"values": arrows(projections, loadings, columns)}, "layer": [
            {"mark": {"type": "rule", "color": "#555555"}, "encoding": {
                "x": {"field": "to1", "type": "quantitative"}, "y": {"field": "to2", "type": "quantitative"},
                "x2": {"datum": 0}, "y2": {"datum": 0}}},
            {"mark": {"type": "point", "shape": "circle", "filled": true, "size": 16, "color": "#555555", "tooltip": true},
             "encoding": {"x": {"field": "to1", "type": "quantitative"}, "y": {"field": "to2", "type": "quantitative"}}},
            {"mark": {"type": "text", "dy": -7, "fontSize": 10, "color": "#222222"}, "encoding": {
                "x": {"field": "to1", "type": "quantitative"}, "y": {"field": "to2", "type": "quantitative"},
                "text": {"field": "column", "type": "nominal"}}},
        ]},
    ]});
    let mut drawn = figure("biplot", "Rows and columns on the first two components", spec);
    drawn.spec["height"] = json!(360);
    drawn
}

/// The longest loadings, stretched so that the longest reaches as far as most rows do.
fn arrows(projections: ArrayView2<'_, f64>, loadings: ArrayView2<'_, f64>, columns: &[String]) -> Vec<Value> {
    let length = |row: ndarray::ArrayView1<'_, f64>| row[0].hypot(row[1]);
    let distances: Vec<f64> = projections.rows().into_iter().map(length).filter(|d| d.is_finite()).collect();
    let mut lengths: Vec<(f64, usize)> = loadings.rows().into_iter().map(length).zip(0..).collect();
    lengths.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let longest = lengths.first().map_or(0.0, |(length, _)| *length);
    let reach = if distances.is_empty() { 1.0 } else { crate::evaluation::quantile(&distances, 0.9) };
    let stretch = if longest > 0.0 { reach / longest } else { 0.0 };
    let arrow = |(_, feature): &(f64, usize)| {
        let end = |axis: usize| short(loadings[[*feature, axis]] * stretch);
        let loading = |axis: usize| short(loadings[[*feature, axis]]);
        json!({"column": label(&columns[*feature]), "to1": end(0), "to2": end(1),
            "loading 1": loading(0), "loading 2": loading(1)})
    };
    lengths.iter().take(MAX_LOADINGS).map(arrow).collect()
}

/// Hotelling's T² and the squared prediction error of each row over time (or row number), with their limits.
pub fn t2_spe(t2: &[f64], spe: &[f64], t2_limit: f64, spe_limit: f64, time: Option<&[i64]>) -> Figure {
    let rows = sample(t2.len(), |row| t2[row] > t2_limit || spe[row] > spe_limit);
    let points = rows.into_iter().map(|row| {
        json!({"x": moment(time, row), "t2": short(t2[row]), "spe": short(spe[row]),
            "t2_over": t2[row] > t2_limit, "spe_over": spe[row] > spe_limit})
    });
    let views = [("t2", "T²", t2_limit), ("spe", "SPE", spe_limit)];
    let spec = panels(points.collect(), views.len(), time.is_some(), |at, x| {
        let (field, title, limit) = views[at];
        let mut rule = threshold_rule("y", limit);
        rule["mark"]["color"] = json!("#222222");
        let axes = json!({"x": x, "y": numbers(field, title)});
        json!({"layer": [
            {"mark": {"type": "line", "color": NORMAL, "strokeWidth": 1.2}, "encoding": axes},
            {"transform": [{"filter": format!("datum.{field}_over")}], "encoding": axes,
             "mark": {"type": "point", "filled": true, "size": 30, "color": ANOMALY, "opacity": 0.9, "tooltip": true}},
            rule,
        ]})
    });
    document("t2_spe", "T² and SPE over time", None, spec)
}

fn kinds(field: &str, kinds: &[(&str, &str)]) -> Value {
    let (names, colours): (Vec<&str>, Vec<&str>) = kinds.iter().copied().unzip();
    json!({"field": field, "type": "nominal", "title": null, "scale": {"domain": names, "range": colours}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{MAX_POINTS, eda::data};
    use ndarray::Array2;

    #[test]
    fn ratios_add_up() {
        let figure = explained_variance(&[0.5, 0.25, 0.125]);
        assert_eq!(data(&figure)[2], json!({"component": 3, "ratio": 0.125, "sum": 0.875}));
        let many = explained_variance(&[0.01; 100]);
        assert_eq!(data(&many).len(), MAX_COMPONENTS);
        assert_eq!(many.spec["title"]["subtitle"], "the first 40 of 100 components");
    }

    #[test]
    fn biplots_name_four_kinds_and_are_bounded() {
        let projections =
            Array2::from_shape_fn((5000, 2), |(row, axis)| (row as f64 * (axis as f64 + 0.3)).sin() * 3.0);
        let loadings = Array2::from_shape_fn((100, 2), |(feature, axis)| ((feature + axis) as f64).cos() / 10.0);
        let columns: Vec<String> = (0..100).map(|i| format!("c{i}")).collect();
        let exceeds: Vec<Exceeds> =
            (0..5000).map(|row| Exceeds { t2: row % 500 == 1, spe: row % 1000 == 1 || row == 2 }).collect();
        let figure = biplot(projections.view(), loadings.view(), &columns, &exceeds);
        let points = figure.spec["layer"][0]["data"]["values"].as_array().unwrap();
        let count = |kind: &str| points.iter().filter(|point| point["kind"] == kind).count();
        assert_eq!((count("T² exceeded"), count("SPE exceeded"), count("both exceeded")), (5, 1, 5));
        assert_eq!(points.len(), MAX_POINTS);
        assert_eq!(figure.spec["layer"][1]["data"]["values"].as_array().unwrap().len(), MAX_LOADINGS);
        assert!(figure.spec.to_string().len() < 60_000);
    }

    #[test]
    fn rows_past_a_limit_are_kept() {
        let (mut t2, spe) = (vec![1.0; 3000], vec![0.5; 3000]);
        t2[1777] = 9.0;
        let figure = t2_spe(&t2, &spe, 5.0, 1.0, None);
        let over: Vec<&Value> = data(&figure).iter().filter(|point| point["t2_over"] == true).collect();
        assert_eq!(over, [&json!({"x": 1778, "t2": 9.0, "spe": 0.5, "t2_over": true, "spe_over": false})]);
        assert!(figure.spec.to_string().len() < 100_000);
    }
}
