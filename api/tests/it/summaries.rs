//! What occurs in a project.

use nunatak_test_support::{TestApp, TestUser};
use serde_json::{Value, json};

use crate::{
    facets::{member, multiply},
    versions::{log, project},
};

const SUMMARY: &str = "query ($id: ID!, $first: Int! = 100) { project(id: $id) { summary {
    versionCount { value capped }
    hyperparameterKeys(first: $first) { nodes hasMore } parameterKeys { nodes } metricKeys { nodes }
    tags { nodes } modelNames { nodes } gitBranches { nodes }
    contributors(first: $first) { nodes { login } hasMore }
} } }";

async fn summary(app: &TestApp, user: &TestUser, project: &Value) -> Value {
    app.ok(Some(&user.token), SUMMARY, json!({ "id": project })).await["project"]["summary"].take()
}

/// A version that has `word` wherever it can.
fn everywhere(word: &str, visibility: &str) -> Value {
    json!({
        "visibility": visibility, "tags": [word], "git": { "branch": word }, "model": { "name": word },
        "hyperparameters": [{ "key": word, "value": 1 }], "parameters": [{ "key": word, "value": "x" }],
        "metrics": [{ "key": word, "value": 1.0 }],
    })
}

/// The summary of versions that have these words everywhere.
fn of(words: &[&str], logins: &[&str]) -> Value {
    let names = json!({ "nodes": words });
    let users: Vec<_> = logins.iter().map(|login| json!({ "login": login })).collect();
    json!({
        "versionCount": { "value": words.len(), "capped": false },
        "hyperparameterKeys": { "nodes": words, "hasMore": false }, "parameterKeys": names, "metricKeys": names,
        "tags": names, "modelNames": names, "gitBranches": names,
        "contributors": { "nodes": users, "hasMore": false },
    })
}

