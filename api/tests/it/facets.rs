//! What there is to choose from: facets of a filter.

use nunatak_test_support::{TestApp, TestUser};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::{
    jobs::Plant,
    versions::{log, minimize, project},
};

const ALL: &str = "query ($filter: VersionFilter) { versionFacets(filter: $filter) {
    considered { value capped }
    hyperparameters {
        nodes { key count min max types { type count distinct } values { number string boolean truncated count } }
        hasMore
    }
    parameters { nodes { key count } hasMore }
    metrics { nodes { key count min max distinct nanCount infiniteCount direction } hasMore }
    tags { nodes { name count } hasMore } aliases { nodes { name count } } gitBranches { nodes { name count } }
    modelNames { nodes { name count } } detectors { nodes { name count } } datasets { nodes { name count } }
    authors { nodes { user { login } count } hasMore } projects { nodes { project { name } count } hasMore }
    statuses { status count }
} }";

pub(crate) async fn member(app: &TestApp, owner: &TestUser, project: &Value, login: &str, role: &str) -> TestUser {
    let user = app.user(login, false).await;
    let query = "mutation ($p: ID!, $login: String!, $role: Role!) {
        setMember(input: {subject: $p, login: $login, role: $role}) { userErrors { code } }
    }";
    app.ok(Some(&owner.token), query, json!({ "p": project, "login": login, "role": role })).await;
    user
}

fn named(pairs: &[(&str, i64)]) -> Value {
    let nodes: Vec<_> = pairs.iter().map(|(name, count)| json!({ "name": name, "count": count })).collect();
    json!({ "nodes": nodes })
}

#[tokio::test]
async fn facets_tell_keys_types_ranges_and_counts() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    minimize(&app, &ada, &project, "loss").await;
    let long = "x".repeat(201);
    for (depth, kernel, loss) in [
        (json!(4), json!("rbf"), json!({ "value": 0.5 })),
        (json!(8), json!("rbf"), json!({ "special": "NAN" })),
        (json!("auto"), json!(long), json!({ "special": "NEG_INF" })),
    ] {
        let mut metric = json!({ "key": "loss" });
        metric.as_object_mut().unwrap().extend(loss.as_object().unwrap().clone());
        let more = json!({
            "hyperparameters": [{ "key": "depth", "value": depth }, { "key": "kernel", "value": kernel }],
            "parameters": [{ "key": "offset", "value": -0.5 }], "metrics": [metric], "tags": ["baseline"],
            "detector": { "name": "knn", "version": "1" }, "git": { "branch": "main" },
            "dataset": { "external": { "name": "stand" } },
        });
        log(&app, &ada, &project, more).await;
    }
    let more = json!({ "tags": ["baseline", "best"], "hyperparameters": [{ "key": "bootstrap", "value": true }] });
    let last = log(&app, &ada, &project, more).await["version"]["id"].take();
    let promote = "mutation ($v: ID!) {
        moveAlias(input: {version: $v, name: \"champion\"}) { userErrors { code } }
    }";
    app.ok(Some(&ada.token), promote, json!({ "v": last })).await;

    let mut found = app.ok(Some(&ada.token), ALL, json!({})).await["versionFacets"].take();
    let value = |number: Value, string: Value, boolean: Value, truncated: bool, count: i64| json!({ "number": number, "string": string, "boolean": boolean, "truncated": truncated, "count": count });
    let null = || Value::Null;
    assert_eq!(
        found["hyperparameters"].take(),
        json!({ "hasMore": false, "nodes": [
            { "key": "depth", "count": 3, "min": 4.0, "max": 8.0, "values": [
                value(json!(4.0), null(), null(), false, 1),
                value(json!(8.0), null(), null(), false, 1),
                value(null(), json!("auto"), null(), false, 1),
            ], "types": [{ "type": "NUMBER", "count": 2, "distinct": 2 }, { "type": "STRING", "count": 1, "distinct": 1 }] },
            { "key": "kernel", "count": 3, "min": null, "max": null, "values": [
                value(null(), json!("rbf"), null(), false, 2),
                value(null(), json!("x".repeat(200)), null(), true, 1),
            ], "types": [{ "type": "STRING", "count": 3, "distinct": 2 }] },
            { "key": "bootstrap", "count": 1, "min": null, "max": null, "values": [
                value(null(), null(), json!(true), false, 1),
            ], "types": [{ "type": "BOOLEAN", "count": 1, "distinct": 1 }] },
        ] })
    );
    assert_eq!(
        found,
        json!({
            "considered": { "value": 4, "capped": false },
            "hyperparameters": null,
            "parameters": { "nodes": [{ "key": "offset", "count": 3 }], "hasMore": false },
            "metrics": { "hasMore": false, "nodes": [{ "key": "loss", "count": 3, "min": 0.5, "max": 0.5,
                "distinct": 1, "nanCount": 1, "infiniteCount": 1, "direction": "MINIMIZE" }] },
            "tags": { "nodes": [{ "name": "baseline", "count": 4 }, { "name": "best", "count": 1 }], "hasMore": false },
            "aliases": named(&[("champion", 1)]), "gitBranches": named(&[("main", 3)]),
            "modelNames": named(&[("pump-7", 4)]), "detectors": named(&[("knn", 3)]),
            "datasets": named(&[("stand", 3)]),
            "authors": { "nodes": [{ "user": { "login": "ada" }, "count": 4 }], "hasMore": false },
            "projects": { "nodes": [{ "project": { "name": "Pumps" }, "count": 4 }], "hasMore": false },
            "statuses": [{ "status": "READY", "count": 4 }],
        })
    );

    let narrow = json!({ "filter": { "tag": { "name": { "eq": "best" } } } });
    let found = app.ok(Some(&ada.token), ALL, narrow).await["versionFacets"].take();
    assert_eq!(found["considered"], json!({ "value": 1, "capped": false }));
    assert_eq!(found["tags"]["nodes"], named(&[("baseline", 1), ("best", 1)])["nodes"]);
    assert_eq!(found["metrics"]["nodes"], json!([]));
}

