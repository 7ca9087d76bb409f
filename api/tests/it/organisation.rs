use nunatak_test_support::{TestApp, TestUser};
use serde_json::{Value, json};

const CREATE_WORKSPACE: &str = "mutation ($name: String!, $key: String) {
    createWorkspace(input: {name: $name, idempotencyKey: $key}) { workspace { id name viewerRole } userErrors { code message path } }
}";
const CREATE_PROJECT: &str = "mutation ($workspace: ID!, $name: String!, $url: String) {
    createProject(input: {workspace: $workspace, name: $name, gitUrl: $url}) {
        project { id name workspace { name } } userErrors { code path }
    }
}";
const SET_MEMBER: &str = "mutation ($subject: ID!, $login: String!, $role: Role!) {
    setMember(input: {subject: $subject, login: $login, role: $role}) {
        member { role user { login } } userErrors { code path }
    }
}";

async fn workspace(app: &TestApp, user: &TestUser, name: &str) -> Value {
    app.ok(Some(&user.token), CREATE_WORKSPACE, json!({ "name": name })).await["createWorkspace"]["workspace"]["id"]
        .take()
}

async fn project(app: &TestApp, user: &TestUser, workspace: &Value, name: &str) -> Value {
    let variables = json!({ "workspace": workspace, "name": name });
    app.ok(Some(&user.token), CREATE_PROJECT, variables).await["createProject"]["project"]["id"].take()
}

