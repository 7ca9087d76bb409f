//! Files of every format become datasets: the examples of docs/data.md are what is sent.

use nunatak_test_support::TestApp;
use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::jobs::{Plant, send_file};

const DATA: &str = include_str!("../../../docs/data.md");
const WIDE: &str =
    "time,heat,speed\n2026-01-01T00:00:00Z,20.5,1\n2026-01-01T00:01:00Z,21,\n2026-01-01T00:02:00Z,22.25,3\n";

/// A file of the page, and how it says that it is to be read.
struct Example {
    name: &'static str,
    format: Option<&'static str>,
    text: String,
}

fn examples() -> Vec<Example> {
    let sections = DATA.split("\nFile `").skip(1);
    sections
        .map(|section| {
            let (said, rest) = section.split_once(":\n\n```").unwrap();
            let (name, said) = said.split_once('`').unwrap();
            let format = said.strip_prefix(", read with `").and_then(|said| said.strip_suffix('`'));
            let (_, text) = rest.split_once('\n').unwrap();
            let (text, _) = text.split_once("```").unwrap();
            Example { name, format, text: text.to_owned() }
        })
        .collect()
}

async fn create(plant: &Plant, name: &str, bytes: Vec<u8>, format: Option<&str>) -> Value {
    let upload = send_file(&plant.app, &plant.ada.token, &plant.project, name, bytes).await;
    let query = format!(
        "mutation ($p: ID!, $n: String!, $u: ID!) {{ createDataset(input: {{project: $p, name: $n, upload: $u {} }}) {{
            dataset {{ id latestVersion {{
                sha256 size format url rowCount timeColumn source {{ format fileName sha256 size url }}
                preview(first: 2) columns {{ name type role missing }}
            }} }}
            userErrors {{ code message path }}
        }} }}",
        format.unwrap_or_default()
    );
    let variables = json!({ "p": plant.project, "n": name, "u": upload });
    plant.app.gql_with(Some(&plant.ada.token), &query, variables).await["data"]["createDataset"].take()
}

async fn fetch(plant: &Plant, url: &str) -> Vec<u8> {
    let response = plant.app.send(TestApp::request(Method::GET, url, Some(&plant.ada.token), "")).await;
    assert_eq!(response.status(), StatusCode::OK, "{url}");
    response.into_body().into_vec().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_page_becomes_the_same_table() {
    let plant = Plant::new().await;
    let examples = examples();
    assert_eq!(examples.len(), 8, "an example is written as the others");
    let mut first: Option<Value> = None;
    for Example { name, format, text } in examples {
        let made = create(&plant, name, text.clone().into_bytes(), format).await;
        assert_eq!(made["userErrors"], json!([]), "{name}");
        let version = &made["dataset"]["latestVersion"];
        let first = first.get_or_insert_with(|| version.clone());
        for field in ["sha256", "format", "rowCount", "timeColumn", "columns", "preview"] {
            assert_eq!(version[field], first[field], "{field} of {name}");
        }
        assert_eq!((&version["source"]["fileName"], &version["source"]["size"]), (&json!(name), &json!(text.len())));
        let source = version["source"]["url"].as_str().unwrap();
        assert_eq!(fetch(&plant, source).await, text.as_bytes(), "{name}");
    }
    let first = first.unwrap();
    assert_eq!((&first["format"], &first["rowCount"]), (&json!("PARQUET"), &json!(3)));
    let url = first["url"].as_str().unwrap();
    assert_eq!(fetch(&plant, &format!("{url}?format=csv")).await, WIDE.as_bytes());

    // What was made is a format that can be sent.
    let parquet = fetch(&plant, url).await;
    assert!(parquet.starts_with(b"PAR1"));
    let again = create(&plant, "again.parquet", parquet, None).await;
    let version = &again["dataset"]["latestVersion"];
    assert_eq!((&version["sha256"], &version["source"]["format"]), (&first["sha256"], &json!("PARQUET")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_a_file_is_checked() {
    let plant = Plant::new().await;
    for (format, code, path) in [
        ("format: {delimiter: \"ab\"}", "INVALID_FORMAT", json!(["format", "delimiter"])),
        ("format: {timePattern: \"soon\"}", "INVALID_FORMAT", json!(["format", "timePattern"])),
        ("format: {kind: XLSX}", "UNREADABLE_FILE", json!(["upload"])),
        ("format: {types: [{column: \"z\", type: TEXT}]}", "UNKNOWN_COLUMN", json!(["format", "types"])),
        (
            "format: {long: {time: \"time\", sensor: \"z\", value: \"heat\"}}",
            "UNKNOWN_COLUMN",
            json!(["format", "long", "sensor"]),
        ),
    ] {
        let made = create(&plant, "a.csv", WIDE.into(), Some(format)).await;
        let problem = &made["userErrors"][0];
        assert_eq!((&problem["code"], &problem["path"]), (&json!(code), &path), "{format}: {made:#}");
    }
    let strange = TestApp::request(Method::GET, "/datasets/x/data?format=xml", Some(&plant.ada.token), "");
    assert_eq!(plant.app.send(strange).await.status(), StatusCode::NOT_FOUND);
}