#[tokio::test]
async fn facets_end_where_they_are_told_to_and_no_later_than_their_limits() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let hyperparameters: Vec<_> = (0..3).map(|n| json!({ "key": format!("k{n}"), "value": n })).collect();
    log(&app, &ada, &project, json!({ "tags": ["a", "b"], "hyperparameters": hyperparameters })).await;
    log(&app, &ada, &project, json!({ "hyperparameters": [{ "key": "k0", "value": 7 }] })).await;
    let ask = "{ versionFacets {
        tags(first: 1) { nodes { name } hasMore }
        hyperparameters(first: 2) { nodes { key one: values(first: 1) { number } two: values(first: 2) { number } } hasMore }
    } }";
    assert_eq!(
        app.ok(Some(&ada.token), ask, json!({})).await["versionFacets"],
        json!({
            "tags": { "nodes": [{ "name": "a" }], "hasMore": true },
            "hyperparameters": { "hasMore": true, "nodes": [
                { "key": "k0", "one": [{ "number": 0.0 }], "two": [{ "number": 0.0 }, { "number": 7.0 }] },
                { "key": "k1", "one": [{ "number": 1.0 }], "two": [{ "number": 1.0 }] },
            ] },
        })
    );
    for (part, path) in [
        ("tags(first: 0) { hasMore }", "first"),
        ("metrics(first: -1) { hasMore }", "first"),
        ("authors(first: 201) { hasMore }", "first"),
        ("hyperparameters { nodes { values(first: 0) { count } } }", "first"),
        ("hyperparameters { nodes { values(first: 51) { count } } }", "first"),
        // More than one answer may cost.
        ("hyperparameters(first: 200) { nodes { values(first: 50) { number string boolean } } }", ""),
    ] {
        let answer = app.gql(Some(&ada.token), &format!("{{ versionFacets {{ {part} }} }}")).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED", "{part}: {answer:#}");
        let inside = answer["errors"][0]["extensions"]["inputPath"][0].as_str().unwrap_or_default();
        assert_eq!(inside, path, "{part}");
    }
    let leaves = json!({ "or": vec![json!({ "name": { "eq": "x" } }); 25] });
    let refused = app.gql_with(Some(&ada.token), ALL, json!({ "filter": leaves })).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED");
}

