//! Children come in batches: a page of twelve costs as many statements as a page of two.

use nunatak_test_support::TestApp;
use serde_json::json;

use crate::versions::{log, project};

const NESTED: &str = "query ($first: Int!) { versions(first: $first) { nodes {
    number
    model { name latestVersion { number } project { name workspace { name viewerRole } viewerRole } }
    createdBy { login }
    hyperparameters { key value } parameters { key value }
    metrics { key last points(maxPoints: 10) { step value } }
    tags { name } aliases { name } figures { name spec } git { branch }
    datasetVersion { number dataset { name } } job { status runner { name } } parent { number }
} } }";

#[tokio::test]
async fn a_nested_query_takes_as_many_statements_for_two_versions_as_for_twelve() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    for number in 0..12 {
        let more = json!({
            "hyperparameters": [{ "key": "depth", "value": number }], "parameters": [{ "key": "offset", "value": 0.5 }],
            "metrics": [{ "key": "auc", "value": 0.5 }, { "key": "auc", "value": 0.6, "step": 1 }],
            "tags": [format!("t{number}")], "figures": [{ "name": "roc", "title": "ROC", "spec": { "mark": "line" } }],
        });
        log(&app, &ada, &project, more).await;
    }
    let count = async |first: i32| {
        let _ = app.statements();
        let answer = app.ok(Some(&ada.token), NESTED, json!({ "first": first })).await;
        let nodes = answer["versions"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), usize::try_from(first).unwrap());
        assert_eq!(nodes[0]["metrics"][0]["points"].as_array().unwrap().len(), 2, "{:#}", nodes[0]);
        app.statements()
    };
    let (two, twelve) = (count(2).await, count(12).await);
    assert_eq!(two.len(), twelve.len(), "two: {two:#?}\ntwelve: {twelve:#?}");
    assert!(twelve.len() <= 24, "{} statements: {twelve:#?}", twelve.len());
}