#[tokio::test]
async fn the_maker_of_a_workspace_owns_it() {
    let app = TestApp::full().await;
    let eve = app.user("eve", false).await;
    let made = app.ok(Some(&eve.token), CREATE_WORKSPACE, json!({ "name": "Pumps" })).await;
    assert_eq!(made["createWorkspace"]["workspace"]["viewerRole"], "OWNER");
    let again = app.gql_with(Some(&eve.token), CREATE_WORKSPACE, json!({ "name": "Pumps" })).await;
    let problem = json!({
        "code": "TAKEN",
        "message": "a workspace named `Pumps` exists already; choose another name",
        "path": ["name"],
    });
    assert_eq!(again["data"]["createWorkspace"], json!({ "workspace": null, "userErrors": [problem] }));
    let bad = app.gql_with(Some(&eve.token), CREATE_WORKSPACE, json!({ "name": " Pumps" })).await;
    assert_eq!(bad["data"]["createWorkspace"]["userErrors"][0]["code"], "INVALID_NAME");
    let anonymous = app.gql_with(None, CREATE_WORKSPACE, json!({ "name": "Fans" })).await;
    assert_eq!(anonymous["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_request_sent_twice_with_one_key_is_carried_out_once() {
    let (app, ada) = TestApp::with_user().await;
    let once = json!({ "name": "Pumps", "key": "k1" });
    let first = app.ok(Some(&ada.token), CREATE_WORKSPACE, once.clone()).await;
    let second = app.ok(Some(&ada.token), CREATE_WORKSPACE, once).await;
    assert_eq!(first, second);
    let other = json!({ "name": "Fans", "key": "k1" });
    let mismatch = app.gql_with(Some(&ada.token), CREATE_WORKSPACE, other).await;
    assert_eq!(mismatch["data"]["createWorkspace"]["userErrors"][0]["code"], "IDEMPOTENCY_MISMATCH");
}

#[tokio::test]
async fn what_is_forbidden_looks_absent() {
    let app = TestApp::full().await;
    let (eve, stranger) = (app.user("eve", false).await, app.user("stranger", false).await);
    let space = workspace(&app, &eve, "Pumps").await;
    let project = project(&app, &eve, &space, "Station 7").await;
    let look = "query ($space: ID!, $project: ID!) {
        workspace(id: $space) { name } project(id: $project) { name }
        workspaces { nodes { name } } projects { nodes { name } } node(id: $project) { id }
    }";
    let variables = json!({ "space": space, "project": project });
    let seen = app.ok(Some(&eve.token), look, variables.clone()).await;
    assert_eq!(seen["projects"]["nodes"][0]["name"], "Station 7");
    assert_eq!(seen["node"]["id"], project);
    for token in [Some(stranger.token.as_str()), None] {
        let unseen = app.ok(token, look, variables.clone()).await;
        let nothing = json!({ "nodes": [] });
        let expected = json!({
            "workspace": null, "project": null, "workspaces": nothing, "projects": nothing, "node": null,
        });
        assert_eq!(unseen, expected);
    }
    let rename = "mutation ($id: ID!) { updateProject(input: {id: $id, name: \"x\"}) { project { id } } }";
    let absent = app.gql_with(Some(&stranger.token), rename, json!({ "id": project })).await;
    assert_eq!(absent["errors"][0]["extensions"]["code"], "NOT_FOUND");
    let made_up = json!({ "id": "prj_01h455vb4pex5vsknk084sn02q" });
    let nowhere = app.gql_with(Some(&stranger.token), rename, made_up).await;
    assert_eq!(absent["errors"][0]["message"], nowhere["errors"][0]["message"]);
}

#[tokio::test]
async fn members_come_change_and_go() {
    let app = TestApp::full().await;
    let (eve, bob) = (app.user("eve", false).await, app.user("bob", false).await);
    let space = workspace(&app, &eve, "Pumps").await;
    let project = project(&app, &eve, &space, "Station 7").await;
    let guest = json!({ "subject": project, "login": "bob", "role": "GUEST" });
    app.ok(Some(&eve.token), SET_MEMBER, guest).await;
    let role = "query ($id: ID!) { project(id: $id) { viewerRole workspace { name viewerRole } } }";
    let seen = app.ok(Some(&bob.token), role, json!({ "id": project })).await;
    assert_eq!(seen["project"]["viewerRole"], "GUEST");
    assert_eq!(seen["project"]["workspace"], json!({ "name": "Pumps", "viewerRole": null }));

    let rename = "mutation ($id: ID!) { updateProject(input: {id: $id, name: \"x\"}) { project { id } } }";
    let denied = app.gql_with(Some(&bob.token), rename, json!({ "id": project })).await;
    assert_eq!(denied["errors"][0]["extensions"]["code"], "FORBIDDEN", "he knows of it, so it is no secret");

    // The workspace's role holds in its projects; the higher counts.
    let maintainer = json!({ "subject": space, "login": "bob", "role": "MAINTAINER" });
    app.ok(Some(&eve.token), SET_MEMBER, maintainer).await;
    let seen = app.ok(Some(&bob.token), role, json!({ "id": project })).await;
    assert_eq!(seen["project"]["viewerRole"], "MAINTAINER");

    let remove = "mutation ($subject: ID!, $login: String!) {
        removeMember(input: {subject: $subject, login: $login}) { removedLogin userErrors { code } }
    }";
    for subject in [&space, &project] {
        app.ok(Some(&eve.token), remove, json!({ "subject": subject, "login": "bob" })).await;
    }
    assert_eq!(app.ok(Some(&bob.token), role, json!({ "id": project })).await["project"], Value::Null);

    let last = app.gql_with(Some(&eve.token), remove, json!({ "subject": space, "login": "eve" })).await;
    assert_eq!(last["data"]["removeMember"]["userErrors"][0]["code"], "LAST_OWNER");
}

