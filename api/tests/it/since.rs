//! `since`: coming back without missing anything, on one server.

use std::time::Duration;

use nunatak_api::ApiOptions;
use nunatak_domain::{JobId, ProjectId, Timestamp};
use nunatak_store::Event;
use nunatak_test_support::TestApp;
use serde_json::{Value, json};

use crate::{
    following::{Events, Follower},
    jobs::Plant,
    versions::{log, project},
};

const START: &str = "2026-01-01T00:00:00Z";
const TEN_MINUTES: Duration = Duration::from_secs(600);
const REGISTERED: &str = "subscription ($since: DateTime, $filter: VersionFilter! = {}) {
    versionRegistered(since: $since, filter: $filter) { number }
}";
const CHANGED: &str = "subscription ($since: DateTime, $job: ID, $project: ID) {
    jobChanged(since: $since, job: $job, project: $project) { id status }
}";

fn number(answer: &Value) -> i64 {
    answer["data"]["versionRegistered"]["number"].as_i64().unwrap_or_else(|| panic!("{answer:#}"))
}

#[tokio::test]
async fn who_comes_back_gets_what_was_registered_meanwhile_and_goes_on_live() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    for _ in 1..=3 {
        log(&app, &ada, &project, json!({})).await;
        app.clock.advance(TEN_MINUTES);
    }
    let since = json!({ "since": "2026-01-01T00:05:00Z" });
    let mut events = Events::start(&app, &ada.token, REGISTERED, since.clone()).await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        answers.push(events.answer().await.unwrap());
    }
    assert_eq!(answers.iter().map(number).collect::<Vec<_>>(), [2, 3]);
    // Only with the last of them is everything sent.
    assert_eq!(answers[0]["extensions"]["since"], "2026-01-01T00:05:00.000000Z");
    assert_eq!(answers[1]["extensions"]["since"], "2026-01-01T00:30:00.000000Z");
    log(&app, &ada, &project, json!({})).await;
    assert_eq!(number(&events.answer().await.unwrap()), 4, "and then live");

    drop(events);
    log(&app, &ada, &project, json!({})).await;
    let since = json!({ "since": answers[1]["extensions"]["since"] });
    let mut again = Follower::start(&app, &ada.token, REGISTERED, since).await;
    let stranger = app.user("stranger", false).await;
    let mut foreign = Follower::start(&app, &stranger.token, REGISTERED, json!({ "since": START })).await;
    assert_eq!(foreign.meanwhile().await, Vec::<Value>::new());
    log(&app, &ada, &project, json!({})).await;
    assert_eq!(again.next().await["number"], 6);
}

/// A transaction takes its time before it commits: what was registered shortly before is sent again.
#[tokio::test]
async fn a_little_more_is_sent_than_was_asked_for() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    log(&app, &ada, &project, json!({})).await;
    for (since, expected) in [("2026-01-01T00:01:30Z", 1), ("2026-01-01T00:01:30.000001Z", 2)] {
        let mut events = Events::start(&app, &ada.token, REGISTERED, json!({ "since": since })).await;
        let (first, _) = tokio::join!(events.answer(), async {
            if expected == 2 {
                log(&app, &ada, &project, json!({})).await;
            }
        });
        assert_eq!(number(&first.unwrap()), expected, "{since}");
    }
}

#[tokio::test]
async fn who_was_away_for_too_long_is_told_to_query() {
    let app = TestApp::with_options(ApiOptions { max_since: 2, ..ApiOptions::default() }).await;
    let ada = app.user("ada", true).await;
    let project = project(&app, &ada).await;
    let since = json!({ "since": START });
    for _ in 1..=2 {
        log(&app, &ada, &project, json!({})).await;
        app.clock.advance(Duration::from_secs(1));
    }
    let mut events = Events::start(&app, &ada.token, REGISTERED, since.clone()).await;
    for expected in 1..=2 {
        assert_eq!(number(&events.answer().await.unwrap()), expected);
    }
    log(&app, &ada, &project, json!({})).await;
    let mut events = Events::start(&app, &ada.token, REGISTERED, since.clone()).await;
    let refused = events.answer().await.unwrap();
    assert_eq!(refused["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED", "{refused:#}");
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("`versions`"), "{refused:#}");
    assert_eq!(events.answer().await, None, "what goes on would hide the gap");

    let narrow = json!({ "since": START, "filter": { "number": { "gt": 1 } } });
    let mut events = Events::start(&app, &ada.token, REGISTERED, narrow).await;
    assert_eq!(number(&events.answer().await.unwrap()), 2);
}

#[tokio::test]
async fn a_filter_has_room_for_one_condition_less() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    log(&app, &ada, &project, json!({})).await;
    let filter = |conditions: usize| {
        let conditions: Vec<_> = (0..conditions).map(|_| json!({ "number": { "gt": 0 } })).collect();
        json!({ "since": START, "filter": { "and": conditions } })
    };
    let mut events = Events::start(&app, &ada.token, REGISTERED, filter(23)).await;
    assert_eq!(number(&events.answer().await.unwrap()), 1);
    let mut events = Events::start(&app, &ada.token, REGISTERED, filter(24)).await;
    let refused = events.answer().await.unwrap();
    assert_eq!(refused["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED", "{refused:#}");
}

