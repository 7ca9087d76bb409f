//! Versions whose model and tags are known are logged in one statement (PostgreSQL). Nobody may tell.

use nunatak_test_support::TestApp;
use sea_orm::{ConnectionTrait, FromQueryResult, JsonValue, Statement, TransactionTrait};
use serde_json::{Value, json};

use crate::versions::{log, minimize, project};

const NODES: &str = "query ($p: ID!) {
    versions(filter: {project: {eq: $p}}) { nodes {
        number description visibility environment inputSchema threshold model { id name } detector { name version }
        externalDataset { name } git { branch commit remotes { name } } tags { name }
        hyperparameters { key value } parameters { key value }
        metrics { key last lastSpecial min max best direction pointCount points(maxPoints: 50) { step value special } }
        figures { name title spec }
    } }
    auditEvents(project: $p, first: 2) { nodes { action detail } }
}";

async fn rows(app: &TestApp, text: &str) -> Vec<JsonValue> {
    let db = app.db.connect().await;
    JsonValue::find_by_statement(Statement::from_string(db.get_database_backend(), text)).all(&db).await.unwrap()
}

fn everything() -> Value {
    json!({
        "description": "quoted \"text\", {braces}, \\ and ü", "tags": ["b", "a", "b"], "visibility": "PRIVATE",
        "threshold": 0.5, "detector": { "name": "knn", "version": "1.0" }, "environment": { "python": "3.13" },
        "dataset": { "external": { "name": "pumps-2026" } }, "git": { "branch": "main", "remotes": [] },
        "hyperparameters": [{ "key": "n", "value": 100 }, { "key": "kernel", "value": "rbf" }, { "key": "b", "value": true }],
        "parameters": [{ "key": "tiny", "value": -1e-300 }],
        "metrics": [{ "key": "loss", "value": 2.0 }, { "key": "loss", "special": "NAN", "step": 1 },
                    { "key": "loss", "value": 1.5, "step": -2 }, { "key": "gain", "special": "POS_INF" }],
        "figures": [{ "name": "roc", "title": "ROC", "spec": { "mark": "line" } }, { "name": "pr", "title": "PR", "spec": {} }],
    })
}

#[tokio::test]
async fn the_second_version_of_a_model_is_kept_as_the_first() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    minimize(&app, &ada, &project, "loss").await;
    for _ in 0..2 {
        log(&app, &ada, &project, everything()).await;
    }
    let mut found = app.ok(Some(&ada.token), NODES, json!({ "p": project })).await;
    let [second, first] = [0, 1].map(|place| found["versions"]["nodes"][place].take());
    assert_eq!((&second["number"], &first["number"]), (&json!(2), &json!(1)));
    let but_number = |mut version: Value| {
        version["number"].take();
        version
    };
    assert_eq!(second["tags"].as_array().unwrap().len(), 2);
    assert_eq!(but_number(second.clone()), but_number(first));
    for (place, number) in [(0, 2), (1, 1)] {
        let detail = json!({ "model": second["model"]["id"], "number": number });
        assert_eq!(found["auditEvents"]["nodes"][place], json!({ "action": "version:log", "detail": detail }));
    }
}

#[tokio::test]
async fn what_hangs_on_a_version_belongs_to_something() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    for visibility in ["PRIVATE", "PUBLIC", "PRIVATE"] {
        let mut version = everything();
        version["visibility"] = json!(visibility);
        log(&app, &ada, &project, version).await;
    }
    // No foreign key says so on PostgreSQL.
    for table in ["hyperparameters", "parameters", "metrics", "metric_points"] {
        let lost = format!(
            "SELECT version_row, key_id FROM {table} WHERE version_row NOT IN (SELECT row_id FROM versions) \
             OR key_id NOT IN (SELECT id FROM keys)"
        );
        assert_eq!(rows(&app, &lost).await, Vec::<JsonValue>::new(), "{table}");
    }
    let lost = "SELECT version_row FROM version_tags WHERE tag_id NOT IN (SELECT id FROM tags) \
                OR name_id NOT IN (SELECT id FROM keys) OR version_row NOT IN (SELECT row_id FROM versions)";
    assert_eq!(rows(&app, lost).await, Vec::<JsonValue>::new());
    // Whom rows are for is as much the public version's as it is the private ones'.
    for table in ["hyperparameters", "parameters", "metrics", "version_tags"] {
        let shown = format!(
            "SELECT x.version_row FROM {table} x JOIN versions v ON v.row_id = x.version_row \
             WHERE (v.visibility = 0) <> (x.audience = 0)"
        );
        assert_eq!(rows(&app, &shown).await, Vec::<JsonValue>::new(), "{table}");
    }
    // What hangs on a version goes with it.
    rows(&app, "DELETE FROM versions RETURNING row_id").await;
    for table in ["hyperparameters", "parameters", "metrics", "metric_points", "version_tags", "version_maps"] {
        assert_eq!(rows(&app, &format!("SELECT version_row FROM {table}")).await, Vec::<JsonValue>::new(), "{table}");
    }
}