#[tokio::test]
async fn what_only_private_versions_have_is_no_ones_elses() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let guest = member(&app, &ada, &project, "guest", "GUEST").await;
    let dev = member(&app, &ada, &project, "dev", "DEVELOPER").await;
    let eve = member(&app, &ada, &project, "eve", "DEVELOPER").await;
    let boss = member(&app, &ada, &project, "boss", "MAINTAINER").await;
    log(&app, &ada, &project, everywhere("open", "PUBLIC")).await;
    let hidden = log(&app, &dev, &project, everywhere("hidden", "PRIVATE")).await["version"]["id"].take();
    log(&app, &eve, &project, everywhere("secret", "PRIVATE")).await;

    assert_eq!(summary(&app, &guest, &project).await, of(&["open"], &["ada"]));
    assert_eq!(summary(&app, &dev, &project).await, of(&["hidden", "open"], &["ada", "dev"]));
    assert_eq!(summary(&app, &eve, &project).await, of(&["open", "secret"], &["ada", "eve"]));
    for user in [&boss, &ada] {
        assert_eq!(summary(&app, user, &project).await, of(&["hidden", "open", "secret"], &["ada", "dev", "eve"]));
    }
    let stranger = app.user("stranger", false).await;
    for token in [None, Some(stranger.token.as_str())] {
        assert_eq!(app.ok(token, SUMMARY, json!({ "id": project })).await["project"], Value::Null);
    }

    // What is added to a private version stays private; what is shown is everybody's; what is deleted is nobody's.
    let add = "mutation ($v: ID!) {
        logMetrics(input: {version: $v, metrics: [{key: \"later\", value: 1}]}) { userErrors { code } }
        attachTags(input: {version: $v, tags: [\"later\"]}) { userErrors { code } }
    }";
    app.ok(Some(&dev.token), add, json!({ "v": hidden })).await;
    assert_eq!(summary(&app, &guest, &project).await, of(&["open"], &["ada"]));
    let show = "mutation ($v: ID!, $who: Visibility!) {
        updateVersion(input: {id: $v, visibility: $who}) { userErrors { code } }
    }";
    app.ok(Some(&dev.token), show, json!({ "v": hidden, "who": "PUBLIC" })).await;
    let shown = summary(&app, &guest, &project).await;
    assert_eq!(shown["metricKeys"]["nodes"], json!(["hidden", "later", "open"]));
    assert_eq!(shown["tags"]["nodes"], json!(["hidden", "later", "open"]));
    assert_eq!(shown["gitBranches"]["nodes"], json!(["hidden", "open"]));
    app.ok(Some(&dev.token), show, json!({ "v": hidden, "who": "PRIVATE" })).await;
    assert_eq!(summary(&app, &guest, &project).await, of(&["open"], &["ada"]));
    let delete = "mutation ($v: ID!) { deleteVersion(input: {id: $v}) { userErrors { code } } }";
    app.ok(Some(&ada.token), delete, json!({ "v": hidden })).await;
    assert_eq!(summary(&app, &boss, &project).await, of(&["open", "secret"], &["ada", "eve"]));
    let model = app.ok(Some(&ada.token), "{ versions { nodes { model { id name } } } }", json!({})).await;
    let model = model["versions"]["nodes"].as_array().unwrap().iter().find(|node| node["model"]["name"] == "open");
    let delete = "mutation ($m: ID!) { deleteModel(input: {id: $m}) { userErrors { code } } }";
    app.ok(Some(&ada.token), delete, json!({ "m": model.unwrap()["model"]["id"] })).await;
    assert_eq!(summary(&app, &boss, &project).await, of(&["secret"], &["eve"]));
    assert_eq!(summary(&app, &guest, &project).await, of(&[], &[]));
}

#[tokio::test]
async fn a_summarys_lists_have_limits() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let dev = member(&app, &ada, &project, "dev", "DEVELOPER").await;
    for (user, word) in [(&ada, "b"), (&dev, "a"), (&ada, "c")] {
        log(&app, user, &project, everywhere(word, "PUBLIC")).await;
    }
    let ask =
        async |first: i32| app.gql_with(Some(&ada.token), SUMMARY, json!({ "id": project, "first": first })).await;
    let one = ask(1).await["data"]["project"]["summary"].take();
    assert_eq!(one["hyperparameterKeys"], json!({ "nodes": ["a"], "hasMore": true }));
    assert_eq!(one["contributors"], json!({ "nodes": [{ "login": "ada" }], "hasMore": true }));
    let three = ask(3).await["data"]["project"]["summary"].take();
    assert_eq!(three["hyperparameterKeys"], json!({ "nodes": ["a", "b", "c"], "hasMore": false }));
    for first in [0, -1, 1001] {
        let answer = ask(first).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED", "{first}");
        assert_eq!(answer["errors"][0]["extensions"]["inputPath"], json!(["first"]));
    }
}

#[tokio::test]
async fn the_summaries_of_five_projects_take_as_many_statements_as_that_of_one() {
    let (app, ada) = TestApp::with_user().await;
    let first = project(&app, &ada).await;
    let workspace = "query ($id: ID!) { project(id: $id) { workspace { id } } }";
    let workspace =
        app.ok(Some(&ada.token), workspace, json!({ "id": first })).await["project"]["workspace"]["id"].take();
    let make = "mutation ($w: ID!, $name: String!) {
        createProject(input: {workspace: $w, name: $name}) { project { id } userErrors { code } }
    }";
    let mut projects = vec![first];
    for number in 1..5 {
        let variables = json!({ "w": workspace, "name": format!("p{number}") });
        projects.push(app.ok(Some(&ada.token), make, variables).await["createProject"]["project"]["id"].take());
    }
    for (number, project) in projects.iter().enumerate() {
        log(&app, &ada, project, everywhere(&format!("w{number}"), "PUBLIC")).await;
    }
    let ask = "query ($first: Int!) { projects(first: $first) { nodes { summary {
        versionCount { value } hyperparameterKeys { nodes } parameterKeys { nodes } metricKeys { nodes } tags { nodes }
        modelNames { nodes } gitBranches { nodes } contributors { nodes { login } }
    } } } }";
    let count = async |first: usize| {
        let _ = app.statements();
        let found = app.ok(Some(&ada.token), ask, json!({ "first": first })).await;
        // Newest first.
        for (place, node) in found["projects"]["nodes"].as_array().unwrap().iter().enumerate() {
            let word = format!("w{}", 4 - place);
            for list in ["hyperparameterKeys", "metricKeys", "tags", "modelNames", "gitBranches"] {
                assert_eq!(node["summary"][list]["nodes"], json!([word]), "{list}");
            }
            assert_eq!(node["summary"]["contributors"]["nodes"], json!([{ "login": "ada" }]));
        }
        app.statements()
    };
    let (one, five) = (count(1).await, count(5).await);
    assert_eq!(one.len(), five.len(), "one: {one:#?}\nfive: {five:#?}");
}

/// The rows of so large a model are not marked when it goes; what they say about it is asked of its versions.
#[tokio::test]
async fn a_large_model_that_was_deleted_leaves_nothing() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let model = log(&app, &ada, &project, everywhere("gone", "PUBLIC")).await["version"]["model"]["id"].take();
    multiply(&app, 1_000).await;
    let before = summary(&app, &ada, &project).await;
    assert_eq!((&before["tags"]["nodes"], &before["versionCount"]["value"]), (&json!(["gone"]), &json!(1_001)));
    let delete = "mutation ($m: ID!) { deleteModel(input: {id: $m}) { userErrors { code } } }";
    app.ok(Some(&ada.token), delete, json!({ "m": model })).await;
    assert_eq!(summary(&app, &ada, &project).await, of(&[], &[]));
}
