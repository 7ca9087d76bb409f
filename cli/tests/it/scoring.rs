//! Rows scored at once, through the whole system.

use nunatak_test_support::TestDb;
use serde_json::{Value, json};

use crate::{
    detect::World,
    processes::{eventually, nunatak, runner_with, serve, server},
};

const DOC: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scoring.md"));
const SCORE: &str = "query ($input: ScoreInput!) { score(input: $input) {
    result { versionId threshold scores { score label } } userErrors { code message } } }";

/// The code block after the comment `<!-- mark -->` in docs/scoring.md.
fn block(mark: &str) -> &'static str {
    let rest = DOC.split_once(&format!("<!-- {mark} -->")).unwrap_or_else(|| panic!("no block {mark}")).1;
    let code = rest.split_once("```").unwrap().1.split_once('\n').unwrap().1;
    code.split_once("```").unwrap().0
}

/// Two columns of numbers, one of words; every 40th row is far away.
fn table() -> String {
    let mut csv = String::from("kind,temperature,vibration\n");
    for row in 0..400 {
        let far = if row % 40 == 39 { 30.0 } else { 0.0 };
        let (x, kind) = (f64::from(row), ["pump", "valve"][row as usize % 2]);
        csv.push_str(&format!("{kind},{:.3},{:.3}\n", 20.0 + (x * 0.7).sin() + far, (x * 1.3).cos() + far));
    }
    csv
}

fn one_hot() -> Value {
    json!({ "preprocessing": { "impute": "median", "one_hot": ["kind"] } })
}

fn far(version: &str) -> Value {
    json!({ "version": version, "columns": ["temperature", "vibration"], "rows": [[20.5, 0.3], [55, 31]],
        "categoryColumns": ["kind"], "categories": [["pump"], [null]] })
}

async fn move_alias(world: &World, version: &str) {
    let query = "mutation ($i: MoveAliasInput!) { moveAlias(input: $i) { userErrors { message } } }";
    let moved = world.ask(query, json!({ "i": { "version": version, "name": "champion" } })).await;
    assert_eq!(moved["moveAlias"]["userErrors"], json!([]));
}

