use proptest::prelude::*;
use serde_json::json;

use super::*;

fn candidate(detector: &str, space: &Value) -> Candidate {
    let integer = |name: &str| name.starts_with("n_");
    Candidate { detector: detector.to_owned(), fixed: Map::new(), space: Space::parse(space, integer).unwrap() }
}

fn drawn(candidates: &[Candidate], wanted: usize, seed: i64) -> Vec<Configuration> {
    random(candidates, wanted, &mut Draws::new(seed))
}

#[test]
fn a_grid_is_in_order_and_has_nothing_twice() {
    let forest = candidate("forest", &json!({ "n_trees": { "min": 1, "max": 3 }, "a": { "values": [true, false] } }));
    let again = candidate("forest", &json!({ "n_trees": { "values": [2, 9] }, "a": { "values": [true] } }));
    let all: Vec<Value> = grid(&[forest, again]).into_iter().map(|one| json!([one.detector, one.chosen])).collect();
    let point = |detector: usize, a: bool, n: i64| json!([detector, { "a": a, "n_trees": n }]);
    let expected =
        [(0, true, 1), (0, true, 2), (0, true, 3), (0, false, 1), (0, false, 2), (0, false, 3), (1, true, 9)];
    assert_eq!(all, expected.map(|(detector, a, n)| point(detector, a, n)));
}

#[test]
fn steps_have_the_ends_and_equal_ratios() {
    let points = |range: Value| {
        let space = Space::parse(&json!({ "n_x": range.clone(), "x": range }), |name| name == "n_x").unwrap();
        let points = |place: usize| space.0[place].1.points().unwrap();
        (points(0), points(1))
    };
    let (whole, all) = points(json!({ "min": 1, "max": 1000, "scale": "LOG", "steps": 4 }));
    assert_eq!(whole, [1, 10, 100, 1000].map(Value::from));
    for (point, expected) in all.iter().zip([1.0, 10.0, 100.0, 1000.0]) {
        assert!((point.as_f64().unwrap() - expected).abs() < 1e-9);
    }
    let (whole, all) = points(json!({ "min": 0, "max": 3, "steps": 7 }));
    assert_eq!(all, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0].map(Value::from));
    assert_eq!(whole, [0, 1, 2, 3].map(Value::from), "rounded ones that fall together are one");
}

#[test]
fn a_small_space_is_exhausted_and_the_others_go_on() {
    let small = candidate("knn", &json!({ "n_neighbors": { "values": [5, 10] } }));
    let hidden = candidate("hbos", &json!({ "n_bins": { "min": 2, "max": 4, "scale": "LOG" } }));
    let large = candidate("forest", &json!({ "rate": { "min": 0.1, "max": 0.5 } }));
    let all = drawn(&[small, hidden, large], 20, 7);
    let of = |detector| all.iter().filter(|one| one.detector == detector).count();
    assert_eq!((of(0), of(1), of(2)), (2, 3, 15));
    assert_eq!(all[..3].iter().map(|one| one.detector).collect::<Vec<_>>(), [0, 1, 2], "by turns");
}

proptest! {
    #[test]
    fn what_is_drawn_is_inside_and_distinct_and_repeats(
        low in -1000_i32..1000, width in 1_i32..1000, seed in any::<i64>(), wanted in 1_usize..60, log in any::<bool>(),
    ) {
        let low = if log { low.abs() + 1 } else { low };
        let scale = if log { "LOG" } else { "LINEAR" };
        let range = json!({ "min": low, "max": low + width, "scale": scale });
        let one = candidate("forest", &json!({ "n_trees": range.clone(), "rate": range, "kind": { "values": ["a", "b"] } }));
        let all = drawn(std::slice::from_ref(&one), wanted, seed);
        prop_assert_eq!(&all, &drawn(std::slice::from_ref(&one), wanted, seed));
        prop_assert_eq!(all.len(), wanted);
        let distinct: HashSet<String> = all.iter().map(|found| one.identity(&found.chosen)).collect();
        prop_assert_eq!(distinct.len(), wanted);
        let inside = f64::from(low)..=f64::from(low + width);
        for found in &all {
            prop_assert!(found.chosen["n_trees"].is_i64());
            for name in ["n_trees", "rate"] {
                prop_assert!(inside.contains(&found.chosen[name].as_f64().unwrap()), "{:?}", found);
            }
        }
    }

    #[test]
    fn whole_numbers_come_equally_often(seed in any::<i64>()) {
        let Space(dimensions) = Space::parse(&json!({ "n": { "min": 1, "max": 4 } }), |_| true).unwrap();
        let mut draws = Draws::new(seed);
        let mut counts = [0_i32; 4];
        for _ in 0..4000 {
            let drawn = Space(dimensions.clone()).draw(&mut draws);
            counts[usize::try_from(drawn["n"].as_i64().unwrap()).unwrap() - 1] += 1;
        }
        // Eight standard deviations of a count.
        prop_assert!(counts.iter().all(|count| (count - 1000).abs() < 220), "{counts:?}");
    }
}

#[test]
fn what_is_no_space_says_why() {
    for (space, path, code) in [
        (json!({ "x": { "min": 2, "max": 1 } }), "x/max", "OUT_OF_RANGE"),
        (json!({ "x": { "min": 0, "max": 1, "scale": "LOG" } }), "x/min", "OUT_OF_RANGE"),
        (json!({ "n_x": { "min": 0.5, "max": 2 } }), "n_x/min", "WRONG_TYPE"),
        (json!({ "x": { "min": 0, "max": 1, "steps": 1 } }), "x/steps", "OUT_OF_RANGE"),
        (json!({ "x": { "values": [] } }), "x/values", "OUT_OF_RANGE"),
        (json!({ "x": { "values": [1], "max": 2 } }), "x", "INVALID_INPUT"),
        (json!({ "x": { "minimum": 1 } }), "x", "INVALID_INPUT"),
        (json!({ "x": [1, 2] }), "x", "INVALID_INPUT"),
        (json!([1]), "", "WRONG_TYPE"),
    ] {
        let problems = Space::parse(&space, |name| name == "n_x").unwrap_err();
        assert_eq!((problems[0].path.join("/").as_str(), problems[0].code), (path, code), "{space}");
    }
}