#[tokio::test]
async fn a_name_means_the_model_that_has_it_now() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let made = async || {
        let made = log(&app, &ada, &project, json!({})).await;
        (made["version"]["model"]["id"].clone(), made["version"]["number"].clone())
    };
    let (first, _) = made().await;
    assert_eq!(made().await, (first.clone(), json!(2)));
    let rename = "mutation ($m: ID!) { updateModel(input: {id: $m, name: \"older\"}) { userErrors { code } } }";
    app.ok(Some(&ada.token), rename, json!({ "m": first })).await;
    let (second, number) = made().await;
    assert_ne!(second, first);
    assert_eq!((number, made().await), (json!(1), (second.clone(), json!(2))));
    let delete = "mutation ($m: ID!) { deleteModel(input: {id: $m}) { userErrors { code } } }";
    app.ok(Some(&ada.token), delete, json!({ "m": second })).await;
    let (third, number) = made().await;
    assert!(third != first && third != second && number == 1, "{third} {number}");
}

#[tokio::test]
async fn a_tag_that_is_gone_is_made_again() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let tagged = async || log(&app, &ada, &project, json!({ "tags": ["b", "a"] })).await["version"]["number"].clone();
    tagged().await;
    assert_eq!(tagged().await, 2);
    let query = "query ($p: ID!) { tags(project: $p) { nodes { id name } } }";
    let tags = app.ok(Some(&ada.token), query, json!({ "p": project })).await["tags"]["nodes"].take();
    let delete = "mutation ($t: ID!) { deleteTag(input: {id: $t}) { userErrors { code } } }";
    app.ok(Some(&ada.token), delete, json!({ "t": tags[0]["id"] })).await;
    assert_eq!(tagged().await, 3);
    let query = "query ($p: ID!) { versions(filter: {project: {eq: $p}}) { nodes { tags { name } } } }";
    let found = app.ok(Some(&ada.token), query, json!({ "p": project })).await;
    let counts =
        found["versions"]["nodes"].as_array().unwrap().iter().map(|node| node["tags"].as_array().unwrap().len());
    assert_eq!(counts.collect::<Vec<_>>(), [2, 1, 1]);
}

/// Who logs while a direction is being declared waits, and then knows the new one.
#[tokio::test]
async fn a_direction_that_is_being_declared_is_waited_for() {
    let (app, ada) = TestApp::with_user().await;
    if !app.db.is_postgres() {
        eprintln!("skipped: needs PostgreSQL (NUNATAK_TEST_DATABASE)");
        return;
    }
    let project = project(&app, &ada).await;
    let metrics = json!({ "metrics": [{ "key": "loss", "value": 2.0 }, { "key": "loss", "value": 1.0, "step": 1 }] });
    log(&app, &ada, &project, metrics.clone()).await;
    let db = app.db.connect().await;
    let declaring = db.begin().await.unwrap();
    for text in [
        "SELECT 1 FROM projects FOR UPDATE",
        "UPDATE projects SET updated_at = updated_at",
        "INSERT INTO metric_directions SELECT project_row, key_id, 1 FROM metrics",
        "UPDATE metrics SET best = min",
    ] {
        declaring.execute_unprepared(text).await.unwrap();
    }
    let declared = async {
        let waits = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while rows(&app, waits).await.is_empty() {}
        declaring.commit().await.unwrap();
    };
    let (made, ()) = futures_util::future::join(log(&app, &ada, &project, metrics), declared).await;
    assert_eq!(made["version"]["number"], 2);
    let best = rows(&app, "SELECT best FROM metrics").await;
    assert_eq!(best, [json!({ "best": 1.0 }), json!({ "best": 1.0 })]);
}
