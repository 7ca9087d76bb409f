//! Detectors that follow a series row by row: streams, reasons and forecasts.

use ndarray::Array2;
use nunatak_detector::{Context, FittedDetector, Frame, load, train};
use serde_json::{Value, json};

use crate::reference::{fit, series};
use crate::settings::settings;

const CAUSAL: [&str; 8] =
    ["robust_zscore", "shewhart", "ewma", "cusum", "mewma", "holt_winters", "ssa", "autoregressive"];

const FORECASTING: [&str; 3] = ["holt_winters", "ssa", "autoregressive"];

/// Evenly between -0.5 and 0.5, as good as random.
fn noise(at: usize) -> f64 {
    let mut x = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

/// Two columns with a season of 9 rows and noise, one of them with a trend, and a constant column.
fn frame(n_rows: usize, first: usize) -> Frame {
    let values = Array2::from_shape_fn((n_rows, 3), |(row, column)| {
        let t = (first + row) as f64;
        let noise = noise((first + row) * 3 + column);
        match column {
            0 => 20.0 + 0.002 * t + 3.0 * (t * std::f64::consts::TAU / 9.0).sin() + 0.3 * noise,
            1 => 5.0 * (t * std::f64::consts::TAU / 9.0).cos() + noise,
            _ => -4.5,
        }
    });
    let time = (0..n_rows as i64).map(|row| row * 60_000).collect();
    Frame::new(["a", "b", "constant"].map(String::from).to_vec(), values, Some(time), None).unwrap()
}

fn fitted(name: &str, frame: &Frame) -> Box<dyn FittedDetector> {
    load(&nunatak_linfa::all(), &fit(name, frame, settings(name)).artifact).unwrap()
}

#[test]
fn a_stream_scores_as_the_whole_bit_for_bit() {
    let (training, fresh) = (frame(300, 0), frame(500, 131));
    for name in CAUSAL {
        let fitted = fitted(name, &training);
        let scores = fitted.score(&fresh, &Context::quiet(0)).unwrap();
        let mut stream = fitted.stream().unwrap_or_else(|| panic!("{name} has no stream"));
        for (row, score) in scores.iter().enumerate() {
            assert_eq!(stream.push(fresh.row(row)).to_bits(), score.to_bits(), "{name} row {row}");
        }
    }
    assert!(fitted("seasonal_decomposition", &training).stream().is_none());
}

#[test]
fn the_largest_contribution_is_the_score() {
    let (training, fresh) = (frame(300, 0), frame(500, 131));
    let rows = [499, 0, 77, 300, 77];
    for name in CAUSAL.into_iter().filter(|name| *name != "mewma").chain(["seasonal_decomposition"]) {
        let fitted = fitted(name, &training);
        let scores = fitted.score(&fresh, &Context::quiet(0)).unwrap();
        let contributions = fitted.contributions(&fresh, &rows, &Context::quiet(0)).unwrap().unwrap();
        for (at, row) in rows.into_iter().enumerate() {
            let largest = contributions.row(at).iter().copied().fold(0.0, f64::max);
            assert_eq!(largest, scores[row], "{name} row {row}");
        }
    }
}

#[test]
fn values_of_any_size_give_finite_scores() {
    for name in CAUSAL.into_iter().chain(["seasonal_decomposition"]) {
        let mut values = frame(300, 0).values().to_owned();
        values.column_mut(1).mapv_inplace(|x| x * 1e300);
        let huge = frame(300, 0).with_values(frame(2, 0).columns().to_vec(), values).unwrap();
        let fitted = fitted(name, &huge);
        let mut wilder = huge.values().to_owned();
        wilder.row_mut(150).fill(f64::MAX);
        wilder.row_mut(151).fill(f64::MIN);
        let wilder = huge.with_values(huge.columns().to_vec(), wilder).unwrap();
        for frame in [&huge, &wilder, &frame(300, 0)] {
            let scores = fitted.score(frame, &Context::quiet(0)).unwrap();
            assert!(scores.iter().all(|score| score.is_finite() && *score >= 0.0), "{name}");
        }
        if FORECASTING.contains(&name) {
            let forecast = fitted.forecast(&wilder, 5, 0.9, &Context::quiet(0)).unwrap().unwrap();
            assert!([&forecast.mean, &forecast.lower, &forecast.upper].iter().all(|x| x.iter().all(|x| x.is_finite())));
        }
    }
}

#[test]
fn forecasts_hold_what_comes() {
    let (training, so_far, whole) = (frame(600, 0), frame(400, 50), frame(440, 50));
    for name in FORECASTING {
        let fitted = fitted(name, &training);
        let forecast = fitted.forecast(&so_far, 40, 0.99, &Context::quiet(0)).unwrap().unwrap();
        assert_eq!(forecast.mean.dim(), (440, 3));
        for column in 0..3 {
            let inside = |row: &usize| {
                let x = whole.values()[[*row, column]];
                (forecast.lower[[*row, column]]..=forecast.upper[[*row, column]]).contains(&x)
            };
            let held = (100..400).filter(inside).count();
            assert!(held >= 280, "{name}, column {column}: {held} of 300 rows within the bounds");
            let held = (400..440).filter(inside).count();
            assert!(held >= 36, "{name}, column {column}: {held} of 40 rows ahead within the bounds");
        }
        // The season goes on: its swing is 6, and a forecast that has lost it is off by 2 on the average.
        let error: f64 = (400..440).map(|row| (forecast.mean[[row, 0]] - whole.values()[[row, 0]]).abs()).sum();
        assert!(error / 40.0 < 0.5, "{name}: {}", error / 40.0);
        let widths = |row: usize| forecast.upper[[row, 0]] - forecast.lower[[row, 0]];
        assert!(widths(439) >= widths(400), "{name}: uncertainty grows");
    }
    for name in ["shewhart", "sub_pca", "seasonal_decomposition"] {
        assert!(fitted(name, &training).forecast(&so_far, 5, 0.9, &Context::quiet(0)).unwrap().is_none());
    }
}

#[test]
fn a_forecast_out_of_bounds_is_refused() {
    let fitted = fitted("autoregressive", &frame(300, 0));
    let message =
        |horizon, level| fitted.forecast(&frame(50, 0), horizon, level, &Context::quiet(0)).unwrap_err().to_string();
    assert_eq!(message(400_000, 0.9), "hyperparameter `horizon`: 400000 rows are too many; forecast at most 333333");
    assert_eq!(message(10, 1.0), "hyperparameter `level`: must be between 0 and 1, not 1");
}

#[test]
fn the_score_is_the_distance_to_the_forecast() {
    let (training, fresh) = (frame(300, 0), frame(200, 40));
    for name in FORECASTING {
        let fitted = fitted(name, &training);
        let scores = fitted.score(&fresh, &Context::quiet(0)).unwrap();
        // At this level the bounds are one standard deviation wide.
        let forecast = fitted.forecast(&fresh, 0, 0.682_689_492_137_085_9, &Context::quiet(0)).unwrap().unwrap();
        for (row, score) in scores.iter().enumerate() {
            let distances = (0..3).map(|column| {
                let at = [row, column];
                (fresh.values()[at] - forecast.mean[at]).abs() / (forecast.upper[at] - forecast.mean[at])
            });
            let largest = distances.fold(0.0, f64::max);
            assert!((largest - score).abs() < 1e-6 * score.max(1.0), "{name} row {row}: {largest} {score}");
        }
    }
}

#[test]
fn settings_that_ask_too_much_of_the_rows_are_refused() {
    let train = |name: &str, settings: Value| {
        let detector = crate::reference::detector(name);
        train(detector.as_ref(), &frame(50, 0), &settings, &Context::quiet(0)).unwrap_err().to_string()
    };
    for (name, settings, message) in [
        ("holt_winters", json!({"period": 26}), "`period`: 50 rows are fewer than two seasons of 26; append more rows"),
        ("seasonal_decomposition", json!({"period": 26}), "`period`: 50 rows are fewer than two seasons of 26; append"),
        ("seasonal_decomposition", json!({"trend": 51}), "the series has 50 rows, fewer than the window of 51; append"),
        ("ssa", json!({"window": 51}), "the series has 50 rows, fewer than the window of 51; append more rows"),
        ("autoregressive", json!({"order": 13}), "`order`: 13 is too many for 50 rows; use at most 12"),
    ] {
        let error = train(name, settings);
        assert!(error.contains(message), "{name}: {error}");
    }
}

#[test]
fn autoregression_finds_the_weights_that_made_the_series() {
    // x(t) = 0.5 x(t-1) + 0.3 x(t-2) + noise of standard deviation 0.289.
    let mut values = vec![0.0, 0.0];
    for t in 2..20_000 {
        values.push(0.5 * values[t - 1] + 0.3 * values[t - 2] + noise(t));
    }
    let table = Array2::from_shape_vec((20_000, 1), values).unwrap();
    let frame = Frame::new(vec!["x".into()], table, None, None).unwrap();
    for settings in [Value::Null, json!({"order": 2})] {
        let parameters = fit("autoregressive", &frame, settings.clone()).parameters;
        let weight = |i: usize| parameters["weights_"][0][i].as_f64().unwrap();
        assert!((weight(0) - 0.5).abs() < 0.03 && (weight(1) - 0.3).abs() < 0.03, "{settings}: {parameters:?}");
        assert!(parameters["n_lags_"][0].as_u64().unwrap() < 12, "AIC does not ask for many more");
    }
}

#[test]
fn figures_are_bounded() {
    let long = frame(3_000, 0);
    for (name, figure, lines) in [
        ("holt_winters", "forecast", 4),
        ("ssa", "forecast", 4),
        ("autoregressive", "forecast", 4),
        ("seasonal_decomposition", "decomposition", 4),
    ] {
        let fitted = fitted(name, &long);
        let scores = fitted.score(&long, &Context::quiet(0)).unwrap();
        let figures = fitted.figures(&long, &scores, 3.0, &Context::quiet(0)).unwrap();
        assert_eq!(figures.len(), 1, "{name}");
        assert_eq!(figures[0].name, figure);
        let points = figures[0].spec["data"]["values"].as_array().unwrap();
        assert_eq!(points.len(), 500, "{name}");
        for point in points {
            let numbers = point.as_object().unwrap().values().filter(|value| value.is_number()).count();
            assert_eq!(numbers, lines + 1, "{name}: {point}");
        }
    }
}

#[test]
fn a_series_may_begin_anywhere_in_the_season() {
    let training = frame(600, 0);
    for name in ["holt_winters", "seasonal_decomposition"] {
        let fitted = fitted(name, &training);
        for first in 0..9 {
            let mut values = frame(90, first).values().to_owned();
            values[[60, 0]] += 3.0;
            let fresh = training.slice_rows(0..90).with_values(training.columns().to_vec(), values).unwrap();
            let scores = fitted.score(&fresh, &Context::quiet(0)).unwrap();
            let highest = (10..90).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
            assert_eq!(highest, 60, "{name} from phase {first}");
        }
    }
}

/// Series, then ROC-AUC of the reference's EWMA, STL residual and Holt-Winters of fixed gains there.
const NAB: [(&str, [f64; 3]); 5] = [
    ("art_daily_jumpsup", [0.4813, 0.6310, 0.5667]),
    ("ec2_request_latency_system_failure", [0.4925, 0.5118, 0.5239]),
    ("machine_temperature_system_failure", [0.4993, 0.6251, 0.5198]),
    ("rds_cpu_utilization_cc0c53", [0.5288, 0.8022, 0.5606]),
    ("speed_7578", [0.5392, 0.5736, 0.7726]),
];

#[test]
fn nab_is_no_worse_than_the_reference() {
    for (name, expected) in NAB {
        let Some(frame) = series(name) else { continue };
        for (detector, expected) in ["ewma", "seasonal_decomposition", "holt_winters"].iter().zip(expected) {
            // Statsmodels' STL has 0.592 on this series once its season may not change either.
            let fixed_season = *detector == "seasonal_decomposition" && name == "art_daily_jumpsup";
            let least = if fixed_season { 0.58 } else { expected - 0.01 };
            let roc_auc = fit(detector, &frame, Value::Null).metrics["roc_auc"];
            assert!(roc_auc > least, "{detector} on {name}: {roc_auc:.4}, the reference has {expected:.4}");
        }
    }
}