#[tokio::test]
async fn a_burst_is_sent_whole() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    log(&app, &ada, &project, json!({})).await;
    let mut events = Events::start(&app, &ada.token, REGISTERED, json!({ "since": START })).await;
    assert_eq!(number(&events.answer().await.unwrap()), 1);
    // More than a page holds, all of them before the server looks at the subscription again.
    for _ in 0..120 {
        log(&app, &ada, &project, json!({})).await;
    }
    let mut heard = Vec::new();
    for _ in 0..120 {
        heard.push(number(&events.answer().await.unwrap()));
    }
    heard.sort_unstable();
    assert_eq!(heard, (2..=121).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_falls_behind_reads_afresh() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    log(&app, &ada, &project, json!({})).await;
    app.clock.advance(TEN_MINUTES);
    let mut events = Events::start(&app, &ada.token, REGISTERED, json!({ "since": START })).await;
    assert_eq!(number(&events.answer().await.unwrap()), 1);
    log(&app, &ada, &project, json!({})).await;
    let now = Timestamp::from_micros(0);
    let (job, of) = (JobId::new(now), ProjectId::new(now));
    for _ in 0..5000 {
        app.state.store.bus().publish(Event::JobChanged { job, project: of });
    }
    assert_eq!(number(&events.answer().await.unwrap()), 2, "and not the first again");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_may_have_changed_come_first() {
    let plant = Plant::new().await;
    let (app, token) = (&plant.app, plant.ada.token.as_str());
    let done = plant.train().await["id"].take();
    plant.trained().await;
    let running = plant.train().await["id"].take();
    assert_eq!(plant.claim().await["job"]["id"], running);
    app.clock.advance(TEN_MINUTES);
    let queued = plant.train().await["id"].take();

    let (early, late) = (json!(START), json!("2026-01-01T00:05:00Z"));
    let of = |since: &Value| json!({ "since": since, "project": plant.project });
    let mut events = Events::start(app, token, CHANGED, of(&early)).await;
    for (job, status) in [(&done, "SUCCEEDED"), (&running, "RUNNING"), (&queued, "QUEUED")] {
        assert_eq!(events.next().await, json!({ "id": job, "status": status }));
    }
    let mut events = Events::start(app, token, CHANGED, of(&late)).await;
    for (job, status) in [(&running, "RUNNING"), (&queued, "QUEUED")] {
        assert_eq!(events.next().await, json!({ "id": job, "status": status }));
    }
    let cancel = "mutation ($id: ID!) { cancelJob(input: {id: $id}) { userErrors { code } } }";
    plant.ok(cancel, json!({ "id": queued })).await;
    assert_eq!(events.next().await, json!({ "id": queued, "status": "CANCELLED" }), "and then live");

    let one = |since: &Value| json!({ "since": since, "job": done });
    let mut events = Events::start(app, token, CHANGED, one(&Value::Null)).await;
    assert_eq!(events.next().await["status"], "SUCCEEDED", "at once");
    let mut quiet = Follower::start(app, token, CHANGED, one(&late)).await;
    assert_eq!(quiet.meanwhile().await, Vec::<Value>::new(), "it had ended by then");
    let stranger = app.user("stranger", false).await;
    let mut foreign = Follower::start(app, &stranger.token, CHANGED, json!({ "since": early })).await;
    assert_eq!(foreign.meanwhile().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_jobs_are_to_be_queried() {
    let plant = Plant::with_options(ApiOptions { max_since: 1, ..ApiOptions::default() }).await;
    for _ in 0..2 {
        plant.train().await;
    }
    let mut events = Events::start(&plant.app, &plant.ada.token, CHANGED, json!({ "since": START })).await;
    let refused = events.answer().await.unwrap();
    assert_eq!(refused["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED", "{refused:#}");
    assert_eq!(events.answer().await, None);
}

#[tokio::test]
async fn a_version_comes_at_once_only_if_metrics_were_logged_since() {
    let follow = "subscription ($version: ID!, $since: DateTime) {
        metricLogged(version: $version, since: $since) { metrics { key pointCount } }
    }";
    let logged = "mutation ($version: ID!, $step: Int64!) {
        logMetrics(input: {version: $version, metrics: [{key: \"loss\", value: 1, step: $step}]}) {
            userErrors { code message }
        }
    }";
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let version = log(&app, &ada, &project, json!({})).await["version"]["id"].take();
    app.clock.advance(TEN_MINUTES);
    let since = json!({ "version": version, "since": "2026-01-01T00:05:00Z" });
    let mut quiet = Follower::start(&app, &ada.token, follow, since.clone()).await;
    assert_eq!(quiet.meanwhile().await, Vec::<Value>::new());

    app.ok(Some(&ada.token), logged, json!({ "version": version, "step": 1 })).await;
    let one = json!({ "metrics": [{ "key": "loss", "pointCount": 1 }] });
    assert_eq!(quiet.next().await, one);
    let mut events = Events::start(&app, &ada.token, follow, since).await;
    assert_eq!(events.next().await, one, "it was logged after that");
    let mut events = Events::start(&app, &ada.token, follow, json!({ "version": version, "since": START })).await;
    assert_eq!(events.next().await, one, "it was registered after that");

    app.clock.advance(Duration::from_secs(3 * 24 * 3600));
    let old = json!({ "version": version, "since": "2026-01-01T10:00:00Z" });
    let cleo = app.user("cleo", true).await;
    let mut events = Events::start(&app, &cleo.token, follow, old).await;
    assert_eq!(events.next().await, one, "too long ago to look");
    let stranger = app.user("stranger", false).await;
    let mut foreign = Follower::start(&app, &stranger.token, follow, json!({ "version": version })).await;
    assert_eq!(foreign.meanwhile().await, Vec::<Value>::new());
}