#[tokio::test]
async fn facets_show_to_each_what_that_one_may_see() {
    let plant = Plant::new().await;
    let (app, ada, project) = (&plant.app, &plant.ada, &plant.project);
    let guest = member(app, ada, project, "guest", "GUEST").await;
    let dev = member(app, ada, project, "dev", "DEVELOPER").await;
    let boss = member(app, ada, project, "boss", "MAINTAINER").await;
    let stranger = app.user("stranger", false).await;
    let public = json!({ "tags": ["open"], "dataset": { "version": plant.dataset } });
    log(app, ada, project, public).await;
    let private = |word: &str| {
        json!({ "visibility": "PRIVATE", "tags": [word], "git": { "branch": word },
                "hyperparameters": [{ "key": word, "value": 1 }], "metrics": [{ "key": word, "value": 1.0 }] })
    };
    log(app, ada, project, private("of-ada")).await;
    log(app, &dev, project, private("of-dev")).await;

    let tags = async |token: Option<&str>| {
        let found = app.ok(token, ALL, json!({})).await["versionFacets"].take();
        let names: Vec<_> = found["tags"]["nodes"].as_array().unwrap().iter().map(|tag| tag["name"].clone()).collect();
        (found, names)
    };
    for token in [None, Some(stranger.token.as_str())] {
        let (found, _) = tags(token).await;
        assert_eq!(found["considered"]["value"], 0);
        for (part, inside) in found.as_object().unwrap() {
            let nodes = if part == "statuses" { inside } else { &inside["nodes"] };
            assert!(part == "considered" || *nodes == json!([]), "{part}: {inside}");
        }
    }
    let (seen, names) = tags(Some(&guest.token)).await;
    assert_eq!(names, ["open"]);
    for part in ["hyperparameters", "metrics", "gitBranches"] {
        assert_eq!(seen[part]["nodes"], json!([]), "{part}");
    }
    assert_eq!(seen["authors"]["nodes"], json!([{ "user": { "login": "ada" }, "count": 1 }]));
    assert_eq!(seen["datasets"]["nodes"], json!([]), "guests read no datasets");
    let (seen, names) = tags(Some(&dev.token)).await;
    assert_eq!(names, ["of-dev", "open"]);
    assert_eq!(seen["gitBranches"], named(&[("of-dev", 1)]));
    assert_eq!(seen["datasets"], named(&[("Stand", 1)]));
    for user in [&boss, ada] {
        assert_eq!(tags(Some(&user.token)).await.1, ["of-ada", "of-dev", "open"], "{}", user.login);
    }
}

#[tokio::test]
async fn each_part_is_one_statement_and_only_if_it_is_asked_for() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    for login in ["bea", "cal", "dot"] {
        let user = member(&app, &ada, &project, login, "DEVELOPER").await;
        log(&app, &user, &project, json!({ "tags": [login], "metrics": [{ "key": login, "value": 1.0 }] })).await;
    }
    let count = async |parts: &str| {
        let _ = app.statements();
        app.ok(Some(&ada.token), &format!("{{ versionFacets {{ {parts} }} }}"), json!({})).await;
        app.statements()
    };
    let least = count("considered { value }").await.len();
    for (part, more) in [
        ("tags { nodes { name count } }", 1),
        ("hyperparameters { nodes { key values { number } } }", 1),
        ("metrics { nodes { key } } parameters { nodes { key } } statuses { count }", 3),
        // The authors themselves are one batch.
        ("authors { nodes { user { login } } }", 2),
    ] {
        let statements = count(part).await;
        assert_eq!(statements.len(), least + more, "{part}: {statements:#?}");
    }
}

/// Copies the versions that are there `times` times, past the API: ten thousand requests would take minutes.
pub(crate) async fn multiply(app: &TestApp, times: i64) {
    let db = app.db.connect().await;
    let id = if app.db.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
    let columns = "project_row, model_id, status, visibility, description, created_by, created_at, updated_at";
    let text = format!(
        "INSERT INTO versions (id, number, {columns}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL \
         SELECT i + 1 FROM n WHERE i < {times}) SELECT {id}, number - i, {columns} FROM versions CROSS JOIN n"
    );
    db.execute_unprepared(&text).await.unwrap();
}

#[tokio::test]
async fn facets_are_of_the_newest_ten_thousand_and_say_so() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    log(&app, &ada, &project, json!({ "tags": ["oldest"] })).await;
    multiply(&app, 9_999).await;
    let ask = "query ($p: ID!) {
        versionFacets { considered { value capped } tags { nodes { name count } } modelNames { nodes { count } } }
        project(id: $p) { summary { versionCount { value capped } tags { nodes } } }
    }";
    let expected = |capped: bool, tags: Value| {
        json!({
            "versionFacets": { "considered": { "value": 10_000, "capped": capped }, "tags": tags,
                               "modelNames": { "nodes": [{ "count": 10_000 }] } },
            "project": { "summary": { "versionCount": { "value": 10_000, "capped": capped },
                                      "tags": { "nodes": ["oldest"] } } },
        })
    };
    let found = app.ok(Some(&ada.token), ask, json!({ "p": project })).await;
    assert_eq!(found, expected(false, named(&[("oldest", 1)])));
    log(&app, &ada, &project, json!({})).await.as_object().unwrap();
    let found = app.ok(Some(&ada.token), ask, json!({ "p": project })).await;
    assert_eq!(found, expected(true, named(&[])), "the oldest is no longer among them; a summary has it all the same");
}