#[tokio::test]
async fn lists_are_paged_both_ways_by_their_own_cursors() {
    let (app, ada) = TestApp::with_user().await;
    let space = workspace(&app, &ada, "Pumps").await;
    for number in 1..=5 {
        project(&app, &ada, &space, &format!("p{number}")).await;
    }
    let list = "query ($first: Int, $after: String, $last: Int, $before: String) {
        projects(first: $first, after: $after, last: $last, before: $before) {
            nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
    }";
    let names = |page: &Value| -> Vec<String> {
        page["projects"]["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap().into()).collect()
    };
    let first = app.ok(Some(&ada.token), list, json!({ "first": 2 })).await;
    assert_eq!(names(&first), ["p5", "p4"]);
    let info = &first["projects"]["pageInfo"];
    assert_eq!((&info["hasNextPage"], &info["hasPreviousPage"]), (&json!(true), &json!(false)));
    let second = app.ok(Some(&ada.token), list, json!({ "first": 2, "after": info["endCursor"] })).await;
    assert_eq!(names(&second), ["p3", "p2"]);
    let back = json!({ "last": 2, "before": second["projects"]["pageInfo"]["startCursor"] });
    assert_eq!(names(&app.ok(Some(&ada.token), list, back).await), ["p5", "p4"]);
    assert_eq!(names(&app.ok(Some(&ada.token), list, json!({ "last": 2 })).await), ["p2", "p1"]);

    let spaces = app.ok(Some(&ada.token), "{ workspaces { edges { cursor } } }", json!({})).await;
    let foreign = spaces["workspaces"]["edges"][0]["cursor"].clone();
    for cursor in [foreign, json!("not a cursor"), json!("")] {
        let answer = app.gql_with(Some(&ada.token), list, json!({ "first": 2, "after": cursor })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_CURSOR", "{cursor}");
    }
    for (variables, field) in
        [(json!({ "first": 101 }), "first"), (json!({ "first": 0 }), "first"), (json!({ "last": -1 }), "last")]
    {
        let answer = app.gql_with(Some(&ada.token), list, variables).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "LIMIT_EXCEEDED");
        assert_eq!(answer["errors"][0]["extensions"]["inputPath"], json!([field]));
    }
    let both = app.gql_with(Some(&ada.token), list, json!({ "first": 1, "last": 1 })).await;
    assert_eq!(both["errors"][0]["extensions"]["code"], "INVALID_INPUT");
}

#[tokio::test]
async fn names_and_urls_are_checked_and_deletion_hides_what_is_inside() {
    let (app, ada) = TestApp::with_user().await;
    let space = workspace(&app, &ada, "Pumps").await;
    let inside = project(&app, &ada, &space, "Station 7").await;
    let variables = json!({ "workspace": space, "name": "x", "url": "ext::sh -c evil" });
    let evil = app.gql_with(Some(&ada.token), CREATE_PROJECT, variables).await;
    assert_eq!(evil["data"]["createProject"]["userErrors"][0], json!({ "code": "INVALID_URL", "path": ["gitUrl"] }));
    let wrong = app.gql_with(Some(&ada.token), CREATE_PROJECT, json!({ "workspace": inside, "name": "x" })).await;
    assert_eq!(wrong["data"]["createProject"]["userErrors"][0], json!({ "code": "INVALID_ID", "path": ["workspace"] }));

    let delete = "mutation ($id: ID!) { deleteWorkspace(input: {id: $id}) { deletedId userErrors { code } } }";
    app.ok(Some(&ada.token), delete, json!({ "id": space })).await;
    let look = "query ($id: ID!) { project(id: $id) { name } workspaces { nodes { id } } }";
    let gone = app.ok(Some(&ada.token), look, json!({ "id": inside })).await;
    assert_eq!(gone["workspaces"]["nodes"], json!([]));
    // Its name is free again.
    workspace(&app, &ada, "Pumps").await;
}

#[tokio::test]
async fn the_audit_log_tells_who_did_what() {
    let (app, ada) = TestApp::with_user().await;
    let space = workspace(&app, &ada, "Pumps").await;
    let id = project(&app, &ada, &space, "Station 7").await;
    let rename = "mutation ($id: ID!) { updateProject(input: {id: $id, name: \"Station 8\"}) { project { id } userErrors { code } } }";
    app.ok(Some(&ada.token), rename, json!({ "id": id })).await;
    let log =
        app.ok(Some(&ada.token), "{ auditEvents { nodes { action subject detail user { login } } } }", json!({})).await;
    let event = &log["auditEvents"]["nodes"][0];
    assert_eq!((&event["action"], &event["subject"]), (&json!("project:update"), &id));
    assert_eq!(event["user"]["login"], "ada");
    assert_eq!(event["detail"]["before"]["name"], "Station 7");
    assert_eq!(event["detail"]["after"]["name"], "Station 8");
}

#[tokio::test]
async fn projects_are_found_by_a_part_of_their_name() {
    let (app, ada) = TestApp::with_user().await;
    crate::versions::project(&app, &ada).await;
    let query = "query ($part: String!) { projects(filter: {nameContains: $part}) { nodes { name } } }";
    for (part, expected) in [("ump", json!([{ "name": "Pumps" }])), ("%", json!([])), ("fan", json!([]))] {
        let found = app.ok(Some(&ada.token), query, json!({ "part": part })).await;
        assert_eq!(found["projects"]["nodes"], expected, "{part}");
    }
}
