use nunatak_test_support::{TestApp, TestUser};
use poem::{
    Response,
    http::{Method, StatusCode, header},
};
use serde_json::{Value, json};

const PUMPS: &str = "time,pressure,label\n2026-01-01T00:00:00Z,1.5,0\n2026-01-01T00:01:00Z,2.5,1\n";

const CREATE_UPLOAD: &str = "mutation ($input: CreateUploadInput!) {
    createUpload(input: $input) { upload { id url received size status } userErrors { code message path } }
}";
const COMPLETE_UPLOAD: &str = "mutation ($id: ID!) {
    completeUpload(input: {id: $id}) { upload { status sha256 received } userErrors { code message path } }
}";
const CREATE_DATASET: &str = "mutation ($input: CreateDatasetInput!) {
    createDataset(input: $input) {
        dataset { id name latestVersion { id number url rowCount anomalyCount timeColumn labelColumn } }
        userErrors { code message path }
    }
}";

/// A server, an owner of everything and a project's id.
async fn start() -> (TestApp, TestUser, Value) {
    let (app, ada) = TestApp::with_user().await;
    let query = "mutation { createWorkspace(input: {name: \"Plant\"}) { workspace { id } userErrors { code } } }";
    let workspace = app.ok(Some(&ada.token), query, json!({})).await["createWorkspace"]["workspace"]["id"].take();
    let query = "mutation ($w: ID!) {
        createProject(input: {workspace: $w, name: \"Pumps\"}) { project { id } userErrors { code } }
    }";
    let mut made = app.ok(Some(&ada.token), query, json!({ "w": workspace })).await;
    let project = made["createProject"]["project"]["id"].take();
    (app, ada, project)
}

async fn announce(app: &TestApp, user: &TestUser, project: &Value, name: &str, size: usize) -> Value {
    let input = json!({ "project": project, "fileName": name, "size": size });
    app.ok(Some(&user.token), CREATE_UPLOAD, json!({ "input": input })).await["createUpload"]["upload"].take()
}

async fn put(app: &TestApp, token: Option<&str>, url: &Value, range: Option<&str>, body: &str) -> (StatusCode, Value) {
    let mut request = TestApp::request(Method::PUT, url.as_str().unwrap(), token, body.to_owned());
    if let Some(range) = range {
        request.headers_mut().insert(header::CONTENT_RANGE, range.parse().unwrap());
    }
    let response = app.send(request).await;
    let status = response.status();
    let text = response.into_body().into_string().await.unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

async fn get(app: &TestApp, method: Method, url: &str, user: &TestUser, headers: &[(&str, &str)]) -> Response {
    let mut request = TestApp::request(method, url, Some(&user.token), "");
    for (name, value) in headers {
        let name: header::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    app.send(request).await
}

fn text<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn dataset(app: &TestApp, user: &TestUser, project: &Value, csv: &str) -> Value {
    let upload = announce(app, user, project, "pumps.csv", csv.len()).await;
    let (status, _) = put(app, Some(&user.token), &upload["url"], None, csv).await;
    assert_eq!(status, StatusCode::OK);
    app.ok(Some(&user.token), COMPLETE_UPLOAD, json!({ "id": upload["id"] })).await;
    let input = json!({ "project": project, "name": "Prüf stand", "upload": upload["id"] });
    app.gql_with(Some(&user.token), CREATE_DATASET, json!({ "input": input })).await["data"]["createDataset"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_in_parts() {
    let (app, ada, project) = start().await;
    let token = Some(ada.token.as_str());
    let upload = announce(&app, &ada, &project, "a.bin", 10).await;
    let url = &upload["url"];
    let (status, answer) = put(&app, token, url, Some("bytes 0-3/10"), "0123").await;
    assert_eq!((status, answer), (StatusCode::OK, json!({ "received": 4, "size": 10 })));
    let (status, answer) = put(&app, token, url, Some("bytes 2-3/10"), "23").await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("OFFSET_MISMATCH")));
    assert_eq!(answer["error"]["received"], 4);
    assert!(answer["error"]["requestId"].as_str().is_some_and(|id| !id.is_empty()));
    for (range, code) in
        [("bytes 4-9/11", "INVALID_INPUT"), ("4-9", "INVALID_INPUT"), ("bytes 4-10/*", "LIMIT_EXCEEDED")]
    {
        let (_, answer) = put(&app, token, url, Some(range), "456789x").await;
        assert_eq!(answer["error"]["code"], code, "{range}");
    }
    let query = "query ($id: ID!) { node(id: $id) { ... on Upload { received status } } }";
    let seen = app.ok(token, query, json!({ "id": upload["id"] })).await;
    assert_eq!(seen["node"], json!({ "received": 4, "status": "PENDING" }));
    let early = app.gql_with(token, COMPLETE_UPLOAD, json!({ "id": upload["id"] })).await;
    assert_eq!(early["data"]["completeUpload"]["userErrors"][0]["code"], "UPLOAD_INCOMPLETE");
    let (status, _) = put(&app, token, url, Some("bytes 4-9/10"), "456789").await;
    assert_eq!(status, StatusCode::OK);
    let done = app.ok(token, COMPLETE_UPLOAD, json!({ "id": upload["id"] })).await;
    assert_eq!(
        done["completeUpload"]["upload"]["sha256"],
        "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
    );
    let (status, answer) = put(&app, token, url, None, "0123456789").await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("UPLOAD_CLOSED")));
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_neither_send_nor_fetch() {
    let (app, ada, project) = start().await;
    let eve = app.user("eve", false).await;
    let upload = announce(&app, &ada, &project, "a.bin", 3).await;
    let (status, answer) = put(&app, None, &upload["url"], None, "abc").await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::UNAUTHORIZED, &json!("UNAUTHENTICATED")));
    let (status, answer) = put(&app, Some(&eve.token), &upload["url"], None, "abc").await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::NOT_FOUND, &json!("NOT_FOUND")));
    let made = dataset(&app, &ada, &project, PUMPS).await;
    let url = made["dataset"]["latestVersion"]["url"].as_str().unwrap();
    assert_eq!(get(&app, Method::GET, url, &eve, &[]).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(get(&app, Method::GET, url, &ada, &[]).await.status(), StatusCode::OK);
    let anonymous = app.send(TestApp::request(Method::GET, url, None, "")).await;
    assert_eq!(anonymous.status(), StatusCode::UNAUTHORIZED);
    for nothing in ["/datasets/x/data", "/models/ver_x/artifact", "/predictions/prd_00000000000000000000000000/scores"]
    {
        assert_eq!(get(&app, Method::GET, nothing, &ada, &[]).await.status(), StatusCode::NOT_FOUND, "{nothing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_speak_http() {
    let (app, ada, project) = start().await;
    let made = dataset(&app, &ada, &project, PUMPS).await;
    let url = made["dataset"]["latestVersion"]["url"].as_str().unwrap();
    let url = &format!("{}/source", url.strip_suffix("/data").unwrap());
    let whole = get(&app, Method::GET, url, &ada, &[]).await;
    let etag = text(&whole, "etag").to_owned();
    assert_eq!(etag.len(), 66);
    assert_eq!(text(&whole, "content-length"), PUMPS.len().to_string());
    assert_eq!(text(&whole, "content-type"), "text/csv; charset=utf-8");
    assert_eq!(text(&whole, "x-content-type-options"), "nosniff");
    assert_eq!(text(&whole, "content-disposition"), "attachment; filename=\"pumps.csv\"; filename*=UTF-8''pumps.csv");
    assert_eq!(whole.into_body().into_string().await.unwrap(), PUMPS);

    let head = get(&app, Method::HEAD, url, &ada, &[("range", "bytes=0-1")]).await;
    assert_eq!((head.status(), text(&head, "accept-ranges")), (StatusCode::OK, "bytes"));
    assert_eq!(text(&head, "content-length"), PUMPS.len().to_string());
    assert_eq!(head.into_body().into_string().await.unwrap(), "");

    let part = get(&app, Method::GET, url, &ada, &[("range", "bytes=5-12"), ("if-range", &etag)]).await;
    assert_eq!((part.status(), text(&part, "content-length")), (StatusCode::PARTIAL_CONTENT, "8"));
    assert_eq!(text(&part, "content-range"), format!("bytes 5-12/{}", PUMPS.len()));
    assert_eq!(part.into_body().into_string().await.unwrap(), "pressure");
    let stale = get(&app, Method::GET, url, &ada, &[("range", "bytes=5-12"), ("if-range", "\"old\"")]).await;
    assert_eq!(stale.status(), StatusCode::OK);
    let beyond = get(&app, Method::GET, url, &ada, &[("range", "bytes=999-")]).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(text(&beyond, "content-range"), format!("bytes */{}", PUMPS.len()));
    let fresh = get(&app, Method::GET, url, &ada, &[("if-none-match", &etag)]).await;
    assert_eq!((fresh.status(), text(&fresh, "etag")), (StatusCode::NOT_MODIFIED, etag.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_is_described_in_one_query() {
    let (app, ada, project) = start().await;
    let made = dataset(&app, &ada, &project, PUMPS).await;
    assert_eq!(made["userErrors"], json!([]));
    let query = "query ($project: ID!) { datasets(project: $project) { nodes {
        name project { name } createdBy { login } version(number: 1) { number } missing: version(number: 2) { number }
        versions { nodes { number } }
        latestVersion {
            rowCount anomalyCount timeColumn labelColumn preview(first: 1) dataset { name }
            columns { name type role missing min max mean std distinct }
        }
    } } }";
    let seen = app.ok(Some(&ada.token), query, json!({ "project": project })).await;
    insta::assert_json_snapshot!(seen["datasets"]["nodes"], @r#"
    [
      {
        "createdBy": {
          "login": "ada"
        },
        "latestVersion": {
          "anomalyCount": 1,
          "columns": [
            {
              "distinct": 2,
              "max": 1767225660000.0,
              "mean": null,
              "min": 1767225600000.0,
              "missing": 0,
              "name": "time",
              "role": "TIME",
              "std": null,
              "type": "TIME"
            },
            {
              "distinct": 2,
              "max": 2.5,
              "mean": 2.0,
              "min": 1.5,
              "missing": 0,
              "name": "pressure",
              "role": "FEATURE",
              "std": 0.5,
              "type": "NUMBER"
            },
            {
              "distinct": 2,
              "max": 1.0,
              "mean": 0.5,
              "min": 0.0,
              "missing": 0,
              "name": "label",
              "role": "LABEL",
              "std": 0.5,
              "type": "NUMBER"
            }
          ],
          "dataset": {
            "name": "Prüf stand"
          },
          "labelColumn": "label",
          "preview": [
            [
              "2026-01-01T00:00:00Z",
              "1.5",
              "0"
            ]
          ],
          "rowCount": 2,
          "timeColumn": "time"
        },
        "missing": null,
        "name": "Prüf stand",
        "project": {
          "name": "Pumps"
        },
        "version": {
          "number": 1
        },
        "versions": {
          "nodes": [
            {
              "number": 1
            }
          ]
        }
      }
    ]
    "#);
    let eve = app.user("eve", false).await;
    let nothing = app.ok(Some(&eve.token), query, json!({ "project": project })).await;
    assert_eq!(nothing["datasets"]["nodes"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_table_is_told_as_data() {
    let (app, ada, project) = start().await;
    let made = dataset(&app, &ada, &project, "a,colour\n1,7\n2,red\n").await;
    insta::assert_json_snapshot!(made, @r#"
    {
      "dataset": null,
      "userErrors": [
        {
          "code": "NON_NUMERIC",
          "message": "row 2 of the column `colour` is `red`, which is not a finite number as the rows before; correct it, or drop the column",
          "path": [
            "upload"
          ]
        }
      ]
    }
    "#);
}
