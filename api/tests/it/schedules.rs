//! Schedules: the clock, new data, a metric; overlaps, rights, servers.

mod promotions;
mod world;

use std::time::Duration;

use nunatak_store::schedules::Watched;
use nunatak_test_support::TestApp;
use serde_json::{Value, json};

use self::world::{CREATE, World, at, errors};

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_fires_and_what_was_missed_comes_once() {
    let world = World::new().await;
    let made = world.create(json!({ "trigger": { "cron": { "expression": "0 * * * *" } } })).await;
    assert_eq!((&made["state"], &made["nextRunAt"]), (&json!("ACTIVE"), &json!("2026-01-01T01:00:00+00:00")));
    world.step().await;
    assert_eq!(world.runs(&made).await, Vec::<Value>::new());

    world.pass(3600).await;
    let runs = world.runs(&made).await;
    assert_eq!((&runs[0]["state"], &runs[0]["cause"]["scheduledAt"]), (&json!("RUNNING"), &at("01:00")));
    assert_eq!(runs[0]["job"]["schedule"]["id"], made["id"]);
    world.train(0.9).await;
    // Three moments pass without a server.
    world.pass(3 * 3600 + 1800).await;
    let runs = world.runs(&made).await;
    assert_eq!(runs.iter().map(|run| &run["state"]).collect::<Vec<_>>(), ["RUNNING", "SUCCEEDED"]);
    assert_eq!(runs[0]["cause"]["scheduledAt"], at("02:00"), "the first that was missed");
    assert_eq!(world.schedule(&made).await["nextRunAt"], at("05:00"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_at_a_time() {
    let world = World::new().await;
    let made = world.create(json!({ "trigger": { "cron": { "expression": "0 * * * *" } } })).await;
    for _ in 0..3 {
        world.pass(3600).await;
    }
    let runs = world.runs(&made).await;
    assert_eq!((runs.len(), &runs[0]["state"], &runs[0]["times"]), (2, &json!("SKIPPED"), &json!(2)));
    assert_eq!((&runs[0]["error"]["code"], &runs[0]["cause"]["scheduledAt"]), (&json!("OVERLAP"), &at("03:00")));
    world.train(0.9).await;
    world.pass(3600).await;
    let states: Vec<Value> = world.runs(&made).await.iter().map(|run| run["state"].clone()).collect();
    assert_eq!(states, ["RUNNING", "SKIPPED", "SUCCEEDED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_new_version_of_a_dataset_fires_and_none_is_lost() {
    let world = World::new().await;
    let made = world.create(json!({ "trigger": { "datasetVersion": { "dataset": world.dataset } } })).await;
    world.step().await;
    assert!(world.runs(&made).await.is_empty(), "what was there before does not fire");
    let second = world.add_rows("3,4,0\n").await;
    world.step().await;
    let claim = world.plant.claim().await;
    assert_eq!(claim["dataset"]["version"], second);
    // Two more while the run is at work: the newest of them is next.
    world.add_rows("4,5,0\n").await;
    let fourth = world.add_rows("5,6,0\n").await;
    world.step().await;
    assert_eq!(world.runs(&made).await.len(), 1);
    world.complete_training(&claim, 0.9).await;
    world.step().await;
    let runs = world.runs(&made).await;
    assert_eq!((runs.len(), &runs[0]["cause"]["datasetVersion"]["id"]), (2, &fourth));
    assert_eq!(world.plant.claim().await["dataset"]["version"], fourth);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metric_fires_when_it_first_is_worse() {
    let world = World::new().await;
    let version = world.trained(0.95).await;
    world.move_alias(&version, "champion").await;
    let trigger = json!({ "metric": { "model": world.model().await, "alias": "champion", "key": "recall",
        "threshold": 0.8, "window": { "points": 3 }, "aggregate": "MEAN", "pauseSeconds": 600 } });
    let made = world.create(json!({ "trigger": trigger })).await;
    world.log(&version, "recall", &[(1, 0.875), (2, 0.125)]).await;
    assert!(world.runs(&made).await.is_empty(), "two values are no window of three");
    world.log(&version, "recall", &[(3, 0.5)]).await;
    let runs = world.runs(&made).await;
    assert_eq!(runs[0]["cause"]["__typename"], "MetricFiring");
    let cause = &runs[0]["cause"];
    assert_eq!((&cause["value"], &cause["points"], &cause["version"]["id"]), (&json!(0.5), &json!(3), &version));
    world.train(0.9).await;

    // Still worse: once is enough, however long it lasts.
    world.pass(700).await;
    world.log(&version, "recall", &[(4, 0.5)]).await;
    assert_eq!(world.runs(&made).await.len(), 1);
    // Good again, then worse again.
    world.log(&version, "recall", &[(5, 0.9), (6, 0.9), (7, 0.9)]).await;
    world.log(&version, "recall", &[(8, 0.1)]).await;
    assert_eq!(world.runs(&made).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_champion_is_looked_at_anew_and_after_the_pause() {
    let world = World::new().await;
    world.declare("loss", "MINIMIZE").await;
    let first = world.trained(0.9).await;
    world.move_alias(&first, "champion").await;
    let trigger = json!({ "metric": { "model": world.model().await, "alias": "champion", "key": "loss",
        "threshold": 1.0, "window": { "seconds": 3600 }, "pauseSeconds": 600 } });
    let made = world.create(json!({ "trigger": trigger })).await;
    world.log(&first, "loss", &[(1, 2.0)]).await;
    assert_eq!(world.runs(&made).await[0]["cause"]["direction"], "MINIMIZE");
    let second = world.train(0.9).await;
    world.move_alias(&second, "champion").await;
    world.log(&second, "loss", &[(1, 3.0)]).await;
    assert_eq!(world.runs(&made).await.len(), 1, "the pause is not over");
    world.pass(600).await;
    let runs = world.runs(&made).await;
    assert_eq!((runs.len(), &runs[0]["cause"]["version"]["id"]), (2, &second));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_champion_scores_what_comes_in() {
    let world = World::new().await;
    let version = world.trained(0.9).await;
    world.move_alias(&version, "champion").await;
    let task = json!({ "predict": { "model": world.model().await, "dataset": { "newest": world.dataset } } });
    let trigger = json!({ "datasetVersion": { "dataset": world.dataset } });
    let made = world.create(json!({ "task": task, "trigger": trigger })).await;
    let added = world.add_rows("3,4,0\n").await;
    world.step().await;
    let claim = world.plant.claim().await;
    assert_eq!((&claim["dataset"]["version"], &claim["artifact"]["version"]), (&added, &version));
    assert_eq!(world.runs(&made).await[0]["state"], "RUNNING");

    let promote = json!({ "task": task, "trigger": trigger, "promote": { "metric": "roc_auc" } });
    assert_eq!(world.refused(promote).await, json!(["INVALID_INPUT", ["promote"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_may_what_its_owner_may() {
    let world = World::new().await;
    let bob = world.plant.app.user("bob", false).await;
    world.set_role("bob", "MAINTAINER").await;
    let cron = json!({ "cron": { "expression": "0 * * * *" } });
    let input = world.input(json!({ "trigger": cron, "promote": { "metric": "roc_auc" } }));
    let made = world.plant.app.ok(Some(&bob.token), CREATE, json!({ "input": input })).await;
    let made = made["createSchedule"]["schedule"].clone();
    world.set_role("bob", "DEVELOPER").await;
    world.pass(3600).await;
    let seen = world.schedule(&made).await;
    assert_eq!((&seen["state"], &seen["nextRunAt"]), (&json!("SUSPENDED"), &Value::Null));
    let why = seen["suspendedBecause"].as_str().unwrap();
    assert!(why.contains("`bob`") && why.contains("version:promote"), "{why}");
    assert!(world.runs(&made).await.is_empty());

    let resume = "mutation ($id: ID!) { resumeSchedule(input: {schedule: $id}) { schedule { state owner { login }
        nextRunAt } userErrors { code } } }";
    let refused = world.plant.app.gql_with(Some(&bob.token), resume, json!({ "id": made["id"] })).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let resumed = world.plant.ok(resume, json!({ "id": made["id"] })).await["resumeSchedule"]["schedule"].take();
    assert_eq!(resumed, json!({ "state": "ACTIVE", "owner": { "login": "ada" }, "nextRunAt": at("02:00") }));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_what() {
    let world = World::new().await;
    let made = world.create(json!({ "trigger": { "cron": { "expression": "@daily" } } })).await;
    let see = "query ($id: ID!) { schedule(id: $id) { name } node(id: $id) { id } schedules { nodes { id } } }";
    let seen = json!({ "schedule": { "name": "weekly" }, "node": { "id": made["id"] }, "schedules": { "nodes": [{ "id": made["id"] }] } });
    let nothing = json!({ "schedule": null, "node": null, "schedules": { "nodes": [] } });
    let cron = json!({ "cron": { "expression": "@daily" } });
    for (login, role, sees, creates, promotes) in [
        ("guest", Some("GUEST"), &nothing, "FORBIDDEN", "FORBIDDEN"),
        ("reporter", Some("REPORTER"), &seen, "FORBIDDEN", "FORBIDDEN"),
        ("developer", Some("DEVELOPER"), &seen, "", "FORBIDDEN"),
        ("eve", None, &nothing, "NOT_FOUND", "NOT_FOUND"),
    ] {
        let user = world.plant.app.user(login, false).await;
        if let Some(role) = role {
            world.set_role(login, role).await;
        }
        let got = world.plant.app.ok(Some(&user.token), see, json!({ "id": made["id"] })).await;
        assert_eq!(&got, sees, "{login}");
        for (promote, expected) in [(Value::Null, creates), (json!({ "metric": "roc_auc" }), promotes)] {
            let input = world.input(json!({ "name": "theirs", "trigger": cron, "promote": promote }));
            let answer = world.plant.app.gql_with(Some(&user.token), CREATE, json!({ "input": input })).await;
            let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
            assert_eq!(code, expected, "{login}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_at_once() {
    let world = World::new().await;
    let cron =
        |expression: &str, zone: &str| json!({ "trigger": { "cron": { "expression": expression, "timeZone": zone } } });
    for (change, code, path) in [
        (cron("0 0 3 * * *", "UTC"), "INVALID_CRON", json!(["trigger", "cron", "expression"])),
        (cron("0 25 * * *", "UTC"), "INVALID_CRON", json!(["trigger", "cron", "expression"])),
        (cron("0 3 * * *", "Berlin"), "UNKNOWN_TIME_ZONE", json!(["trigger", "cron", "timeZone"])),
        (cron("0 0 30 2 *", "UTC"), "NEVER", json!(["trigger", "cron", "expression"])),
        (
            json!({ "trigger": { "datasetVersion": { "dataset": "ds_00000000000000000000000000" } } }),
            "NOT_FOUND",
            json!(["trigger", "datasetVersion", "dataset"]),
        ),
        (
            json!({ "task": { "train": { "model": "pump", "detector": "lof", "dataset": { "newest": world.dataset },
                "hyperparameters": { "n_neighbors": 0 } } } }),
            "OUT_OF_RANGE",
            json!(["task", "train", "hyperparameters", "n_neighbors"]),
        ),
        (
            json!({ "promote": { "metric": "roc_auc", "minImprovement": -0.1 } }),
            "OUT_OF_RANGE",
            json!(["promote", "minImprovement"]),
        ),
    ] {
        assert_eq!(world.refused(change.clone()).await, json!([code, path]), "{change}");
    }
    world.create(json!({})).await;
    assert_eq!(world.refused(json!({})).await, json!(["TAKEN", ["name"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_pause_change_run_and_delete() {
    let world = World::new().await;
    let made = world.create(json!({ "trigger": { "cron": { "expression": "0 * * * *" } } })).await;
    let call = async |mutation: &str, input: Value, of: &str| {
        let kind = format!("{}{}Input!", mutation[..1].to_uppercase(), &mutation[1..]);
        let query =
            format!("mutation ($input: {kind}) {{ {mutation}(input: $input) {{ {of} userErrors {{ code }} }} }}");
        let answer = world.plant.app.gql_with(Some(&world.plant.ada.token), &query, json!({ "input": input })).await;
        answer["data"][mutation].clone()
    };
    let id = json!({ "schedule": made["id"] });
    assert_eq!(call("pauseSchedule", id.clone(), "schedule { state }").await["schedule"]["state"], "PAUSED");
    world.pass(7200).await;
    assert!(world.runs(&made).await.is_empty());
    let run =
        call("runScheduleNow", id.clone(), "run { state cause { ... on ManualFiring { user { login } } } }").await;
    assert_eq!(run["run"], json!({ "state": "RUNNING", "cause": { "user": { "login": "ada" } } }));
    assert_eq!(errors(&call("runScheduleNow", id.clone(), "run { id }").await), ["RUNNING"]);
    let resumed = call("resumeSchedule", id.clone(), "schedule { nextRunAt }").await;
    assert_eq!(resumed["schedule"]["nextRunAt"], at("03:00"), "what was missed is not made up for");
    let change = json!({ "schedule": made["id"], "name": "nightly", "promote": { "metric": "roc_auc" },
        "trigger": { "cron": { "expression": "30 4 * * *" } } });
    let of = "schedule { name nextRunAt promotionRule { alias minImprovement } }";
    let changed = call("updateSchedule", change, of).await;
    assert_eq!(
        changed["schedule"],
        json!({ "name": "nightly", "nextRunAt": at("04:30"),
        "promotionRule": { "alias": "champion", "minImprovement": 0.0 } })
    );
    let bare = call("updateSchedule", json!({ "schedule": made["id"], "promote": null }), of).await;
    assert_eq!(bare["schedule"]["promotionRule"], Value::Null);
    call("deleteSchedule", id, "deletedId").await;
    world.pass(36_000).await;
    assert_eq!(world.schedule(&made).await, Value::Null);
    assert_eq!(world.queued().await, 1, "what it had fired goes on, and nothing more comes");
}

#[tokio::test(flavor = "multi_thread")]
async fn sent_twice_it_is_made_and_run_once() {
    let world = World::new().await;
    let input = world.input(json!({ "idempotencyKey": "one" }));
    let first = world.plant.ok(CREATE, json!({ "input": input })).await;
    assert_eq!(world.plant.ok(CREATE, json!({ "input": input })).await, first);
    let run = "mutation ($id: ID!) { runScheduleNow(input: {schedule: $id, idempotencyKey: \"two\"}) {
        run { id state } userErrors { code } } }";
    let id = json!({ "id": first["createSchedule"]["schedule"]["id"] });
    let ran = world.plant.ok(run, id.clone()).await;
    assert_eq!(world.plant.ok(run, id).await, ran);
    assert_eq!(world.queued().await, 1);
}

/// A job that is refused when it is queued is a failed run; the schedule goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_says_why() {
    let world = World::new().await;
    let made = world.create(json!({ "trigger": { "cron": { "expression": "0 * * * *" } } })).await;
    let delete = "mutation ($id: ID!) { deleteDataset(input: {id: $id}) { userErrors { code } } }";
    world.plant.ok(delete, json!({ "id": world.dataset })).await;
    world.pass(3600).await;
    let runs = world.runs(&made).await;
    assert_eq!((&runs[0]["state"], &runs[0]["error"]["code"]), (&json!("FAILED"), &json!("NOT_FOUND")));
    assert_eq!(world.schedule(&made).await["state"], "ACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_at_once_one_fires() {
    let world = World::new().await;
    let other = match world.plant.app.db.is_postgres() {
        true => Some(world.plant.app.replica().await),
        false => None,
    };
    let one = &world.plant.app.state.store;
    let two = other.as_ref().map_or(one, |app: &TestApp| &app.state.store);
    let cron = world.create(json!({ "trigger": { "cron": { "expression": "0 * * * *" } } })).await;
    let data =
        world.create(json!({ "name": "data", "trigger": { "datasetVersion": { "dataset": world.dataset } } })).await;
    world.add_rows("3,4,0\n").await;
    for hour in 1..4 {
        world.plant.app.clock.advance(Duration::from_secs(3600));
        let (first, second, third) = tokio::join!(
            one.step_schedules(&Watched::All),
            two.step_schedules(&Watched::All),
            two.step_schedules(&Watched::All)
        );
        first.and(second).and(third).unwrap();
        let runs = world.runs(&cron).await;
        assert_eq!((runs.len(), &runs[0]["state"]), (hour, &json!("RUNNING")));
        let all = if hour == 1 { 2 } else { 1 };
        assert_eq!(world.queued().await, all);
        for _ in 0..all {
            world.train(0.9).await;
        }
        world.step().await;
    }
    assert_eq!(world.runs(&data).await.len(), 1);
}

/// The examples of docs/schedules.md, as they stand but for the ids.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_documentation_shows_works() {
    const DOCS: &str = include_str!("../../../docs/schedules.md");
    let world = World::new().await;
    let version = world.trained(0.95).await;
    world.move_alias(&version, "champion").await;
    let model = world.model().await;
    let schedule = world.create(json!({ "name": "there before" })).await;
    let ids = [
        ("prj_…", &world.plant.project),
        ("ds_…", &world.dataset),
        ("dsv_…", &world.plant.dataset),
        ("mdl_…", &model),
        ("sch_…", &schedule["id"]),
        ("ver_…", &version),
    ];
    let (mut query, mut answered) = ("", 0);
    for block in DOCS.split("```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        if language == "graphql" {
            query = text;
            continue;
        }
        let text = ids.iter().fold(text.to_owned(), |text, (mark, id)| text.replace(mark, id.as_str().unwrap()));
        world.plant.ok(query, serde_json::from_str(&text).unwrap()).await;
        answered += 1;
    }
    assert_eq!(answered, 5);
}
