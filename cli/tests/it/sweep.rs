//! What docs/sweeps.md shows, carried out by a server with its own runner on one of the examples' data sets.

use nunatak_client::{Client, datasets::CreateDatasetInput};
use nunatak_test_support::TestDb;
use serde_json::{Value, json};

use crate::processes::{PASSWORD, Process, eventually, nunatak, serve, signed_in};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sweeps.md"));
const THYROID: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/thyroid.csv"));

/// The example after the comment `<!-- example: mark -->`.
fn example(mark: &str) -> &'static str {
    let rest = PAGE.split_once(&format!("<!-- example: {mark} -->")).unwrap_or_else(|| panic!("no example {mark}")).1;
    rest.split_once("```graphql\n").unwrap().1.split_once("```").unwrap().0
}

struct World {
    url: String,
    token: String,
    _server: Process,
    _db: TestDb,
}

impl World {
    /// With the data set and its project.
    async fn new() -> (Self, Value) {
        let db = TestDb::fresh().await;
        let mut command = nunatak(&db);
        command.args(["server", "--port", "0"]);
        let (server, url) = serve(command);
        let client = signed_in(&db, &url).await;
        let session = Client::new(&url, None).unwrap().login("ada", PASSWORD).await.unwrap();
        let workspace = client.create_workspace("Plant", "").await.unwrap();
        let project = client.create_project(&workspace, "Thyroids", "").await.unwrap();
        let upload = client.upload(&project, THYROID.as_bytes().to_vec(), "thyroid.csv").await.unwrap();
        let input = CreateDatasetInput {
            project: project.clone(),
            name: "thyroid".into(),
            description: String::new(),
            upload,
            format: None,
            time_column: None,
            label_column: Some("label".into()),
            idempotency_key: None,
        };
        let dataset = client.create_dataset(input).await.unwrap().latest_version.unwrap().id;
        let world = Self { url, token: session.access_token, _server: server, _db: db };
        (world, json!({ "project": project, "dataset": dataset }))
    }

    async fn ask(&self, query: &str, variables: &Value) -> Value {
        let request = reqwest::Client::new().post(format!("{}/graphql", self.url)).bearer_auth(&self.token);
        let request = request.json(&json!({ "query": query, "variables": variables }));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert!(answer["errors"].is_null(), "{answer}");
        answer["data"].clone()
    }

    /// Begins a sweep, as soon as the runner has told what detectors it has.
    async fn begin(&self, query: &str, variables: &Value) -> Value {
        let begin = async || {
            let sweep = self.ask(query, variables).await["sweep"].clone();
            let problems = sweep["userErrors"].as_array().unwrap();
            assert!(problems.iter().all(|problem| problem["code"] == "NOT_FOUND"), "{sweep}");
            problems.is_empty().then(|| sweep["sweep"].clone())
        };
        eventually("the registration", begin).await
    }

    async fn ended(&self, sweep: &Value) -> Value {
        let look = async || {
            let board = self.ask(example("board"), &json!({ "sweep": sweep["id"] })).await["sweep"].clone();
            (board["status"] != "RUNNING").then_some(board)
        };
        eventually("the end of the sweep", look).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_compares_two_detectors_and_the_best_is_champion() {
    let (world, variables) = World::new().await;
    let sweep = world.begin(example("grid"), &variables).await;
    assert_eq!(sweep["progress"]["total"], 4);
    let board = world.ended(&sweep).await;
    assert_eq!((&board["status"], &board["reason"]), (&json!("SUCCEEDED"), &Value::Null), "{board}");
    let trials = board["trials"]["nodes"].as_array().unwrap();
    let scores: Vec<f64> = trials.iter().map(|trial| trial["score"].as_f64().unwrap()).collect();
    assert!(scores.len() == 4 && scores.is_sorted_by(|a, b| a >= b) && scores[3] > 0.8, "{scores:?}");
    let neighbours: Vec<&Value> =
        trials.iter().filter_map(|trial| trial["hyperparameters"].get("n_neighbors")).collect();
    assert!(neighbours.contains(&&json!(5)) && neighbours.contains(&&json!(50)), "{neighbours:?}");
    let best = &board["best"];
    assert_eq!((&best["number"], &best["score"]), (&trials[0]["number"], &trials[0]["score"]));
    assert_eq!(best["version"]["aliases"], json!([{ "name": "champion" }]));
    assert_eq!(board["promotions"][0]["promoted"], true, "{board}");

    let halving = world.begin(example("halving"), &variables).await;
    let rung = |trials: i64, resource: f64| json!({ "trials": trials, "resource": resource });
    assert_eq!(halving["rungs"], json!([rung(4, 10.0), rung(2, 20.0), rung(1, 40.0)]));
    let board = world.ended(&halving).await;
    assert_eq!(board["progress"]["succeeded"], 7, "{board}");

    let all = world.ask(example("all"), &variables).await["leaderboard"].clone();
    assert_eq!(all.as_array().unwrap().len(), 2, "{all}");
    assert_eq!((&all[0]["rank"], all[0]["version"]["model"]["name"].as_str()), (&json!(1), Some("thyroid")));
    let cancelled = world.ask(example("cancel"), &json!({ "sweep": sweep["id"] })).await;
    assert_eq!(cancelled["cancelSweep"]["userErrors"][0]["code"], "FINISHED");
}