/// The answer, once there is one: a runner registers a moment after its server is there.
async fn scored(world: &World, input: Value) -> Value {
    let answer = async || {
        let answer = world.answer(SCORE, json!({ "input": input })).await;
        let away = answer["errors"][0]["extensions"]["code"] == "NO_SCORING_RUNNER";
        if away { None } else { Some(answer["data"]["score"].clone()) }
    };
    let answer = eventually("a scoring runner's registration", answer).await;
    assert_eq!(answer["userErrors"], json!([]), "{answer}");
    answer["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_runner_scores_what_it_would_predict_and_follows_aliases_and_thresholds() {
    let db = TestDb::fresh().await;
    let mut command = nunatak(&db);
    command.args(["server", "--port", "0"]);
    let (process, url) = serve(command);
    let world = World::at(db, &url, vec![process]).await;
    let dataset = world.dataset("rows", table(), None).await;
    let first = world.train("isolation_forest", &dataset, one_hot()).await;
    move_alias(&world, &first).await;

    // The whole table at once gives what the prediction keeps.
    let rows: Vec<Vec<String>> =
        table().lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect();
    let numbers = |row: &Vec<String>| [row[1].parse::<f64>().unwrap(), row[2].parse().unwrap()];
    let whole = json!({ "version": first, "columns": ["temperature", "vibration"],
        "rows": rows.iter().map(numbers).collect::<Vec<_>>(),
        "categoryColumns": ["kind"], "categories": rows.iter().map(|row| [&row[0]]).collect::<Vec<_>>() });
    let at_once = scored(&world, whole).await;
    let anomalies = at_once["scores"].as_array().unwrap().iter().enumerate().filter(|(_, row)| row["label"] == 1);
    let anomalies: Vec<_> = anomalies.map(|(row, score)| (json!(row), score["score"].clone())).collect();
    let kept = world.predict(&first, &dataset).await;
    let kept = kept["scores"]["nodes"].as_array().unwrap();
    let kept: Vec<_> = kept.iter().map(|row| (row["rowIndex"].clone(), row["score"].clone())).collect();
    assert!(!kept.is_empty());
    assert_eq!(anomalies, kept, "bit for bit");

    // As docs/scoring.md shows it, with this project's id.
    let by_alias = block("variables").replace("prj_01kq8q6v5be3s9x2n4t7w0c1da", &world.project);
    let by_alias: Value = serde_json::from_str(&by_alias).unwrap();
    let answer = world.ask(block("query"), by_alias.clone()).await["score"]["result"].clone();
    assert_eq!(answer["versionId"], first);
    assert_eq!((&answer["scores"][0]["label"], &answer["scores"][1]["label"]), (&json!(0), &json!(1)), "{answer}");
    let reasons = answer["scores"][1]["reasons"].as_array().unwrap();
    assert!(reasons.iter().any(|reason| reason["column"] == "temperature"), "{answer}");

    let mut reseeded = one_hot();
    reseeded["random_state"] = json!(5);
    let second = world.train("isolation_forest", &dataset, reseeded).await;
    move_alias(&world, &second).await;
    let moved = world.ask(block("query"), by_alias.clone()).await["score"]["result"].clone();
    assert_eq!(moved["versionId"], second, "the very next question");
    assert_ne!(moved["scores"][1]["score"], answer["scores"][1]["score"]);

    let set = "mutation($i: SetThresholdInput!) { setThreshold(input: $i) { version { id } userErrors { message } } }";
    let lenient = world.ask(set, json!({ "i": { "version": second, "threshold": 0.99 } })).await;
    move_alias(&world, lenient["setThreshold"]["version"]["id"].as_str().unwrap()).await;
    let lenient = world.ask(block("query"), by_alias).await["score"]["result"].clone();
    assert_eq!((&lenient["threshold"], &lenient["scores"][1]["label"]), (&json!(0.99), &json!(0)));
    assert_eq!(lenient["scores"][1]["score"], moved["scores"][1]["score"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_is_scored_as_a_stretch() {
    let db = TestDb::fresh().await;
    let mut command = nunatak(&db);
    command.args(["server", "--port", "0"]);
    let (process, url) = serve(command);
    let world = World::at(db, &url, vec![process]).await;
    let values: Vec<f64> = (0..200).map(|at| if at == 150 { 40.0 } else { (f64::from(at) * 0.4).sin() }).collect();
    let csv = values.iter().fold("value\n".to_owned(), |csv, value| format!("{csv}{value:?}\n"));
    let dataset = world.dataset("series", csv, None).await;
    let version = world.train("ewma", &dataset, json!({})).await;
    let rows: Vec<[f64; 1]> = values.iter().map(|value| [*value]).collect();
    let at_once = scored(&world, json!({ "version": version, "columns": ["value"], "rows": rows })).await;
    let kept = world.predict(&version, &dataset).await;
    for row in kept["scores"]["nodes"].as_array().unwrap() {
        let place = usize::try_from(row["rowIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(at_once["scores"][place]["score"], row["score"]);
    }
    assert_eq!(at_once["scores"][150]["label"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_runner_is_killed_the_other_answers() {
    let db = TestDb::fresh().await;
    let (process, url) = server(&db);
    let scoring = ["--scoring-address", "127.0.0.1:0"];
    let mut first = runner_with(&db, &url, "first", &scoring);
    let mut second = runner_with(&db, &url, "second", &scoring);
    let world = World::at(db, &url, vec![process]).await;
    let dataset = world.dataset("rows", table(), None).await;
    let mut versions = Vec::new();
    for seed in 0..3 {
        let mut settings = one_hot();
        settings["random_state"] = json!(seed);
        versions.push(world.train("isolation_forest", &dataset, settings).await);
    }
    let mut before = Vec::new();
    for version in &versions {
        before.push(scored(&world, far(version)).await);
    }
    let both = "{ runners { nodes { offersScoring } } }";
    let both = async || {
        let runners = world.ask(both, json!({})).await["runners"]["nodes"].clone();
        let offers = runners.as_array().unwrap().iter().filter(|runner| runner["offersScoring"] == true).count();
        (offers == 2).then_some(())
    };
    eventually("the second runner's registration", both).await;
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    for (version, before) in versions.iter().zip(&before) {
        let answer = world.answer(SCORE, json!({ "input": far(version) })).await;
        assert_eq!(answer["data"]["score"]["result"], *before, "{answer}");
    }
    // The first again, under its name and another port; the other one goes.
    let _first = runner_with(&world.db, &url, "first", &scoring);
    second.0.kill().unwrap();
    second.0.wait().unwrap();
    for (version, before) in versions.iter().zip(&before) {
        assert_eq!(scored(&world, far(version)).await, *before);
    }
}
