//! Metrics logged again and again, by many at once, and long.

use std::collections::{BTreeMap, BTreeSet};

use nunatak_test_support::{TestApp, TestUser};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::versions::{log, minimize, project};

/// Key id, key, last, its step and time, min, max, points: an entry of `version_maps.metrics`.
type KeptText = (i64, String, Value, i64, i64, Value, Value, i64);

const NOTE: &str = "mutation ($id: ID!, $metrics: [MetricPointInput!]!) {
    logMetrics(input: {version: $id, metrics: $metrics}) { version { id } userErrors { code path } }
}";
const LOOK: &str = "query ($id: ID!, $most: Int!) { version(id: $id) { metrics {
    key last lastSpecial min minSpecial max maxSpecial best bestSpecial step pointCount
    points(maxPoints: $most) { step value special }
} } }";

async fn note(app: &TestApp, user: &TestUser, id: &Value, metrics: Value) {
    app.ok(Some(&user.token), NOTE, json!({ "id": id, "metrics": metrics })).await;
}

async fn look(app: &TestApp, user: &TestUser, id: &Value, most: usize) -> Vec<Value> {
    let mut answer = app.ok(Some(&user.token), LOOK, json!({ "id": id, "most": most })).await;
    let Value::Array(metrics) = answer["version"]["metrics"].take() else { panic!("{answer:#}") };
    metrics
}

/// The same numbers on each run, without a seed to keep.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// `{ key, step, value }` with NaN and infinities now and then.
    fn point(&mut self, key: String, step: i64) -> Value {
        match self.below(20) {
            0 => json!({ "key": key, "step": step, "special": "NAN" }),
            1 => json!({ "key": key, "step": step, "special": "POS_INF" }),
            2 => json!({ "key": key, "step": step, "special": "NEG_INF" }),
            _ => json!({ "key": key, "step": step, "value": self.below(1000) as f64 / 8.0 }),
        }
    }
}

fn float(value: &Value, special: &Value) -> f64 {
    match special.as_str() {
        None => value.as_f64().unwrap(),
        Some("NAN") => f64::NAN,
        Some("POS_INF") => f64::INFINITY,
        Some(_) => f64::NEG_INFINITY,
    }
}

fn same(one: f64, other: f64) -> bool {
    one == other || (one.is_nan() && other.is_nan())
}

/// What is kept of a metric is what its points say.
fn check(metric: &Value) {
    let points = metric["points"].as_array().unwrap();
    let values: Vec<f64> = points.iter().map(|point| float(&point["value"], &point["special"])).collect();
    let numbers = || values.iter().copied().filter(|value| !value.is_nan());
    let (min, max) = (numbers().reduce(f64::min).unwrap_or(f64::NAN), numbers().reduce(f64::max).unwrap_or(f64::NAN));
    for (field, expected) in [("last", *values.last().unwrap()), ("min", min), ("max", max), ("best", min)] {
        let got = float(&metric[field], &metric[format!("{field}Special")]);
        assert!(same(got, expected), "{field} is {got}, not {expected}: {metric:#}");
    }
    assert_eq!(metric["pointCount"], points.len());
    assert_eq!(metric["step"], points.last().unwrap()["step"]);
}

