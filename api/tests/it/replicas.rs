//! Two servers on one PostgreSQL database: what one does is heard at the other. SQLite has one server, so there
//! these stories are skipped.

use std::time::Duration;

use nunatak_test_support::{TestApp, TestUser};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::{
    following::{Events, Follower},
    jobs::Plant,
    versions::{log, project},
};

const REGISTERED: &str =
    "subscription ($filter: VersionFilter! = {}) { versionRegistered(filter: $filter) { number } }";
const LOGGED: &str =
    "subscription ($version: ID!) { metricLogged(version: $version) { metrics { key last pointCount } } }";
const LOG_METRICS: &str = "mutation ($version: ID!, $value: Float!, $step: Int64!) {
    logMetrics(input: {version: $version, metrics: [{key: \"loss\", value: $value, step: $step}]}) {
        userErrors { code message }
    }
}";

/// Two servers, an administrator and her project; nothing on SQLite.
async fn two_servers() -> Option<(TestApp, TestApp, TestUser, Value)> {
    let (here, ada) = TestApp::with_user().await;
    if !here.db.is_postgres() {
        eprintln!("skipped: needs PostgreSQL (NUNATAK_TEST_DATABASE)");
        return None;
    }
    let there = here.replica().await;
    let project = project(&here, &ada).await;
    Some((here, there, ada, project))
}

async fn sql(app: &TestApp, text: &str) {
    let db = app.db.connect().await;
    db.query_all_raw(Statement::from_string(db.get_database_backend(), text)).await.unwrap();
}

/// Ends the connections by which the servers tell and hear.
async fn cut(app: &TestApp) {
    sql(
        app,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'nunatak live events'",
    )
    .await;
}

fn number(version: &Value) -> i64 {
    version["number"].as_i64().unwrap_or_else(|| panic!("{version}"))
}

#[tokio::test]
async fn a_version_is_heard_at_the_other_server_and_only_once_at_its_own() {
    let Some((here, there, ada, project)) = two_servers().await else { return };
    let filter = json!({ "filter": { "metric": { "key": "auc", "value": { "gt": 0.5 } } } });
    let mut far = Follower::start(&there, &ada.token, REGISTERED, filter).await;
    let mut near = Follower::start(&here, &ada.token, REGISTERED, json!({})).await;
    for auc in [0.4, 0.9] {
        log(&here, &ada, &project, json!({ "metrics": [{ "key": "auc", "value": auc }] })).await;
    }
    assert_eq!(number(&far.next().await), 2, "the first does not pass the filter");
    // By now the first server has heard its own words, too.
    log(&here, &ada, &project, json!({})).await;
    log(&there, &ada, &project, json!({})).await;
    let mut heard = Vec::new();
    while heard.last() != Some(&4) {
        heard.push(number(&near.next().await));
    }
    assert_eq!(heard, [1, 2, 3, 4]);
}

#[tokio::test]
async fn metrics_are_heard_at_the_other_server_over_server_sent_events() {
    let Some((here, there, ada, project)) = two_servers().await else { return };
    let version = log(&here, &ada, &project, json!({})).await["version"]["id"].take();
    let mut events = Events::start(&there, &ada.token, LOGGED, json!({ "version": version })).await;
    assert_eq!(events.next().await["metrics"], json!([]), "at once");
    for step in [1, 2] {
        let point = json!({ "version": version, "value": 0.5, "step": step });
        here.ok(Some(&ada.token), LOG_METRICS, point).await;
        let loss = json!([{ "key": "loss", "last": 0.5, "pointCount": step }]);
        assert_eq!(events.next().await["metrics"], loss);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_followed_at_the_other_server() {
    let plant = Plant::new().await;
    if !plant.app.db.is_postgres() {
        eprintln!("skipped: needs PostgreSQL (NUNATAK_TEST_DATABASE)");
        return;
    }
    let there = plant.app.replica().await;
    let follow = "subscription ($project: ID!) { jobChanged(project: $project) { id status } }";
    let mut far = Follower::start(&there, &plant.ada.token, follow, json!({ "project": plant.project })).await;
    let job = plant.train().await;
    assert_eq!(far.next().await, json!({ "id": job["id"], "status": "QUEUED" }));
    let version = plant.trained().await;
    assert!(version.is_string());
    let mut changed = far.next().await;
    while changed["status"] == "RUNNING" {
        changed = far.next().await;
    }
    assert_eq!(changed, json!({ "id": job["id"], "status": "SUCCEEDED" }));
}

#[tokio::test]
async fn what_happens_while_the_connection_is_cut_is_read_afterwards() {
    let Some((here, there, ada, project)) = two_servers().await else { return };
    let mute = here.mute_replica().await;
    let mut far = Follower::start(&there, &ada.token, REGISTERED, json!({})).await;
    // Nobody is told of the first; the cut is noticed, and then it is found.
    log(&mute, &ada, &project, json!({})).await;
    assert_eq!(far.meanwhile().await, Vec::<Value>::new());
    for round in 1..=2 {
        cut(&here).await;
        log(&here, &ada, &project, json!({})).await;
        let mut heard = Vec::new();
        while !heard.contains(&(round + 1)) || !heard.contains(&1) {
            heard.push(number(&far.next().await));
        }
    }
}

#[tokio::test]
async fn what_a_server_had_not_told_when_it_ended_is_read_once_it_is_missed() {
    let here = TestApp::with_beat(Duration::from_millis(500)).await;
    if !here.db.is_postgres() {
        eprintln!("skipped: needs PostgreSQL (NUNATAK_TEST_DATABASE)");
        return;
    }
    let ada = here.user("ada", true).await;
    let project = project(&here, &ada).await;
    let ending = here.mute_replica().await;
    let mut far = Follower::start(&here, &ada.token, REGISTERED, json!({})).await;
    // Its only sign of life.
    sql(&here, "SELECT pg_notify('nunatak_events', 'from 00000000000070008000000000000001')").await;
    log(&ending, &ada, &project, json!({})).await;
    assert_eq!(number(&far.next().await), 1);
}

#[tokio::test]
async fn what_a_newer_server_says_harms_nobody() {
    let Some((here, there, ada, project)) = two_servers().await else { return };
    let mut far = Follower::start(&there, &ada.token, REGISTERED, json!({})).await;
    for text in ["from 00000000000070008000000000000001\nalert alr_1 raised\nversion new form", "{\"v\": 2}", ""] {
        sql(&here, &format!("SELECT pg_notify('nunatak_events', '{text}')")).await;
    }
    log(&here, &ada, &project, json!({})).await;
    assert_eq!(number(&far.next().await), 1);
}

#[tokio::test]
async fn a_membership_that_ends_at_one_server_ends_at_the_other() {
    let Some((here, there, ada, project)) = two_servers().await else { return };
    let bob = here.user("bob", false).await;
    let set = "mutation ($p: ID!) { setMember(input: {subject: $p, login: \"bob\", role: REPORTER}) { userErrors { code } } }";
    here.ok(Some(&ada.token), set, json!({ "p": project })).await;
    let mut his = Follower::start(&there, &bob.token, REGISTERED, json!({})).await;
    let mut hers = Follower::start(&there, &ada.token, REGISTERED, json!({})).await;
    log(&here, &ada, &project, json!({})).await;
    assert_eq!((number(&his.next().await), number(&hers.next().await)), (1, 1));

    let remove = "mutation ($p: ID!) { removeMember(input: {subject: $p, login: \"bob\"}) { userErrors { code } } }";
    here.ok(Some(&ada.token), remove, json!({ "p": project })).await;
    log(&here, &ada, &project, json!({})).await;
    assert_eq!(number(&hers.next().await), 2);
    assert_eq!(his.meanwhile().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_token_that_is_revoked_at_one_server_ends_what_follows_at_the_other() {
    let Some((here, there, ada, project)) = two_servers().await else { return };
    let create = "mutation { createApiToken(input: {name: \"ci\", scopes: [READ]}) {
        token apiToken { id } userErrors { code }
    } }";
    let mut made = here.ok(Some(&ada.token), create, json!({})).await;
    let token = made["createApiToken"]["token"].as_str().unwrap().to_owned();
    let mut far = Follower::start(&there, &token, REGISTERED, json!({})).await;
    log(&here, &ada, &project, json!({})).await;
    assert_eq!(number(&far.next().await), 1);

    let revoke = "mutation ($id: ID!) { revokeApiToken(input: {id: $id}) { userErrors { code } } }";
    let id = made["createApiToken"]["apiToken"]["id"].take();
    here.ok(Some(&ada.token), revoke, json!({ "id": id })).await;
    log(&here, &ada, &project, json!({})).await;
    assert_eq!(far.message().await["type"], "complete");
}
