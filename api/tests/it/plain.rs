//! A page that is written at once says what its fields' resolvers say.

use nunatak_test_support::{TestApp, TestUser};
use poem::{
    Request,
    http::{Method, header},
};
use serde_json::{Value, json};

use crate::{
    following::Events,
    versions::{log, project},
};

const SELECTION: &str = "__typename id number description status visibility createdAt updatedAt threshold
    model { __typename id name description createdAt updatedAt project { id } createdBy { login } }
    project { __typename id name description gitUrl createdAt updatedAt }
    createdBy { __typename id login fullName email isAdmin isService createdAt }
    detector { __typename name version } git { __typename branch commit dirty }
    tags { __typename id name description createdAt updatedAt createdBy { login } }
    aliases { __typename name movedAt movedBy { login } model { name } }
    hyperparameters { __typename key value number string boolean }
    parameters { __typename key value number string boolean }
    metrics { __typename key last lastSpecial min minSpecial max maxSpecial best bestSpecial direction step at pointCount }
    some: hyperparameters(keys: [\"kernel\", \"nothing\"]) { name: key value }
    none: parameters(keys: []) { key }
    asked: metrics(keys: $keys) { key last }
    ...Again";
const AGAIN: &str = "fragment Again on Version { number ... on Node { id } again: number }";

/// Versions with everything, and with nothing.
async fn logged(app: &TestApp, ada: &TestUser) {
    let project = project(app, ada).await;
    let full = json!({
        "description": "a \"quoted\"\nline, é", "tags": ["z", "baseline \\ 7"], "threshold": 0.1,
        "detector": { "name": "isolation_forest", "version": "1.0" }, "visibility": "PRIVATE",
        "git": { "branch": "main", "commit": "abc123", "dirty": false },
        "hyperparameters": [{ "key": "n_estimators", "value": 100 }, { "key": "lr", "value": 1e-7 },
                            { "key": "kernel", "value": "r\"bf" }, { "key": "bootstrap", "value": true },
                            { "key": "features", "value": ["a", { "b": null }] }, { "key": "max_depth", "value": null }],
        "parameters": [{ "key": "offset", "value": -0.25 }, { "key": "whole", "value": 9_007_199_254_740_991_i64 }],
        "metrics": [{ "key": "loss", "value": 2.0 }, { "key": "loss", "special": "NAN", "step": 1 },
                    { "key": "loss", "value": 1.5, "step": 2 }, { "key": "gain", "special": "POS_INF" },
                    { "key": "auc", "value": 0.1 }, { "key": "none", "special": "NAN" }],
    });
    let mut logged = log(app, ada, &project, full).await;
    assert_eq!(logged["userErrors"], json!([]));
    let version = logged["version"]["id"].take();
    let query = "mutation ($v: ID!, $p: ID!) {
        moveAlias(input: {version: $v, name: \"champion\"}) { userErrors { code } }
        declareMetric(input: {project: $p, key: \"loss\", direction: MINIMIZE}) { userErrors { code } }
    }";
    app.ok(Some(&ada.token), query, json!({ "v": version, "p": project })).await;
    app.clock.advance(std::time::Duration::from_secs(60));
    log(app, ada, &project, json!({})).await;
}

#[tokio::test]
async fn a_page_says_what_its_fields_say() {
    let (app, ada) = TestApp::with_user().await;
    logged(&app, &ada).await;
    for keys in [json!(null), json!(["auc", "loss"]), json!([])] {
        let variables = json!({ "keys": keys });
        let query = format!(
            "query ($keys: [String!]) {{ versions {{ nodes {{ {SELECTION} }} edges {{ cursor node {{ {SELECTION} }} }} }} }} {AGAIN}"
        );
        let at_once = app.ok(Some(&ada.token), &query, variables.clone()).await["versions"].take();
        // What is live goes field by field.
        let query = format!(
            "subscription ($keys: [String!]) {{
                versionRegistered(since: \"2020-01-01T00:00:00Z\") {{ {SELECTION} }}
            }} {AGAIN}"
        );
        let mut events = Events::start(&app, &ada.token, &query, variables).await;
        // Oldest first.
        for place in [1, 0] {
            let one_by_one = events.answer().await.unwrap()["data"]["versionRegistered"].take();
            assert_eq!(at_once["nodes"][place], one_by_one);
            assert_eq!(at_once["edges"][place]["node"], one_by_one);
        }
    }
}

#[tokio::test]
async fn fields_come_in_the_order_in_which_they_were_asked_for() {
    let (app, ada) = TestApp::with_user().await;
    logged(&app, &ada).await;
    let query = "{ versions(last: 1) { nodes { number model { name } tags { name } kind: __typename status } } }";
    let text = text(&app, &ada, json!({ "query": query })).await;
    let node = r#"{"number":1,"model":{"name":"pump-7"},"tags":[{"name":"baseline \\ 7"},{"name":"z"}],"kind":"Version","status":"READY"}"#;
    assert!(text.starts_with(&format!(r#"{{"data":{{"versions":{{"nodes":[{node}]}}}},"extensions":"#)), "{text}");
}

async fn text(app: &TestApp, user: &TestUser, body: Value) -> String {
    let request = TestApp::request(Method::POST, "/graphql", Some(&user.token), body.to_string());
    let (mut parts, body) = request.into_parts();
    parts.headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    let answer = app.send(Request::from_parts(parts, body)).await;
    answer.into_body().into_string().await.unwrap()
}

#[tokio::test]
async fn what_takes_work_is_worked_out_beside_what_does_not() {
    let (app, ada) = TestApp::with_user().await;
    logged(&app, &ada).await;
    let query = "{ versions { nodes { number figures { name } metrics { key points { value } } model { name }
        model { latestVersion { number } } } } }";
    let answer = app.ok(Some(&ada.token), query, json!({})).await["versions"]["nodes"].take();
    assert_eq!(
        answer[0],
        json!({ "number": 2, "figures": [], "metrics": [], "model": { "name": "pump-7", "latestVersion": { "number": 2 } } })
    );
    assert_eq!(answer[1]["metrics"][2]["key"], "loss");
    assert_eq!(answer[1]["metrics"][2]["points"], json!([{ "value": 2.0 }, { "value": null }, { "value": 1.5 }]));
}

#[tokio::test]
async fn who_is_not_signed_in_learns_nothing() {
    let (app, ada) = TestApp::with_user().await;
    logged(&app, &ada).await;
    let query = "{ versions { nodes { id createdBy { login } model { name } tags { name } } edges { cursor } } }";
    let nothing = json!({ "versions": { "nodes": [], "edges": [] } });
    assert_eq!(app.ok(None, query, json!({})).await, nothing);
    let stranger = app.user("stranger", false).await;
    assert_eq!(app.ok(Some(&stranger.token), query, json!({})).await, nothing);
}

/// A variable without a value is an argument that was not written: its default holds.
#[tokio::test]
async fn variables_may_be_left_out() {
    let (app, ada) = TestApp::with_user().await;
    logged(&app, &ada).await;
    let query = "query Some($filter: VersionFilter, $order: [VersionOrder!], $first: Int, $after: String, $points: Int, $key: String) {
        versions(filter: $filter, orderBy: $order, first: $first, after: $after) { nodes { ...Loss } }
        project: versions(filter: { name: { eq: $key } }) { nodes { number } }
    }
    fragment Loss on Version { number metrics(keys: [\"loss\"]) { points(maxPoints: $points) { step } } }
    query Other($points: Int) { versions { nodes { ...Loss } } }";
    let expected = json!([{ "number": 2, "metrics": [] },
                          { "number": 1, "metrics": [{ "points": [{ "step": 0 }, { "step": 1 }, { "step": 2 }] }] }]);
    let ask = async |variables: Value| {
        let body = json!({ "query": query, "operationName": "Some", "variables": variables });
        let body: Value = serde_json::from_str(&text(&app, &ada, body).await).unwrap();
        assert!(body.get("errors").is_none(), "{body:#}");
        body["data"].clone()
    };
    let answer = ask(json!({})).await;
    assert_eq!((&answer["versions"]["nodes"], answer["project"]["nodes"].as_array().unwrap().len()), (&expected, 2));
    let answer = ask(json!({ "first": 1, "filter": null, "points": 2 })).await;
    assert_eq!(answer["versions"]["nodes"], json!([{ "number": 2, "metrics": [] }]));
}
