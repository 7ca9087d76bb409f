//! Sweeps over GraphQL: asked for, followed, read, refused.

use serde_json::{Value, json};

use crate::{following::Follower, jobs::Plant};

const SWEEP: &str = "mutation ($input: SweepInput!) { sweep(input: $input) {
    sweep { id name status strategy metric direction concurrency rungs { trials resource } detectors { name version space }
        datasets { modelName datasetVersion { id } } progress { total planned queued } createdBy { login } }
    userErrors { code message path } } }";
const READ: &str = "query ($id: ID!) { sweep(id: $id) { status endsAs reason { code } finishedAt
    progress { total succeeded cancelled skipped }
    best { number score rank version { model { name } aliases { name } } }
    trials(orderBy: NUMBER, first: 2) { pageInfo { hasNextPage }
        nodes { number configuration rung rank status detectorName detectorVersion hyperparameters score
            datasetVersion { number } error { code } job { sweep { id } hyperparameters } } }
    promotions { promoted alias reason version { number } model { name } } } }";
const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sweeps.md"));

fn input(plant: &Plant, more: &Value) -> Value {
    let mut input = json!({
        "project": plant.project, "name": "k", "model": "pump", "datasets": [plant.dataset], "strategy": { "grid": {} },
        "detectors": [{ "detector": "lof", "space": { "n_neighbors": { "values": [5, 10, 20] } } }],
    });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "input": input })
}

