//! Rows scored at once, by runners that answer from a script.

mod runner;

use std::time::Duration;

use nunatak_api::{ApiOptions, Metrics, ScoringPatience};
use nunatak_test_support::{TestApp, TestUser};
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use self::runner::{Mood, Scorer};
use crate::jobs::Plant;

const SCORE: &str = "query ($input: ScoreInput!) { score(input: $input) {
    result { versionId threshold scores { rowIndex score label reasons { column share } } }
    userErrors { code message path } } }";

/// A trained version (threshold 0.5, columns a and b) and a runner that scores with it.
struct World {
    plant: Plant,
    scorer: Scorer,
    version: Value,
}

impl World {
    async fn new() -> Self {
        Self::with_options(ApiOptions::default()).await
    }

    async fn with_options(options: ApiOptions) -> Self {
        let plant = Plant::with_options(options).await;
        plant.train().await;
        let version = plant.trained().await;
        let scorer = Scorer::start().await;
        let made = scorer.register(&plant.app, &plant.ada.token, "scorer").await;
        assert_eq!(made["data"]["registerRunner"]["runner"]["offersScoring"], true, "{made}");
        Self { plant, scorer, version }
    }

    /// With another runner; the one that is asked first, then the other.
    async fn with_two(scoring: ScoringPatience) -> (Self, [Scorer; 2]) {
        let world = Self::with_options(ApiOptions { scoring, ..ApiOptions::default() }).await;
        let Self { plant, scorer, version } = world;
        let world = Self { scorer: Scorer::start().await, plant, version };
        let second = Scorer::start().await;
        second.register(&world.plant.app, &world.plant.ada.token, "second").await;
        world.score(world.rows()).await;
        let both = if second.count() > 0 { [second, scorer] } else { [scorer, second] };
        (world, both)
    }

    async fn score_as(&self, user: &TestUser, input: Value) -> Value {
        self.plant.app.gql_with(Some(&user.token), SCORE, json!({ "input": input })).await
    }

    async fn score(&self, input: Value) -> Value {
        let answer = self.score_as(&self.plant.ada, input).await;
        assert!(answer["errors"].is_null(), "{answer}");
        answer["data"]["score"].clone()
    }

    /// The code of what is wrong, as data or as a fault.
    async fn code(&self, input: Value) -> Value {
        let answer = self.score_as(&self.plant.ada, input).await;
        match answer["errors"][0]["extensions"]["code"].clone() {
            Value::Null => answer["data"]["score"]["userErrors"][0]["code"].clone(),
            code => code,
        }
    }

    fn rows(&self) -> Value {
        json!({ "version": self.version, "columns": ["b", "a"], "rows": [[0.25, 0.125], [2.0, 90.5]] })
    }

    fn with(&self, changes: &Value) -> Value {
        let mut input = self.rows();
        for (key, value) in changes.as_object().unwrap() {
            input[key] = value.clone();
        }
        input
    }

