use ndarray::array;
use serde_json::json;

use super::*;
use crate::TextColumn;

fn frame() -> Frame {
    let values = array![[1.0, 10.0], [f64::NAN, 20.0], [3.0, 30.0], [5.0, 40.0]];
    let mut kind = TextColumn::named("kind");
    [Some("M"), Some("L"), Some("M"), None].into_iter().for_each(|word| kind.push(word));
    // Thursday 1970-01-01 00:00, 06:00, 12:00; Saturday 1970-01-03.
    let time = vec![0, 21_600_000, 43_200_000, 172_800_000];
    let frame = Frame::new(vec!["a".into(), "b".into()], values, Some(time), None).unwrap();
    frame.with_text(vec![kind.finish()]).unwrap()
}

fn run(options: serde_json::Value) -> (Vec<String>, Frame, Report) {
    let options: Options = serde_json::from_value(options).unwrap();
    let pipeline = Pipeline::fit(options, &frame()).unwrap();
    pipeline.check(2, pipeline.one_hot().len()).unwrap();
    let (derived, report) = pipeline.apply(&frame()).unwrap();
    let text = serde_json::to_string(&pipeline).unwrap();
    assert_eq!(serde_json::from_str::<Pipeline>(&text).unwrap(), pipeline);
    (derived.columns().to_vec(), derived, report)
}

#[test]
fn missing_numbers_are_filled_and_counted() {
    for (impute, expected) in [("median", 3.0), ("mean", 3.0), ("constant", -7.0), ("forward_fill", 1.0)] {
        let (names, derived, report) = run(json!({"impute": impute, "fill_value": -7.0, "add_indicator": true}));
        assert_eq!(names, ["a", "b", "a_missing"]);
        assert_eq!(derived.row(1), [expected, 20.0, 1.0], "{impute}");
        assert_eq!(report["imputed_values"], 1.0);
    }
}

#[test]
fn columns_are_scaled() {
    for (scale, expected) in [("min_max", [0.0, 1.0]), ("robust", [-1.0, 1.0])] {
        let (_, derived, _) = run(json!({"impute": "median", "scale": scale}));
        assert_eq!([derived.row(0)[1] * 1.0, derived.row(3)[1]].map(f64::signum), expected.map(f64::signum), "{scale}");
        let middle = (derived.row(0)[1] + derived.row(3)[1]) / 2.0;
        assert!((middle - (expected[0] + expected[1]) / 2.0).abs() < 1e-12, "{scale}: {middle}");
    }
    let (_, derived, _) = run(json!({"impute": "median", "scale": "standard"}));
    assert!((derived.row(3)[1] - 1.341_640_786_499_874).abs() < 1e-12);
}

#[test]
fn words_lags_windows_and_times_become_columns() {
    let (names, derived, report) = run(json!({
        "impute": "median", "one_hot": ["kind"], "lags": [2], "rolling_window": 2, "rolling": ["mean", "max"],
        "time_features": ["time_of_day", "weekend"],
    }));
    assert_eq!(
        names,
        [
            "a",
            "b",
            "a_lag_2",
            "b_lag_2",
            "a_rolling_mean_2",
            "b_rolling_mean_2",
            "a_rolling_max_2",
            "b_rolling_max_2",
            "kind=M",
            "kind=L",
            "time_of_day_sin",
            "time_of_day_cos",
            "weekend",
        ]
    );
    let last = derived.row(3);
    assert_eq!(last[..8], [5.0, 40.0, 3.0, 20.0, 4.0, 35.0, 5.0, 40.0]);
    assert_eq!(last[8..10], [0.0, 0.0], "a missing word belongs to no column");
    assert_eq!(last[12], 1.0);
    assert!((derived.row(1)[10] - 1.0).abs() < 1e-12, "six o'clock is a quarter of the round");
    assert_eq!(report["unknown_words"], 1.0);
}

#[test]
fn rows_are_filtered_by_numbers_and_words() {
    let rows = |filter: serde_json::Value| {
        let options: Options = serde_json::from_value(json!({"row_filter": filter})).unwrap();
        options.rows_to_learn_from(&frame()).map_err(|error| error.to_string())
    };
    assert_eq!(rows(json!([])).unwrap(), None);
    assert_eq!(rows(json!([{"column": "b", "op": "gte", "value": 20}])).unwrap(), Some(vec![1, 2, 3]));
    assert_eq!(rows(json!([{"column": "kind", "op": "eq", "value": "M"}])).unwrap(), Some(vec![0, 2]));
    assert!(rows(json!([{"column": "b", "op": "gt", "value": 30}])).unwrap_err().starts_with("1 of 4 rows pass"));
    assert!(rows(json!([{"column": "x", "op": "gt", "value": 3}])).unwrap_err().contains("no column `x`"));
    assert!(rows(json!([{"column": "b", "op": "gt", "value": "z"}])).unwrap_err().contains("with a number"));
    assert!(rows(json!([{"column": "kind", "op": "gt", "value": 3}])).unwrap_err().contains("only eq and ne"));
}

#[test]
fn what_is_not_there_is_named() {
    let options = serde_json::from_value(json!({"one_hot": ["colour"]})).unwrap();
    let error = Pipeline::fit(options, &frame()).unwrap_err().to_string();
    assert!(error.contains("no column of words `colour`; there are: kind"), "{error}");
    let options = serde_json::from_value(json!({"time_features": ["weekend"]})).unwrap();
    let timeless = Frame::new(vec!["a".into()], array![[1.0], [2.0]], None, None).unwrap();
    let error = Pipeline::fit(options, &timeless).and_then(|pipeline| pipeline.apply(&timeless)).unwrap_err();
    assert!(error.to_string().contains("need a time column"), "{error}");
}
