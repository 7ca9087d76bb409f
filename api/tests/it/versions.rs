use nunatak_test_support::{TestApp, TestUser};
use serde_json::{Value, json};

const LOG: &str = "mutation ($input: LogVersionInput!) {
    logVersion(input: $input) {
        version { id number model { id name } tags { name } } userErrors { code message path }
    }
}";
const FIND: &str = "query ($filter: VersionFilter, $order: [VersionOrder!], $first: Int, $after: String) {
    versions(filter: $filter, orderBy: $order, first: $first, after: $after) {
        nodes { number } totalCount { value capped } pageInfo { hasNextPage endCursor }
    }
}";
const MOVE: &str = "mutation ($version: ID!, $name: String!, $reason: String) {
    moveAlias(input: {version: $version, name: $name, reason: $reason}) {
        alias { name version { number } movedBy { login } } userErrors { code path }
    }
}";

pub(crate) async fn project(app: &TestApp, user: &TestUser) -> Value {
    let query = "mutation { createWorkspace(input: {name: \"Plant\"}) { workspace { id } userErrors { code } } }";
    let workspace = app.ok(Some(&user.token), query, json!({})).await["createWorkspace"]["workspace"]["id"].take();
    let query = "mutation ($w: ID!) {
        createProject(input: {workspace: $w, name: \"Pumps\"}) { project { id } userErrors { code } }
    }";
    app.ok(Some(&user.token), query, json!({ "w": workspace })).await["createProject"]["project"]["id"].take()
}

/// Logs a version of `pump-7` with `more` in its input.
pub(crate) async fn log(app: &TestApp, user: &TestUser, project: &Value, more: Value) -> Value {
    let mut input = json!({ "project": project, "model": { "name": "pump-7" } });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut answer = app.gql_with(Some(&user.token), LOG, json!({ "input": input })).await;
    assert!(answer.get("errors").is_none(), "{answer:#}");
    answer["data"]["logVersion"].take()
}

/// Declares that the smaller values of a metric are the good ones.
pub(crate) async fn minimize(app: &TestApp, user: &TestUser, project: &Value, key: &str) {
    let query = "mutation ($p: ID!, $key: String!) {
        declareMetric(input: {project: $p, key: $key, direction: MINIMIZE}) { userErrors { code } }
    }";
    app.ok(Some(&user.token), query, json!({ "p": project, "key": key })).await;
}

