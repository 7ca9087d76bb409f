//! What was expected of each row, what is expected beyond the last, and its picture.

use ndarray::Array2;
use nunatak_detector::{Context, DetectorError, Figure, Forecast, Frame};
use serde_json::{Value, json};

use crate::series::columns::Chart;

/// Values that may be forecast beyond the last row at once, rows times columns.
const MAX_AHEAD: usize = 1_000_000;

/// No bound is drawn further out than this many standard deviations: one alarm must not flatten the picture.
const MAX_DRAWN: f64 = 50.0;

/// One value as it is expected, in the units of the column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Expected {
    pub(crate) mean: f64,
    /// Standard deviation of the error; positive.
    pub(crate) deviation: f64,
}

/// Expected values of every row of `frame` and of `horizon` rows beyond it.
pub(crate) fn forecast<C: Chart>(
    frame: &Frame,
    starts: Vec<C>,
    horizon: usize,
    level: f64,
    ctx: &Context<'_>,
) -> Result<Forecast, DetectorError> {
    let longest = MAX_AHEAD / frame.n_features().max(1);
    if horizon > longest {
        let message = format!("{horizon} rows are too many; forecast at most {longest}");
        return Err(DetectorError::hyperparameter("horizon", message));
    }
    if !(level > 0.0 && level < 1.0) {
        return Err(DetectorError::hyperparameter("level", format!("must be between 0 and 1, not {level}")));
    }
    let width = normal_quantile(0.5 + level / 2.0);
    let shape = (frame.n_rows() + horizon, frame.n_features());
    let mut forecast =
        Forecast { mean: Array2::zeros(shape), lower: Array2::zeros(shape), upper: Array2::zeros(shape) };
    for (column, mut chart) in starts.into_iter().enumerate() {
        let mut write = |row: usize, expected: Expected| {
            let distance = width * expected.deviation;
            forecast.mean[[row, column]] = expected.mean;
            forecast.lower[[row, column]] = (expected.mean - distance).max(f64::MIN);
            forecast.upper[[row, column]] = (expected.mean + distance).min(f64::MAX);
        };
        for (row, x) in frame.values().column(column).iter().enumerate() {
            if row.is_multiple_of(1_024) {
                ctx.check_cancelled()?;
            }
            if let Some(expected) = chart.expect() {
                write(row, expected);
            }
            chart.push(*x);
        }
        for (ahead, expected) in ahead(chart, horizon).enumerate() {
            if ahead.is_multiple_of(1_024) {
                ctx.check_cancelled()?;
            }
            write(frame.n_rows() + ahead, expected);
        }
    }
    Ok(forecast)
}

/// Expected values beyond the last one pushed.
///
/// The forecasters are linear: the expected path is what follows when each expected value comes true. A second path, in
/// which the first value is one deviation too high, shows how an error is carried on; the errors of all steps add up in
/// squares.
fn ahead<C: Chart>(chart: C, horizon: usize) -> impl Iterator<Item = Expected> {
    let mut path = chart.clone();
    let mut shocked = chart;
    let (mut variance, mut scale) = (0.0_f64, 1.0);
    (0..horizon).map_while(move |step| {
        let expected = path.expect()?;
        let with_shock = shocked.expect()?.mean;
        if step == 0 {
            scale = expected.deviation;
            variance = 1.0;
            shocked.push(expected.mean + scale);
        } else {
            let carried = ((with_shock - expected.mean) / scale).clamp(-1e100, 1e100);
            variance += carried * carried;
            shocked.push(with_shock);
        }
        path.push(expected.mean);
        Some(Expected { mean: expected.mean, deviation: (variance.sqrt() * scale).min(f64::MAX) })
    })
}

