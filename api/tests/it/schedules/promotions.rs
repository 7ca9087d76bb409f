//! The alias moves only to what is better, measured on the same rows.

use serde_json::{Value, json};

use super::world::World;

const PROMOTE: &str = "mutation ($input: PromoteIfBetterInput!) { promoteIfBetter(input: $input) {
    promotion { id state reason evaluated candidateValue incumbentValue } userErrors { code path }
} }";

fn rule(change: Value) -> Value {
    let mut promote = json!({ "metric": "roc_auc" });
    promote.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    json!({ "trigger": { "cron": { "expression": "0 * * * *" } }, "promote": promote })
}

async fn champion(world: &World) -> Value {
    let query = "query ($m: ID!) { node(id: $m) { ... on Model { version(alias: \"champion\") { id } } } }";
    let found = world.plant.ok(query, json!({ "m": world.model().await })).await;
    found["node"]["version"]["id"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_is_promoted_and_then_who_is_better() {
    let world = World::new().await;
    let made = world.create(rule(json!({ "minImprovement": 0.02 }))).await;
    let mut best = Value::Null;
    for (roc_auc, state, reason) in [
        (0.8, "PROMOTED", "there was no `champion`"),
        (0.9, "PROMOTED", "better: `roc_auc` is 0.9, that of the version in place 0.8"),
        (0.9, "KEPT", "no better"),
        (0.91, "KEPT", "better by too little"),
        (0.92, "PROMOTED", "better"),
        (0.5, "KEPT", "worse"),
    ] {
        world.pass(3600).await;
        let version = world.train(roc_auc).await;
        let runs = world.runs(&made).await;
        let promotion = &runs[0]["promotion"];
        assert_eq!((&runs[0]["state"], &promotion["state"]), (&json!("SUCCEEDED"), &json!(state)), "{promotion}");
        assert!(promotion["reason"].as_str().unwrap().starts_with(reason), "{promotion}");
        assert_eq!((&promotion["evaluated"], &promotion["candidate"]["id"]), (&json!(false), &version));
        best = if state == "PROMOTED" { version } else { best };
        assert_eq!(champion(&world).await, best);
    }
    let history = "query ($m: ID!) { node(id: $m) { ... on Model { aliasHistory(first: 1) { nodes {
        reason movedBy { login } to { id promotions { nodes { reason } } } promotion { state candidateValue incumbentValue }
    } } } } }";
    let mut found = world.plant.ok(history, json!({ "m": world.model().await })).await;
    let moved = found["node"]["aliasHistory"]["nodes"][0].take();
    assert_eq!(moved["promotion"], json!({ "state": "PROMOTED", "candidateValue": 0.92, "incumbentValue": 0.9 }));
    assert_eq!((&moved["to"]["id"], &moved["movedBy"]["login"]), (&best, &json!("ada")));
    assert_eq!(moved["to"]["promotions"]["nodes"][0]["reason"], moved["reason"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_of_other_rows_are_both_evaluated() {
    let world = World::new().await;
    let old = world.trained(0.99).await;
    world.move_alias(&old, "champion").await;
    let made = world.create(rule(json!({}))).await;
    let rows = world.add_rows("3,4,0\n").await;
    world.pass(3600).await;
    let new = world.train(0.7).await;
    let runs = world.runs(&made).await;
    assert_eq!(
        (&runs[0]["state"], world.queued().await),
        (&json!("COMPARING"), 2),
        "what they reported is of other rows"
    );
    let values = |version: &Value| if *version == new { 0.85 } else { 0.8 };
    let first = world.evaluate(values).await;
    assert_eq!(
        (world.runs(&made).await[0]["state"].clone(), champion(&world).await),
        (json!("COMPARING"), old.clone())
    );
    assert_ne!(world.evaluate(values).await, first);
    let runs = world.runs(&made).await;
    let promotion = &runs[0]["promotion"];
    assert_eq!((&promotion["state"], &promotion["datasetVersion"]["id"]), (&json!("PROMOTED"), &rows));
    assert_eq!((&promotion["candidateValue"], &promotion["incumbentValue"]), (&json!(0.85), &json!(0.8)));
    assert_eq!((&promotion["incumbent"]["id"], champion(&world).await), (&old, new));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_is_made_once() {
    let world = World::new().await;
    let aside = world.plant.dataset("Aside", "a,b,label\n1,1,0\n7,7,1\n").await;
    let (first, second) = (world.trained(0.8).await, world.trained(0.9).await);
    let third = world.trained(0.9).await;
    world.move_alias(&first, "champion").await;
    let ask = async |version: &Value| {
        let input = json!({ "version": version, "metric": "roc_auc", "evaluateOn": { "version": aside } });
        world.plant.ok(PROMOTE, json!({ "input": input })).await["promoteIfBetter"]["promotion"].take()
    };
    assert_eq!((ask(&second).await["state"].clone(), world.queued().await), (json!("COMPARING"), 2));
    for _ in 0..2 {
        world.evaluate(|version| if *version == second { 0.9 } else { 0.8 }).await;
    }
    assert_eq!(champion(&world).await, second);
    // Only the third is not known on these rows.
    assert_eq!((ask(&third).await["state"].clone(), world.queued().await), (json!("COMPARING"), 1));
    assert_eq!(world.evaluate(|_| 0.7).await, third);
    let again = ask(&third).await;
    assert_eq!(
        (&again["state"], &again["evaluated"], &again["candidateValue"]),
        (&json!("KEPT"), &json!(true), &json!(0.7))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_that_moved_meanwhile_is_compared_anew() {
    let world = World::new().await;
    let (old, other) = (world.trained(0.9).await, world.trained(0.9).await);
    world.move_alias(&old, "champion").await;
    let made = world.create(rule(json!({ "evaluateOn": { "version": world.plant.dataset } }))).await;
    world.pass(3600).await;
    let new = world.train(0.9).await;
    let values = |version: &Value| match version {
        version if *version == new => 0.85,
        version if *version == old => 0.8,
        _ => 0.95,
    };
    world.evaluate(values).await;
    // Before the second evaluation is over, somebody finds a better one.
    world.move_alias(&other, "champion").await;
    world.evaluate(values).await;
    assert_eq!((world.runs(&made).await[0]["state"].clone(), world.queued().await), (json!("COMPARING"), 1));
    assert_eq!(world.evaluate(values).await, other);
    let runs = world.runs(&made).await;
    let promotion = &runs[0]["promotion"];
    assert_eq!((&promotion["state"], &promotion["rounds"]), (&json!("KEPT"), &json!(1)), "{promotion}");
    assert_eq!((&promotion["incumbent"]["id"], &promotion["incumbentValue"]), (&other, &json!(0.95)));
    assert_eq!(champion(&world).await, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_not_promoted() {
    let world = World::new().await;
    let old = world.trained(0.5).await;
    world.move_alias(&old, "champion").await;
    let new = world.trained(0.9).await;
    let bare = world.plant.dataset("Bare", "a,b\n1,1\n7,7\n").await;
    let ask = async |input: Value| {
        let mut input = input;
        input["version"] = new.clone();
        world.plant.ok(PROMOTE, json!({ "input": input })).await["promoteIfBetter"]["promotion"].take()
    };
    let kept = ask(json!({ "metric": "roc_auc", "evaluateOn": { "version": bare } })).await;
    assert_eq!(kept["state"], "KEPT");
    assert!(kept["reason"].as_str().unwrap().contains("no label column"), "{kept}");
    assert_eq!(world.queued().await, 0);

    // An unknown metric is looked for in evaluations, and not found there.
    assert_eq!(ask(json!({ "metric": "f_beta" })).await["state"], "COMPARING");
    for _ in 0..2 {
        world.evaluate(|_| 0.9).await;
    }
    let kept = ask(json!({ "metric": "f_beta" })).await;
    assert!(kept["reason"].as_str().unwrap().contains("no metric `f_beta`"), "{kept}");
    assert_eq!(champion(&world).await, old);
    let same = world.plant.ok(PROMOTE, json!({ "input": { "version": old, "metric": "roc_auc" } })).await;
    assert_eq!(same["promoteIfBetter"]["promotion"]["reason"], "`champion` names this version already");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_that_fails_promotes_nothing() {
    let world = World::new().await;
    let old = world.trained(0.5).await;
    world.move_alias(&old, "champion").await;
    let made = world.create(rule(json!({ "evaluateOn": { "newest": world.dataset } }))).await;
    world.pass(3600).await;
    world.train(0.9).await;
    let fail = "mutation ($job: ID!) { failJob(input: {job: $job, attempt: 1, code: \"NUMERIC\", message: \"singular\",
        retryable: false}) { userErrors { code } } }";
    for _ in 0..2 {
        let claim = world.plant.claim().await;
        world.plant.app.ok(claim["token"].as_str(), fail, json!({ "job": claim["job"]["id"] })).await;
    }
    world.step().await;
    let runs = world.runs(&made).await;
    let promotion = &runs[0]["promotion"];
    assert_eq!((&runs[0]["state"], &promotion["state"]), (&json!("SUCCEEDED"), &json!("KEPT")));
    assert!(promotion["reason"].as_str().unwrap().ends_with("failed: NUMERIC, singular"), "{promotion}");
    assert_eq!(champion(&world).await, old);
}

/// The right to promote is asked when the alias would move, not only when the training was queued.
#[tokio::test(flavor = "multi_thread")]
async fn who_lost_the_right_meanwhile_promotes_nothing() {
    let world = World::new().await;
    let bob = world.plant.app.user("bob", false).await;
    world.set_role("bob", "MAINTAINER").await;
    let input = world.input(rule(json!({})));
    let made = world.plant.app.ok(Some(&bob.token), super::world::CREATE, json!({ "input": input })).await;
    let made = made["createSchedule"]["schedule"].clone();
    world.pass(3600).await;
    world.set_role("bob", "DEVELOPER").await;
    world.train(0.9).await;
    let runs = world.runs(&made).await;
    assert_eq!((&runs[0]["state"], &runs[0]["promotion"]["state"]), (&json!("SUCCEEDED"), &json!("KEPT")));
    assert!(runs[0]["promotion"]["reason"].as_str().unwrap().contains("may not version:promote"));
    assert_eq!(
        (champion(&world).await, world.schedule(&made).await["state"].clone()),
        (Value::Null, json!("SUSPENDED"))
    );
}

/// What to compare on is gone by then: the version is there, the alias stays, and the schedule goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_that_cannot_begin_fails_the_run() {
    let world = World::new().await;
    world.plant.dataset("Aside", "a,b,label\n1,1,0\n7,7,1\n").await;
    let query = "{ datasets { nodes { id name } } }";
    let found = world.plant.ok(query, json!({})).await;
    let aside = found["datasets"]["nodes"].as_array().unwrap().iter().find(|set| set["name"] == "Aside").unwrap();
    let made = world.create(rule(json!({ "evaluateOn": { "newest": aside["id"] } }))).await;
    let delete = "mutation ($id: ID!) { deleteDataset(input: {id: $id}) { userErrors { code } } }";
    world.plant.ok(delete, json!({ "id": aside["id"] })).await;
    world.pass(3600).await;
    let version = world.train(0.9).await;
    let runs = world.runs(&made).await;
    assert_eq!((&runs[0]["state"], &runs[0]["error"]["code"]), (&json!("FAILED"), &json!("NOT_FOUND")));
    assert_eq!((&runs[0]["job"]["version"]["id"], champion(&world).await), (&version, Value::Null));
    world.pass(3600).await;
    assert_eq!(world.runs(&made).await[0]["state"], "RUNNING");
}