    async fn set_threshold(&self, threshold: f64) -> Value {
        let query = "mutation ($input: SetThresholdInput!) { setThreshold(input: $input) {
            version { id } userErrors { code message } } }";
        let input = json!({ "version": self.version, "threshold": threshold });
        self.plant.ok(query, json!({ "input": input })).await["setThreshold"]["version"]["id"].take()
    }

    async fn move_alias(&self, to: &Value) -> Value {
        let query = "query ($id: ID!) { version(id: $id) { model { id } } }";
        let model = self.plant.ok(query, json!({ "id": self.version })).await["version"]["model"]["id"].take();
        let query = "mutation ($input: MoveAliasInput!) { moveAlias(input: $input) { userErrors { code message } } }";
        let input = json!({ "name": "champion", "version": to });
        self.plant.ok(query, json!({ "input": input })).await;
        model
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_scored_in_their_order_with_labels_and_reasons() {
    let world = World::new().await;
    let answer = world.score(world.with(&json!({ "reasons": 1 }))).await;
    assert_eq!(answer["result"]["versionId"], world.version);
    assert_eq!(answer["result"]["threshold"], 0.5);
    let expected = json!([
        { "rowIndex": 0, "score": 0.375, "label": 0, "reasons": [] },
        { "rowIndex": 1, "score": 92.5, "label": 1, "reasons": [{ "column": "b", "share": 0.75 }] },
    ]);
    assert_eq!(answer["result"]["scores"], expected);
    let asked = world.scorer.last();
    assert_eq!((&asked["columns"], &asked["rows"][1]), (&json!(["b", "a"]), &json!([2.0, 90.5])));

    // Field by field it is the same as written at once.
    let query = "query ($input: ScoreInput!) { score(input: $input) { result { version { id number }
        scores @include(if: true) { ... @include(if: true) { rowIndex score label reasons { column share } } } } } }";
    let slow = world.plant.ok(query, json!({ "input": world.with(&json!({ "reasons": 1 })) })).await;
    assert_eq!(slow["score"]["result"]["scores"], expected);
    assert_eq!(slow["score"]["result"]["version"], json!({ "id": world.version, "number": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_request_takes_one_statement_beside_those_of_signing_in() {
    let world = World::new().await;
    world.score(world.rows()).await;
    let _ = world.plant.app.statements();
    world.score(world.rows()).await;
    let statements = world.plant.app.statements();
    let of_scoring: Vec<_> = statements.iter().filter(|text| text.contains("artifact_sha256")).collect();
    assert_eq!(of_scoring.len(), 1, "{statements:#?}");
    assert!(statements.len() <= 2, "{statements:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_is_followed_at_once_and_a_new_threshold_changes_labels() {
    let world = World::new().await;
    let model = world.move_alias(&world.version).await;
    let by_alias = json!({ "model": model, "alias": "champion", "columns": ["a", "b"], "rows": [[1, 1]] });
    let first = world.score(by_alias.clone()).await;
    assert_eq!((&first["result"]["versionId"], &first["result"]["scores"][0]["label"]), (&world.version, &json!(1)));
    let strict = world.set_threshold(5.0).await;
    world.move_alias(&strict).await;
    let second = world.score(by_alias).await;
    assert_eq!((&second["result"]["versionId"], &second["result"]["scores"][0]["label"]), (&strict, &json!(0)));
    let named = json!({ "project": world.plant.project, "modelName": "pump", "alias": "champion",
        "columns": ["a", "b"], "rows": [[1, 1]] });
    assert_eq!(world.score(named).await["result"]["versionId"], strict);
    let sha = |at: usize| world.scorer.asked.lock().unwrap()[at]["artifact"]["sha256"].clone();
    assert_eq!(sha(0), sha(1), "one file, warm already");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_says_what_to_change() {
    let world = World::new().await;
    let many: Vec<[i32; 2]> = vec![[0, 0]; 10_001];
    for (changes, code, path) in [
        (json!({ "columns": ["a"], "rows": [[1]] }), "INPUT_SCHEMA", json!(["columns"])),
        (json!({ "columns": ["a", "b", "c"], "rows": [[1, 2, 3]] }), "INPUT_SCHEMA", json!(["columns"])),
        (json!({ "columns": ["a", "a"] }), "INVALID_INPUT", json!(["columns"])),
        (json!({ "rows": [[1]] }), "INVALID_INPUT", json!(["rows", "0"])),
        (json!({ "rows": [[1, 2], [3, null]] }), "MISSING_VALUES", json!(["rows", "1", "1"])),
        (json!({ "rows": [] }), "TOO_FEW_ROWS", json!(["rows"])),
        (json!({ "rows": many }), "LIMIT_EXCEEDED", json!(["rows"])),
        (
            json!({ "categoryColumns": ["kind"], "categories": [["x"], ["y"]] }),
            "INPUT_SCHEMA",
            json!(["categoryColumns"]),
        ),
        (json!({ "categories": [["x"]] }), "INVALID_INPUT", json!(["categories"])),
        (json!({ "times": ["2026-01-01T00:00:00Z"] }), "INVALID_INPUT", json!(["times"])),
        (json!({ "reasons": 4 }), "OUT_OF_RANGE", json!(["reasons"])),
        (json!({ "alias": "champion" }), "INVALID_INPUT", json!([])),
        (json!({ "version": null, "model": "mdl_01h455vb4pex5vsknk084sn02q" }), "INVALID_INPUT", json!(["alias"])),
        (json!({ "version": "prj_1" }), "INVALID_ID", json!(["version"])),
    ] {
        let answer = world.score(world.with(&changes)).await;
        let error = &answer["userErrors"][0];
        assert_eq!((&error["code"], &error["path"]), (&json!(code), &path), "{changes}: {answer}");
    }
    assert_eq!(world.scorer.count(), 0, "no runner was asked");
    let uploaded = "mutation ($input: LogVersionInput!) { logVersion(input: $input) { version { id } } }";
    let input = json!({ "project": world.plant.project, "model": { "name": "other" } });
    let bare = world.plant.ok(uploaded, json!({ "input": input })).await["logVersion"]["version"]["id"].take();
    assert_eq!(world.code(world.with(&json!({ "version": bare }))).await, "NOT_APPLICABLE");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_see_nothing_guests_may_not_and_a_token_that_reads_will_do() {
    let world = World::new().await;
    let app = &world.plant.app;
    let [eve, gus, rita] = [app.user("eve", false).await, app.user("gus", false).await, app.user("rita", false).await];
    for (user, role) in [(&gus, "GUEST"), (&rita, "REPORTER")] {
        let query = "mutation ($input: SetMemberInput!) { setMember(input: $input) { userErrors { code } } }";
        let input = json!({ "subject": world.plant.project, "login": user.login, "role": role });
        world.plant.ok(query, json!({ "input": input })).await;
    }
    let code =
        async |user: &TestUser| world.score_as(user, world.rows()).await["errors"][0]["extensions"]["code"].clone();
    assert_eq!(code(&eve).await, "NOT_FOUND");
    assert_eq!(code(&gus).await, "FORBIDDEN");
    assert_eq!(code(&rita).await, Value::Null);
    let query = "mutation { createApiToken(input: { name: \"edge\", scopes: [READ] }) { token } }";
    let secret = app.ok(Some(&rita.token), query, json!({})).await["createApiToken"]["token"].take();
    let reader = TestUser { token: secret.as_str().unwrap().to_owned(), ..rita.clone() };
    assert_eq!(code(&reader).await, Value::Null);
    let answer = app.gql_with(None, SCORE, json!({ "input": world.rows() })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");

    let hide = "mutation ($id: ID!) { updateVersion(input: { id: $id, visibility: PRIVATE }) { userErrors { code } } }";
    world.plant.ok(hide, json!({ "id": world.version })).await;
    assert_eq!(code(&rita).await, "NOT_FOUND");
    assert_eq!(code(&world.plant.ada).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_question_loads_that_file_and_does_nothing_else() {
    let world = World::new().await;
    world.score(world.rows()).await;
    let artifact = world.scorer.last()["artifact"].clone();
    let (url, token) = (artifact["url"].as_str().unwrap(), artifact["token"].as_str());
    let app = &world.plant.app;
    let got = app.send(TestApp::request(Method::GET, url, token, "")).await;
    assert_eq!(got.status(), StatusCode::OK);
    assert_eq!(got.into_body().into_vec().await.unwrap(), b"learned");

    let strict = world.set_threshold(9.0).await;
    let other = format!("/models/{}/artifact", strict.as_str().unwrap());
    assert_eq!(app.send(TestApp::request(Method::GET, &other, token, "")).await.status(), StatusCode::NOT_FOUND);
    let data = format!("/datasets/{}/data", world.plant.dataset.as_str().unwrap());
    assert_eq!(app.send(TestApp::request(Method::GET, &data, token, "")).await.status(), StatusCode::NOT_FOUND);
    let seen = app.gql(token, "{ versions { nodes { id } } projects { nodes { id } } jobs { nodes { id } } }").await;
    for list in ["versions", "projects", "jobs"] {
        assert_eq!(seen["data"][list]["nodes"], json!([]), "{seen}");
    }
    app.clock.advance(Duration::from_secs(121));
    assert_eq!(app.send(TestApp::request(Method::GET, url, token, "")).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_runner_is_asked_when_one_fails() {
    // Asked first again at once, and given up soon.
    let (answer, at_once) = (Duration::from_secs(2), Duration::ZERO);
    let scoring = ScoringPatience { answer, leave_out: at_once, known_for: at_once, ..ScoringPatience::default() };
    let (world, [first, other]) = World::with_two(scoring).await;
    for mood in [
        Mood::Overloaded,
        Mood::Silent,
        Mood::Says(500, json!({})),
        Mood::Says(200, json!({ "scores": [1.0], "threshold": 0.5 })),
        Mood::Says(200, json!({ "scores": "many" })),
        Mood::Redirects(format!("{}/score", world.scorer.url)),
    ] {
        first.be(mood.clone());
        let before = (first.count(), other.count());
        let answer = world.score(world.rows()).await;
        assert_eq!(answer["result"]["scores"][1]["score"], 92.5, "{mood:?}");
        assert_eq!((first.count(), other.count()), (before.0 + 1, before.1 + 1), "{mood:?}");
    }
    assert_eq!(world.scorer.count(), 0, "nobody is sent on");
    let fault = json!({ "code": "DATA", "message": "column `a` has extreme values" });
    first.be(Mood::Says(422, fault));
    let before = other.count();
    let answer = world.score(world.rows()).await;
    assert_eq!(answer["userErrors"][0]["message"], "column `a` has extreme values");
    assert_eq!(other.count(), before, "it would say the same");
    first.be(Mood::Overloaded);
    other.be(Mood::Overloaded);
    assert_eq!(world.code(world.rows()).await, "OVERLOADED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_failed_is_asked_last_for_a_while() {
    let leave_out = Duration::from_secs(3600);
    let (world, [first, other]) = World::with_two(ScoringPatience { leave_out, ..ScoringPatience::default() }).await;
    first.be(Mood::Says(500, json!({})));
    world.score(world.rows()).await;
    first.be(Mood::Good);
    let before = first.count();
    world.score(world.rows()).await;
    assert_eq!(first.count(), before);
    other.be(Mood::Overloaded);
    world.score(world.rows()).await;
    assert_eq!(first.count(), before + 1, "better than none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_starts_again_is_found_and_without_one_nothing_is_scored() {
    // As old as it likes: what is known is looked up anew when it turns out wrong.
    let known_for = Duration::from_secs(3600);
    let scoring = ScoringPatience { known_for, ..ScoringPatience::default() };
    let world = World::with_options(ApiOptions { scoring, ..ApiOptions::default() }).await;
    world.score(world.rows()).await;
    let World { plant, scorer, version } = world;
    scorer.stop().await;
    let world = World { plant, scorer: Scorer::start().await, version };
    assert_eq!(world.code(world.rows()).await, "NO_SCORING_RUNNER");
    world.scorer.register(&world.plant.app, &world.plant.ada.token, "scorer").await;
    assert_eq!(world.code(world.rows()).await, Value::Null);

    // The same name without an offer takes it back.
    let query = "mutation { registerRunner(input: { name: \"scorer\", detectors: [] }) { runner { offersScoring } } }";
    let made = world.plant.ok(query, json!({})).await;
    assert_eq!(made["registerRunner"]["runner"]["offersScoring"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_runners_state_addresses_and_only_plain_ones() {
    let world = World::new().await;
    let app = &world.plant.app;
    let eve = app.user("eve", false).await;
    let refused = world.scorer.register(app, &eve.token, "mine").await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
    let query = "mutation ($scoring: ScoringOfferInput) { registerRunner(input: { name: \"x\", detectors: [],
        scoring: $scoring }) { userErrors { code path } } }";
    let secret = "s".repeat(32);
    for (url, secret, path) in [
        ("file:///etc/passwd", secret.as_str(), "url"),
        ("http://user:word@host/", &secret, "url"),
        ("http://host/?q", &secret, "url"),
        ("http://host/", "short", "secret"),
    ] {
        let scoring = json!({ "url": url, "secret": secret });
        let answer = app.gql_with(Some(&world.plant.ada.token), query, json!({ "scoring": scoring })).await;
        let error = &answer["data"]["registerRunner"]["userErrors"][0];
        assert_eq!(error["path"], json!(["scoring", path]), "{answer}");
    }
    // Who is no administrator any more is not asked.
    let raw = app.db.connect().await;
    let text = "UPDATE users SET is_admin = FALSE WHERE login = 'ada'";
    sea_orm::ConnectionTrait::execute_unprepared(&raw, text).await.unwrap();
    let owner = world.score_as(&world.plant.ada, world.rows()).await;
    assert_eq!(owner["errors"][0]["extensions"]["code"], "NO_SCORING_RUNNER", "{owner}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scoring_is_counted() {
    let metrics = Metrics::new().unwrap();
    let world = World::with_options(ApiOptions { metrics: Some(metrics.clone()), ..ApiOptions::default() }).await;
    world.score(world.rows()).await;
    world.scorer.be(Mood::Overloaded);
    world.code(world.rows()).await;
    let text = crate::metrics::read(&world.plant.app, &metrics).await;
    for line in [
        "nunatak_scoring_requests_total{outcome=\"ok\"} 1",
        "nunatak_scoring_requests_total{outcome=\"overloaded\"} 1",
        "nunatak_scoring_rows_total 2",
        "nunatak_scoring_duration_seconds_count 2",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