/// The numbers that a filter and an order find.
async fn find(app: &TestApp, user: &TestUser, filter: Value, order: Value) -> Vec<i64> {
    let found = app.ok(Some(&user.token), FIND, json!({ "filter": filter, "order": order })).await;
    found["versions"]["nodes"].as_array().unwrap().iter().map(|node| node["number"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_version_comes_back_as_it_was_logged() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let more = json!({
        "description": "first", "tags": ["baseline", "7"], "threshold": 0.5,
        "detector": { "name": "isolation_forest", "version": "1.0" },
        "dataset": { "external": { "name": "pumps-2026" } },
        "git": { "branch": "main", "commit": "abc123", "dirty": false,
                 "remotes": [{ "name": "origin", "url": "https://bot:secret@git.example/pumps.git" }] },
        "environment": { "python": "3.13" },
        "hyperparameters": [{ "key": "n_estimators", "value": 100 }, { "key": "kernel", "value": "rbf" },
                            { "key": "bootstrap", "value": true }, { "key": "features", "value": ["a", "b"] },
                            { "key": "max_depth", "value": null }],
        "parameters": [{ "key": "offset", "value": -0.25 }],
        "metrics": [{ "key": "loss", "value": 2.0 }, { "key": "loss", "special": "NAN", "step": 1 },
                    { "key": "loss", "value": 1.5, "step": 2 }, { "key": "gain", "special": "POS_INF" }],
        "figures": [{ "name": "roc", "title": "ROC", "spec": { "mark": "line" } }],
        "idempotencyKey": "once",
    });
    let logged = log(&app, &ada, &project, more.clone()).await;
    assert_eq!(log(&app, &ada, &project, more).await, logged, "sent again, it is carried out once");
    let query = "query ($id: ID!) { version(id: $id) {
        number description status visibility threshold environment createdBy { login }
        model { name latestVersion { number } } detector { name version } externalDataset { name }
        git { branch commitUrl remotes { url } } tags { name } artifact { url }
        hyperparameters { key value number string boolean } parameters(keys: [\"offset\"]) { key value }
        metrics { key last lastSpecial min max best bestSpecial step pointCount points { step value special } }
        figures { name title spec }
    } }";
    let version = app.ok(Some(&ada.token), query, json!({ "id": logged["version"]["id"] })).await["version"].take();
    insta::assert_json_snapshot!(version);
}

#[tokio::test]
async fn what_is_wrong_with_an_input_is_said_where_it_is() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    for (more, code, path) in [
        (json!({ "tags": ["a/b"] }), "INVALID_NAME", json!(["tags", "0"])),
        (json!({ "model": { "name": "" } }), "INVALID_NAME", json!(["model", "name"])),
        (
            json!({ "parameters": [{ "key": "a", "value": 1 }, { "key": "a", "value": 2 }] }),
            "DUPLICATE_KEY",
            json!(["parameters", "a"]),
        ),
        (
            json!({ "hyperparameters": [{ "key": "seed", "value": 9_007_199_254_740_993_i64 }] }),
            "OUT_OF_RANGE",
            json!(["hyperparameters", "0", "value"]),
        ),
        (json!({ "description": "x".repeat(70_000) }), "TOO_LONG", json!(["description"])),
        (json!({ "metrics": [{ "key": "a" }] }), "INVALID_INPUT", json!(["metrics", "0", "value"])),
        (json!({ "upload": "ver_x" }), "INVALID_ID", json!(["upload"])),
        (json!({ "upload": "upl_01h455vb4pex5vsknk084sn02q" }), "NOT_FOUND", json!(["upload"])),
        (json!({ "parent": "ver_01h455vb4pex5vsknk084sn02q" }), "NOT_FOUND", json!(["parent"])),
    ] {
        let answer = log(&app, &ada, &project, more.clone()).await;
        assert_eq!(answer["userErrors"][0]["code"], code, "{more} {answer:#}");
        assert_eq!(answer["userErrors"][0]["path"], path, "{more}");
    }
    assert_eq!(find(&app, &ada, json!({}), json!([])).await, Vec::<i64>::new());
}

#[tokio::test]
async fn versions_are_found_and_ordered_by_what_was_measured() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    for (auc, depth) in [(json!({ "value": 0.9 }), 2), (json!({ "special": "NAN" }), 4), (json!({ "value": 0.7 }), 8)] {
        let mut metric = json!({ "key": "auc" });
        metric.as_object_mut().unwrap().extend(auc.as_object().unwrap().clone());
        let more = json!({ "metrics": [metric], "hyperparameters": [{ "key": "depth", "value": depth }] });
        log(&app, &ada, &project, more).await;
    }
    log(&app, &ada, &project, json!({})).await;
    let auc = |test: Value| json!({ "metric": { "key": "auc", "value": test } });
    let by_auc = |direction: &str| json!([{ "metric": { "key": "auc", "direction": direction } }]);
    assert_eq!(find(&app, &ada, json!({}), by_auc("DESC")).await, [1, 3, 4, 2]);
    assert_eq!(find(&app, &ada, json!({}), by_auc("ASC")).await, [3, 1, 4, 2]);
    assert_eq!(find(&app, &ada, auc(json!({ "gt": 0.8 })), json!([])).await, [1]);
    assert_eq!(find(&app, &ada, json!({ "not": auc(json!({ "gt": 0.8 })) }), json!([])).await, [4, 3, 2]);
    assert_eq!(find(&app, &ada, auc(json!({ "finite": false })), json!([])).await, [2]);
    let deep = json!({ "hyperparameter": { "key": "depth", "value": { "number": { "gte": 4 } } } });
    let both = json!({ "and": [deep, auc(json!({ "exists": true }))], "name": { "contains": "PUMP" } });
    assert_eq!(find(&app, &ada, both, json!([])).await, [3, 2]);

    let ask = async |filter: Value, after: Value| {
        let variables = json!({ "filter": filter, "order": by_auc("DESC"), "first": 3, "after": after });
        app.gql_with(Some(&ada.token), FIND, variables).await
    };
    let page = ask(json!({}), Value::Null).await["data"]["versions"].take();
    assert_eq!(page["totalCount"], json!({ "value": 4, "capped": false }));
    let cursor = page["pageInfo"]["endCursor"].clone();
    let rest = ask(json!({}), cursor.clone()).await["data"]["versions"].take();
    assert_eq!((&rest["nodes"], &rest["pageInfo"]["hasNextPage"]), (&json!([{ "number": 2 }]), &json!(false)));
    let foreign = ask(auc(json!({ "exists": true })), cursor).await;
    assert_eq!(foreign["errors"][0]["extensions"]["code"], "INVALID_CURSOR");
    let leaves: Vec<_> = (0..25).map(|_| auc(json!({ "exists": true }))).collect();
    let wide = ask(json!({ "and": leaves }), Value::Null).await;
    assert_eq!(wide["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED");
}

#[tokio::test]
async fn an_alias_moves_and_leaves_history() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let first = log(&app, &ada, &project, json!({})).await["version"].take();
    let second = log(&app, &ada, &project, json!({})).await["version"].take();
    for (version, reason) in [(&first, None), (&second, Some("better recall"))] {
        let variables = json!({ "version": version["id"], "name": "champion", "reason": reason });
        let moved = app.ok(Some(&ada.token), MOVE, variables).await;
        assert_eq!(moved["moveAlias"]["alias"]["version"]["number"], version["number"]);
    }
    let delete = "mutation ($id: ID!) { deleteVersion(input: {id: $id}) { deletedId userErrors { code } } }";
    let refused = app.gql_with(Some(&ada.token), delete, json!({ "id": second["id"] })).await;
    assert_eq!(refused["data"]["deleteVersion"]["userErrors"][0]["code"], "ALIASED");
    app.ok(Some(&ada.token), delete, json!({ "id": first["id"] })).await;

    let remove = "mutation ($model: ID!) { removeAlias(input: {model: $model, name: \"champion\"}) {
        model { aliases { name } aliasHistory { nodes { name reason removed from { number } to { number } } } }
        userErrors { code }
    } }";
    let removed = app.ok(Some(&ada.token), remove, json!({ "model": second["model"]["id"] })).await;
    let step = |reason: Value, removed: bool, from: Value, to: Value| json!({ "name": "champion", "reason": reason, "removed": removed, "from": from, "to": to });
    let two = json!({ "number": 2 });
    assert_eq!(
        removed["removeAlias"]["model"],
        json!({ "aliases": [], "aliasHistory": { "nodes": [
            step(Value::Null, true, two.clone(), Value::Null),
            step(json!("better recall"), false, Value::Null, two),
            step(Value::Null, false, Value::Null, Value::Null),
        ] } })
    );
}