/// The text beside the rows says the same as the rows.
async fn check_text(app: &TestApp, metrics: &[Value]) {
    let db = app.db.connect().await;
    let text = "SELECT metrics FROM version_maps WHERE metrics IS NOT NULL";
    let statement = Statement::from_string(db.get_database_backend(), text);
    let rows = db.query_all_raw(statement).await.unwrap();
    let [row] = &rows[..] else { panic!("{} versions", rows.len()) };
    let text: String = row.try_get("", "metrics").unwrap();
    let kept: Vec<KeptText> = serde_json::from_str(&text).unwrap();
    let number = |value: &Value| match value {
        Value::String(text) => text.parse().unwrap(),
        value => value.as_f64().unwrap_or(f64::NAN),
    };
    assert_eq!(kept.len(), metrics.len());
    for ((_, key, last, step, _, min, max, points), metric) in kept.iter().zip(metrics) {
        assert_eq!(
            (&json!(key), &json!(step), &json!(points)),
            (&metric["key"], &metric["step"], &metric["pointCount"])
        );
        for (field, value) in [("last", last), ("min", min), ("max", max)] {
            let expected = float(&metric[field], &metric[format!("{field}Special")]);
            assert!(same(number(value), expected), "{field} of {key} is {value}, not {expected}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_writers_of_one_version_lose_nothing() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let declare = async |key: String| minimize(&app, &ada, &project, &key).await;
    for key in 0..3 {
        declare(format!("key-{key}")).await;
    }
    let id = log(&app, &ada, &project, json!({})).await["version"]["id"].take();
    let writer = async |writer: u64| {
        let mut dice = Dice(writer);
        for call in 0..6 {
            let mut points = BTreeMap::new();
            for _ in 0..12 {
                let (key, step) = (dice.below(6), i64::try_from(dice.below(30)).unwrap() - 5);
                points.insert((key, step), dice.point(format!("key-{key}"), step));
            }
            // What only this writer sends is found again: nothing of it was lost.
            let own = format!("own-{writer}");
            points.insert((99, call), dice.point(own, call));
            let mut points: Vec<_> = points.into_values().collect();
            if call % 2 == 0 {
                points.reverse();
            }
            note(&app, &ada, &id, json!(points)).await;
        }
    };
    // Directions are declared meanwhile: `best` follows, whoever is first.
    let declared = async {
        for key in (3..6).map(|key| format!("key-{key}")).chain((0..16).map(|writer| format!("own-{writer}"))) {
            declare(key).await;
        }
    };
    tokio::join!(futures_util::future::join_all((0..16).map(writer)), declared);
    let metrics = look(&app, &ada, &id, 500).await;
    let keys: BTreeSet<_> = metrics.iter().map(|metric| metric["key"].as_str().unwrap().to_owned()).collect();
    let expected = (0..6).map(|key| format!("key-{key}")).chain((0..16).map(|writer| format!("own-{writer}")));
    assert_eq!(keys, expected.collect());
    for metric in &metrics {
        check(metric);
        let own = metric["key"].as_str().unwrap().starts_with("own");
        assert!(!own || metric["pointCount"] == 6, "{metric:#}");
    }
    check_text(&app, &metrics).await;
}

#[tokio::test]
async fn sent_again_metrics_stay_and_overwritten_extremes_are_found_anew() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let id = log(&app, &ada, &project, json!({})).await["version"]["id"].take();
    let point = |step: i64, value: f64| json!({ "key": "loss", "step": step, "value": value });
    let first = json!([point(0, 3.0), point(1, 9.0), point(2, 1.0), point(3, 4.0)]);
    let kept = async || {
        let metric = look(&app, &ada, &id, 500).await.remove(0);
        ["last", "min", "max", "pointCount"].map(|field| metric[field].as_f64().unwrap())
    };
    for (sent, expected) in [
        (first.clone(), [4.0, 1.0, 9.0, 4.0]),
        (first, [4.0, 1.0, 9.0, 4.0]),
        (json!([point(1, 3.5), point(4, 2.0)]), [2.0, 1.0, 4.0, 5.0]),
        (json!([point(2, 5.0)]), [2.0, 2.0, 5.0, 5.0]),
        (json!([point(4, 2.5), point(-7, 8.0)]), [2.5, 2.5, 8.0, 6.0]),
    ] {
        note(&app, &ada, &id, sent.clone()).await;
        assert_eq!(kept().await, expected, "{sent}");
    }
    note(&app, &ada, &id, json!([])).await;
    assert_eq!(kept().await, [2.5, 2.5, 8.0, 6.0]);
}

#[tokio::test]
async fn the_number_of_statements_does_not_grow_with_the_points() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let id = log(&app, &ada, &project, json!({})).await["version"]["id"].take();
    let count = async |keys: i64, steps: i64, start: f64| {
        let points = (0..keys).flat_map(|key| (0..steps).map(move |step| (key, step)));
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let point = |(key, step)| json!({ "key": format!("k{key}"), "step": step, "value": start + step as f64 });
        let points: Vec<_> = points.map(point).collect();
        let _ = app.statements();
        note(&app, &ada, &id, json!(points)).await;
        app.statements()
    };
    count(40, 1, 0.0).await;
    let (few, many) = (count(2, 3, 0.0).await, count(40, 15, 0.0).await);
    let most = if app.db.is_postgres() { 7 } else { 10 };
    assert!(few.len() <= most, "{few:#?}");
    assert_eq!(few.len(), many.len(), "few: {few:#?}\nmany: {many:#?}");
    let (few, many) = (count(2, 3, 1.0).await, count(40, 15, 2.0).await);
    assert!(few.len() <= most + 2, "{few:#?}");
    assert_eq!(few.len(), many.len(), "extremes are overwritten; few: {few:#?}\nmany: {many:#?}");
}

/// The definition of what is shown of a longer series, read literally.
fn thinned(points: &[(i64, f64)], most: usize) -> Vec<i64> {
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    let pieces = i64::try_from((most - 2) / 2).unwrap();
    let bound = |piece: i64| first + 1 + (last - first - 1) * piece / pieces;
    let mut shown = BTreeSet::from([first, last]);
    for piece in 0..pieces {
        let inside = || points.iter().filter(|(step, _)| (bound(piece)..bound(piece + 1)).contains(step));
        let low =
            inside().min_by(|a, b| (a.1.is_nan(), a.1).partial_cmp(&(b.1.is_nan(), b.1)).unwrap_or(a.0.cmp(&b.0)));
        let high =
            inside().min_by(|a, b| (a.1.is_nan(), -a.1).partial_cmp(&(b.1.is_nan(), -b.1)).unwrap_or(a.0.cmp(&b.0)));
        shown.extend([low, high].into_iter().flatten().map(|(step, _)| *step));
    }
    shown.into_iter().collect()
}

#[tokio::test]
async fn a_longer_series_is_thinned_as_the_schema_says() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let mut dice = Dice(7);
    let mut sent = BTreeMap::new();
    for key in ["a", "b"] {
        let mut step = -400;
        for _ in 0..600 {
            step += 1 + i64::try_from(dice.below(4) * dice.below(3)).unwrap();
            sent.insert((key, step), dice.point(key.to_owned(), step));
        }
    }
    let id = log(&app, &ada, &project, json!({ "metrics": sent.values().collect::<Vec<_>>() })).await["version"]["id"]
        .take();
    for most in [1, 2, 3, 4, 5, 40, 599, 600, 5000] {
        for metric in look(&app, &ada, &id, most).await {
            let key = metric["key"].as_str().unwrap();
            let series: Vec<_> = sent
                .iter()
                .filter(|((of, _), _)| *of == key)
                .map(|((_, step), point)| (*step, float(&point["value"], &point["special"])))
                .collect();
            let shown: Vec<_> =
                metric["points"].as_array().unwrap().iter().map(|p| p["step"].as_i64().unwrap()).collect();
            let expected = match most {
                1 => vec![series[599].0],
                600.. => series.iter().map(|(step, _)| *step).collect(),
                _ => thinned(&series, most),
            };
            assert!(shown.len() <= most, "{} of at most {most}", shown.len());
            assert_eq!(shown, expected, "at most {most} of {key}");
        }
    }
}

#[tokio::test]
async fn a_long_series_keeps_its_ends_and_its_spikes() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let id = log(&app, &ada, &project, json!({})).await["version"]["id"].take();
    for part in 0..3_i64 {
        let steps = part * 20_000..(part + 1) * 20_000;
        let value = |step: i64| match step {
            31_234 => 1e6,
            45_678 => -1e6,
            step => f64::from(i32::try_from(step % 100).unwrap()),
        };
        let points: Vec<_> = steps.map(|step| json!({ "key": "loss", "step": step, "value": value(step) })).collect();
        note(&app, &ada, &id, json!(points)).await;
    }
    let metric = look(&app, &ada, &id, 500).await.remove(0);
    assert_eq!((&metric["pointCount"], &metric["max"], &metric["min"]), (&json!(60_000), &json!(1e6), &json!(-1e6)));
    let points = metric["points"].as_array().unwrap();
    assert_eq!(points.len(), 500);
    let at =
        |step: i64| points.iter().find(|point| point["step"] == step).map(|point| point["value"].as_f64().unwrap());
    assert_eq!([at(0), at(31_234), at(45_678), at(59_999)], [Some(0.0), Some(1e6), Some(-1e6), Some(99.0)]);
}