async fn begin(plant: &Plant, more: Value) -> Value {
    plant.ok(SWEEP, input(plant, &more)).await["sweep"]["sweep"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_is_begun_followed_and_read() {
    let plant = Plant::new().await;
    let sweep = begin(&plant, json!({ "concurrency": 1, "promote": { "alias": "champion" } })).await;
    let told = json!([sweep["status"], sweep["strategy"], sweep["metric"], sweep["direction"], sweep["progress"]]);
    let progress = json!({ "total": 3, "planned": 2, "queued": 1 });
    assert_eq!(told, json!(["RUNNING", "GRID", "roc_auc", "MAXIMIZE", progress]));
    assert_eq!(sweep["datasets"], json!([{ "modelName": "pump", "datasetVersion": { "id": plant.dataset } }]));
    assert_eq!((&sweep["detectors"][0]["version"], &sweep["createdBy"]["login"]), (&json!("1.0.0"), &json!("ada")));

    let follow = PAGE.split_once("<!-- example: follow -->\n```graphql\n").unwrap().1.split_once("```").unwrap().0;
    let mut follower = Follower::start(&plant.app, &plant.ada.token, follow, json!({ "sweep": sweep["id"] })).await;
    for done in 1..=3 {
        plant.trained().await;
        plant.app.state.store.advance_sweeps().await.unwrap();
        while follower.next().await["progress"]["succeeded"] != done {}
    }
    let read = plant.ok(READ, json!({ "id": sweep["id"] })).await["sweep"].take();
    assert_eq!((&read["status"], &read["endsAs"], &read["reason"]), (&json!("SUCCEEDED"), &Value::Null, &Value::Null));
    assert_eq!(read["best"]["score"], 0.9);
    assert_eq!(read["best"]["version"]["aliases"], json!([{ "name": "champion" }]));
    assert_eq!(read["trials"]["pageInfo"]["hasNextPage"], true);
    let second = &read["trials"]["nodes"][1];
    let expected = json!({ "number": 2, "configuration": 2, "rung": 0, "rank": 2, "status": "SUCCEEDED",
        "detectorName": "lof", "detectorVersion": "1.0.0", "hyperparameters": { "n_neighbors": 10 }, "score": 0.9,
        "datasetVersion": { "number": 1 }, "error": null,
        "job": { "sweep": { "id": sweep["id"] }, "hyperparameters": { "n_neighbors": 10 } } });
    assert_eq!(second, &expected);
    let promoted = &read["promotions"][0];
    assert_eq!((&promoted["promoted"], &promoted["version"]["number"]), (&json!(true), &json!(1)));
    let node = "query ($id: ID!) { node(id: $id) { ... on Sweep { name } }
        sweeps(filter: { status: [SUCCEEDED] }) { nodes { id progress { succeeded } best { number } } } }";
    let found = plant.ok(node, json!({ "id": sweep["id"] })).await;
    assert_eq!((&found["node"]["name"], &found["sweeps"]["nodes"][0]["id"]), (&json!("k"), &sweep["id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_at_its_place_and_cancelling_stops() {
    let plant = Plant::new().await;
    for (more, path, code) in [
        (
            json!({ "detectors": [{ "detector": "lof", "space": { "n_neighbors": { "min": 0, "max": 9 } } }] }),
            json!(["detectors", "0", "space", "n_neighbors", "min"]),
            "OUT_OF_RANGE",
        ),
        (
            json!({ "detectors": [{ "detector": "lof", "space": { "k": [1] } }] }),
            json!(["detectors", "0", "space", "k"]),
            "INVALID_INPUT",
        ),
        (
            json!({ "strategy": { "random": { "trials": 1001 } } }),
            json!(["strategy", "random", "trials"]),
            "OUT_OF_RANGE",
        ),
        (json!({ "datasets": [plant.project] }), json!(["datasets", "0"]), "INVALID_ID"),
        (json!({ "promote": { "alias": "7" } }), json!(["promote", "alias"]), "INVALID_NAME"),
        (json!({ "budget": { "maxSeconds": 0 } }), json!(["budget", "maxSeconds"]), "OUT_OF_RANGE"),
    ] {
        let answer = plant.app.gql_with(Some(&plant.ada.token), SWEEP, input(&plant, &more)).await;
        let problem = &answer["data"]["sweep"]["userErrors"][0];
        assert_eq!((&problem["path"], &problem["code"]), (&path, &json!(code)), "{answer}");
    }
    let sweep = begin(&plant, json!({ "concurrency": 2 })).await;
    let cancel = PAGE.split_once("<!-- example: cancel -->\n```graphql\n").unwrap().1.split_once("```").unwrap().0;
    let told = plant.ok(cancel, json!({ "sweep": sweep["id"] })).await;
    assert_eq!(told["cancelSweep"]["sweep"], json!({ "status": "CANCELLED", "endsAs": null }));
    let read = plant.ok(READ, json!({ "id": sweep["id"] })).await["sweep"].take();
    assert_eq!(read["progress"], json!({ "total": 3, "succeeded": 0, "cancelled": 2, "skipped": 1 }));
    assert_eq!(plant.claim().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_promote_begins_no_sweep_that_does_and_strangers_see_none() {
    let plant = Plant::new().await;
    let (dev, eve) = (plant.app.user("dev", false).await, plant.app.user("eve", false).await);
    let join = "mutation ($p: ID!) { setMember(input: { subject: $p, login: \"dev\", role: DEVELOPER }) {
        userErrors { code message } } }";
    plant.ok(join, json!({ "p": plant.project })).await;
    let promoting = input(&plant, &json!({ "promote": { "alias": "champion" } }));
    let refused = plant.app.gql_with(Some(&dev.token), SWEEP, promoting).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
    let own = plant.app.ok(Some(&dev.token), SWEEP, input(&plant, &json!({}))).await;
    let id = json!({ "id": own["sweep"]["sweep"]["id"] });
    assert_eq!(plant.app.ok(Some(&eve.token), READ, id.clone()).await["sweep"], Value::Null);
    let list = "{ sweeps { nodes { id } } }";
    assert_eq!(plant.app.ok(Some(&eve.token), list, json!({})).await["sweeps"]["nodes"], json!([]));
    let cancel = "mutation ($id: ID!) { cancelSweep(input: { id: $id }) { sweep { id } userErrors { code } } }";
    let refused = plant.app.gql_with(Some(&eve.token), cancel, id).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "NOT_FOUND", "{refused}");
}