/// The last rows of a column, what was expected of them, and the bounds beyond which the score is above the threshold.
pub(crate) fn figure(frame: &Frame, column: usize, first: usize, expected: &[Expected], threshold: f64) -> Figure {
    let width = threshold.clamp(0.0, MAX_DRAWN);
    let values: Vec<Value> = expected
        .iter()
        .enumerate()
        .map(|(i, expected)| {
            let row = first + i;
            let distance = width * expected.deviation;
            json!({
                "x": frame.time().map_or(row as i64 + 1, |time| time[row]),
                "observed": short(frame.values()[[row, column]]),
                "expected": short(expected.mean),
                "lower": short((expected.mean - distance).max(f64::MIN)),
                "upper": short((expected.mean + distance).min(f64::MAX)),
            })
        })
        .collect();
    let name = &frame.columns()[column];
    let y = |field: &str| json!({"field": field, "type": "quantitative", "title": name, "scale": {"zero": false}});
    let points =
        json!({"type": "point", "size": 8, "filled": true, "color": "#333333", "tooltip": {"content": "data"}});
    let bounds = json!({"y": y("lower"), "y2": {"field": "upper"}});
    let layers = json!([
        {"mark": {"type": "area", "opacity": 0.25, "color": "#4c78a8"}, "encoding": bounds},
        {"mark": {"type": "line", "color": "#4c78a8"}, "encoding": {"y": y("expected")}},
        {"mark": points, "encoding": {"y": y("observed")}},
    ]);
    let spec = json!({
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": format!("Forecast of {name} one row ahead"),
        "width": "container",
        "height": 260,
        "data": {"values": values},
        "encoding": {"x": time_axis(frame)},
        "layer": layers,
    });
    Figure { name: "forecast".into(), title: "Forecast one row ahead, with the bounds of the threshold".into(), spec }
}

/// The axis of a field `x` that holds times, or row numbers where the frame has no time.
pub(crate) fn time_axis(frame: &Frame) -> Value {
    if frame.time().is_some() {
        json!({"field": "x", "type": "temporal", "title": "time"})
    } else {
        json!({"field": "x", "type": "quantitative", "title": "row", "scale": {"zero": false}})
    }
}

/// Six digits are enough to look at.
pub(crate) fn short(x: f64) -> Value {
    format!("{x:.5e}").parse().map_or(Value::Null, |x: f64| json!(x))
}

/// The value below which a standard normal variable lies with probability `p`: Acklam's rational approximation, whose
/// relative error is 1.2e-9.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 5] =
        [-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 4] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416];
    const TAIL: f64 = 0.02425;
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    if p > 0.5 {
        // The tables are of the lower half. 1 - p is exact there.
        return -normal_quantile(1.0 - p);
    }
    let p = p.max(f64::MIN_POSITIVE);
    if p < TAIL {
        let q = (-2.0 * p.ln()).sqrt();
        return polynomial(&C, q) / (polynomial(&D, q) * q + 1.0);
    }
    let q = p - 0.5;
    let r = q * q;
    polynomial(&A, r) * q / (polynomial(&B, r) * r + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, expected) in [
            (0.5, 0.0),
            (0.975, 1.959963984540054),
            (0.995, 2.5758293035489004),
            (0.001, -3.090232306167813),
            (0.0228, -1.999077215),
        ] {
            assert!((normal_quantile(p) - expected).abs() < 1e-8, "{p}: {}", normal_quantile(p));
        }
    }

    /// x(t) = x(t-1) + error: a random walk.
    #[derive(Debug, Clone)]
    struct Walk(f64);

    impl Chart for Walk {
        fn push(&mut self, x: f64) -> f64 {
            let score = (x - self.0).abs();
            self.0 = x;
            score
        }

        fn expect(&self) -> Option<Expected> {
            Some(Expected { mean: self.0, deviation: 2.0 })
        }
    }

    #[test]
    fn the_bounds_of_a_random_walk_widen_with_the_root_of_time() {
        for (step, expected) in ahead(Walk(7.0), 9).enumerate() {
            assert_eq!(expected.mean, 7.0);
            assert!((expected.deviation - 2.0 * ((step + 1) as f64).sqrt()).abs() < 1e-12);
        }
    }
}