#[tokio::test]
async fn metrics_noted_later_count_and_a_direction_turns_best() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let more = json!({ "metrics": [{ "key": "loss", "value": 3.0 }, { "key": "loss", "value": 1.0, "step": 1 }] });
    let id = log(&app, &ada, &project, more).await["version"]["id"].take();
    let note = "mutation ($id: ID!, $metrics: [MetricPointInput!]!) {
        logMetrics(input: {version: $id, metrics: $metrics}) {
            version { metrics { key last min max best direction pointCount step } } userErrors { code path }
        }
    }";
    let metrics = async |points: Value| {
        let noted = app.ok(Some(&ada.token), note, json!({ "id": id, "metrics": points })).await;
        noted["logMetrics"]["version"]["metrics"].clone()
    };
    let loss = |last: f64, min: f64, max: f64, points: i64, step: i64| {
        json!([{ "key": "loss", "last": last, "min": min, "max": max, "best": max, "direction": "MAXIMIZE",
                 "pointCount": points, "step": step }])
    };
    assert_eq!(metrics(json!([{ "key": "loss", "value": 2.0, "step": 5 }])).await, loss(2.0, 1.0, 3.0, 3, 5));
    assert_eq!(metrics(json!([{ "key": "loss", "value": 2.5, "step": 0 }])).await, loss(2.0, 1.0, 2.5, 3, 5));
    assert_eq!(metrics(json!([{ "key": "loss", "value": 2.5, "step": 0 }])).await, loss(2.0, 1.0, 2.5, 3, 5));

    let declare = "mutation ($p: ID!) {
        declareMetric(input: {project: $p, key: \"loss\", direction: MINIMIZE}) { project { name } userErrors { code } }
    }";
    app.ok(Some(&ada.token), declare, json!({ "p": project })).await;
    let best = json!({ "metric": { "key": "loss", "aggregate": "BEST", "value": { "eq": 1 } } });
    assert_eq!(find(&app, &ada, best, json!([])).await, [1]);
    let again = metrics(json!([{ "key": "loss", "value": 0.5, "step": 9 }])).await;
    assert_eq!((&again[0]["best"], &again[0]["direction"]), (&json!(0.5), &json!("MINIMIZE")));
}

#[tokio::test]
async fn a_private_version_is_for_its_author_and_maintainers() {
    let (app, ada) = TestApp::with_user().await;
    let project = project(&app, &ada).await;
    let (dev, other) = (app.user("dev", false).await, app.user("other", false).await);
    let member = "mutation ($p: ID!, $login: String!) {
        setMember(input: {subject: $p, login: $login, role: DEVELOPER}) { userErrors { code } }
    }";
    for login in ["dev", "other"] {
        app.ok(Some(&ada.token), member, json!({ "p": project, "login": login })).await;
    }
    let id = log(&app, &dev, &project, json!({ "visibility": "PRIVATE" })).await["version"]["id"].take();
    let look = "query ($id: ID!) { version(id: $id) { number } }";
    for (user, sees) in [(&ada, true), (&dev, true), (&other, false)] {
        let seen = app.ok(Some(&user.token), look, json!({ "id": id })).await;
        assert_eq!(seen["version"].is_object(), sees, "{}", user.login);
        assert_eq!(find(&app, user, json!({}), json!([])).await.len(), usize::from(sees), "{}", user.login);
    }
    let tag = "mutation ($id: ID!) {
        attachTags(input: {version: $id, tags: [\"mine\"]}) { version { tags { name } } userErrors { code } }
    }";
    let hidden = app.gql_with(Some(&other.token), tag, json!({ "id": id })).await;
    assert_eq!(hidden["errors"][0]["extensions"]["code"], "NOT_FOUND");
    let tagged = app.ok(Some(&dev.token), tag, json!({ "id": id })).await;
    assert_eq!(tagged["attachTags"]["version"]["tags"], json!([{ "name": "mine" }]));
    let promoted = app.gql_with(Some(&dev.token), MOVE, json!({ "version": id, "name": "champion" })).await;
    assert_eq!(promoted["errors"][0]["extensions"]["code"], "FORBIDDEN");
}
