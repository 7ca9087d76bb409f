//! Versions side by side.

use nunatak_test_support::{TestApp, TestUser};
use serde_json::{Value, json};

use crate::versions::{log, project};

const COMPARE: &str = "query ($ids: [ID!]!) { compareVersions(ids: $ids) {
    versions { number } missing
    hyperparameters { key differs values { value number string boolean } }
    parameters { key differs values { value } }
    metrics { key differs values { last lastSpecial min max best } }
    tags { name differs present }
    origins { field values }
} }";

async fn logged(app: &TestApp, user: &TestUser, project: &Value, more: Value) -> Value {
    let mut answer = log(app, user, project, more).await;
    assert!(answer["version"].is_object(), "{answer:#}");
    answer["version"]["id"].take()
}

#[tokio::test]
async fn what_differs_stands_first() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let one = logged(&app, &ada, &project, json!({
        "detector": { "name": "knn", "version": "1.0" }, "dataset": { "external": { "name": "spring" } },
        "git": { "branch": "main", "commit": "abc", "dirty": false }, "tags": ["both", "one"],
        "hyperparameters": [{ "key": "a_same", "value": 0.1 }, { "key": "k", "value": 5 }, { "key": "z", "value": true }],
        "parameters": [{ "key": "offset", "value": null }],
        "metrics": [{ "key": "a_nan", "special": "NAN" }, { "key": "auc", "value": 0.9 }, { "key": "same", "special": "POS_INF" }],
    })).await;
    let two = logged(
        &app,
        &ada,
        &project,
        json!({
            "detector": { "name": "knn", "version": "1.0" }, "dataset": { "external": { "name": "summer" } },
            "git": { "branch": "main", "commit": "def", "dirty": false }, "tags": ["both"],
            "hyperparameters": [{ "key": "a_same", "value": 0.1 }, { "key": "k", "value": "5" }],
            "parameters": [{ "key": "offset", "value": null }],
            "metrics": [{ "key": "a_nan", "special": "NAN" }, { "key": "auc", "value": 0.900_000_000_000_000_1 },
                        { "key": "same", "special": "POS_INF" }],
        }),
    )
    .await;
    let answer = app.ok(Some(&ada.token), COMPARE, json!({ "ids": [two, one] })).await;
    insta::assert_json_snapshot!(answer["compareVersions"]);
}

#[tokio::test]
async fn what_one_may_not_see_is_missing_like_what_is_not_there() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let dev = app.user("dev", false).await;
    let member = "mutation ($p: ID!) {
        setMember(input: {subject: $p, login: \"dev\", role: DEVELOPER}) { userErrors { code } }
    }";
    app.ok(Some(&ada.token), member, json!({ "p": project })).await;
    let public = logged(&app, &ada, &project, json!({ "parameters": [{ "key": "a", "value": 1 }] })).await;
    let hidden = json!({ "visibility": "PRIVATE", "parameters": [{ "key": "secret", "value": 1 }] });
    let hidden = logged(&app, &ada, &project, hidden).await;
    let nothing = json!("ver_01h455vb4pex5vsknk084sn02q");
    let ids = json!({ "ids": [nothing, public, hidden] });
    let seen = app.ok(Some(&dev.token), COMPARE, ids.clone()).await["compareVersions"].take();
    assert_eq!((&seen["versions"], &seen["missing"]), (&json!([{ "number": 1 }]), &json!([nothing, hidden])));
    let one = json!([{ "key": "a", "differs": false, "values": [{ "value": 1 }] }]);
    assert_eq!((&seen["parameters"], &seen["origins"]), (&one, &json!([])));

    let stranger = app.user("stranger", false).await;
    for token in [Some(stranger.token.as_str()), None] {
        let seen = app.ok(token, COMPARE, ids.clone()).await["compareVersions"].take();
        assert_eq!((&seen["versions"], &seen["missing"]), (&json!([]), &ids["ids"]));
        assert_eq!((&seen["parameters"], &seen["tags"]), (&json!([]), &json!([])));
    }
}

#[tokio::test]
async fn there_is_a_limit_to_what_is_compared() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let (one, two) = (logged(&app, &ada, &project, json!({})).await, logged(&app, &ada, &project, json!({})).await);
    let short = "query ($ids: [ID!]!) { compareVersions(ids: $ids) { missing } }";
    for (ids, code, path) in [
        (json!([one]), "INVALID_INPUT", json!(["ids"])),
        (json!([one, two, one]), "DUPLICATE_KEY", json!(["ids"])),
        (json!([one, "prj_x"]), "INVALID_ID", json!(["ids", "1"])),
        (json!(vec![&one; 101]), "LIMIT_EXCEEDED", json!(["ids"])),
    ] {
        let answer = app.gql_with(Some(&ada.token), short, json!({ "ids": ids })).await;
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!((&extensions["code"], &extensions["inputPath"]), (&json!(code), &path), "{answer:#}");
    }
    // A hundred with all fields is more than a request may cost.
    let ids: Vec<_> = (0..100).map(|_| &one).collect();
    let deep = "query ($ids: [ID!]!) { compareVersions(ids: $ids) { metrics { values { points(maxPoints: 5000) { step } } } } }";
    let answer = app.gql_with(Some(&ada.token), deep, json!({ "ids": ids })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED");
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("complex"), "{answer:#}");
}

#[tokio::test]
async fn a_comparison_takes_as_many_statements_for_two_as_for_twenty() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let mut ids = Vec::new();
    for number in 0..20 {
        let more = json!({
            "hyperparameters": [{ "key": "depth", "value": number }], "parameters": [{ "key": "p", "value": number }],
            "metrics": [{ "key": "auc", "value": number }], "tags": [format!("t{number}")],
        });
        ids.push(logged(&app, &ada, &project, more).await);
    }
    let count = async |versions: usize| {
        let _ = app.statements();
        let answer = app.ok(Some(&ada.token), COMPARE, json!({ "ids": ids[..versions] })).await;
        assert_eq!(answer["compareVersions"]["metrics"][0]["values"].as_array().unwrap().len(), versions);
        assert_eq!(answer["compareVersions"]["tags"].as_array().unwrap().len(), versions);
        app.statements()
    };
    let (two, twenty) = (count(2).await, count(20).await);
    assert_eq!(two.len(), twenty.len(), "two: {two:#?}\ntwenty: {twenty:#?}");
    assert!(twenty.len() <= 7, "{} statements: {twenty:#?}", twenty.len());
}
