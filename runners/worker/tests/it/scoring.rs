//! Rows scored at once: what the server asks a runner over HTTP.

use std::time::Duration;

use ndarray::array;
use nunatak_detector::{Context, Frame};
use nunatak_worker::ScoringOptions;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::detectors::{self, open_gate, reached_gate};
use crate::server::FakeServer;
use crate::setup::{RunningWorker, sha256};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A worker that scores, and where.
struct Scorer {
    worker: RunningWorker,
    url: String,
    http: Client,
}

fn options() -> ScoringOptions {
    ScoringOptions::new("127.0.0.1:0", SECRET)
}

/// The file of a version of "middle": its rows have a mean of `mean`, and it scores the distance from that.
fn version(mean: f64) -> Vec<u8> {
    let values = array![[mean - 1.0], [mean + 1.0], [mean]];
    let frame = Frame::new(vec!["x".into()], values, None, None).unwrap();
    let all = detectors::all();
    nunatak_detector::train(all[0].as_ref(), &frame, &Value::Null, &Context::quiet(0)).unwrap().artifact
}

impl Scorer {
    async fn start(options: ScoringOptions) -> Self {
        let server = FakeServer::start().await;
        let worker = RunningWorker::start_with(server, Duration::from_secs(5), Some(options));
        let input = worker.server.called("RegisterRunner").await;
        assert_eq!(input["scoring"]["secret"], SECRET);
        let url = input["scoring"]["url"].as_str().unwrap().to_owned();
        Self { worker, url, http: Client::builder().no_proxy().build().unwrap() }
    }

    /// Puts a version's file on the server; how a question names it.
    fn artifact(&self, name: &str, bytes: &[u8]) -> Value {
        self.worker.serve(name, bytes);
        json!({ "sha256": sha256(bytes), "size": bytes.len(), "url": format!("/files/{name}"), "token": "file-token" })
    }

    async fn post(&self, secret: &str, body: String) -> (StatusCode, Value) {
        let request = self.http.post(format!("{}/score", self.url)).bearer_auth(secret).body(body);
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    async fn ask(&self, artifact: &Value, rows: Value) -> (StatusCode, Value) {
        let question = json!({ "artifact": artifact, "threshold": null, "columns": ["x"], "rows": rows });
        self.post(SECRET, question.to_string()).await
    }

    async fn scores(&self, artifact: &Value, rows: Value) -> Value {
        let (status, answer) = self.ask(artifact, rows).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["scores"].clone()
    }

    async fn metric(&self, name: &str) -> u64 {
        let text = self.http.get(format!("{}/metrics", self.url)).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
    }

    /// Waits until so many questions wait for a thread.
    async fn until_waiting(&self, wanted: u64) {
        let wait = async {
            while self.metric("nunatak_scorer_waiting").await != wanted {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("they never came");
    }

    fn downloads(&self) -> usize {
        self.worker.server.count("GET")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_loaded_once_and_scores_what_it_is_asked() {
    let scorer = Scorer::start(options()).await;
    let artifact = scorer.artifact("a", &version(10.0));
    let together = (0..20).map(|at| scorer.scores(&artifact, json!([[10.0 + f64::from(at)]])));
    let answers = futures_util::future::join_all(together).await;
    for (at, scores) in answers.iter().enumerate() {
        assert_eq!(*scores, json!([at as f64]));
    }
    assert_eq!(scorer.downloads(), 1, "one flight for all");
    assert_eq!(scorer.metric("nunatak_scorer_model_load_seconds_count").await, 1);
    let (_, answer) = scorer.ask(&artifact, json!([[11], [30]])).await;
    assert_eq!(answer["threshold"], version_threshold(&version(10.0)), "the file's own where none is given");

    let question =
        json!({ "artifact": artifact, "threshold": 5, "reasons": 2, "columns": ["x"], "rows": [[11], [30]] });
    let (_, answer) = scorer.post(SECRET, question.to_string()).await;
    let reasons = json!([{ "row": 1, "because": [["x", 1.0]] }]);
    assert_eq!(answer, json!({ "scores": [1.0, 20.0], "threshold": 5.0, "reasons": reasons }));
    scorer.worker.end().await;
}

fn version_threshold(bytes: &[u8]) -> f64 {
    nunatak_detector::Artifact::decode(bytes).unwrap().header.threshold
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_are_scored_together_and_get_what_they_would_alone() {
    let scorer = Scorer::start(ScoringOptions { threads: 1, ..options() }).await;
    let artifact = scorer.artifact("a", &version(10.0));
    let alone: Vec<Value> = [1.5, 7.25, 1e-9].iter().map(|x: &f64| json!([(x - 10.0).abs(), 0.0])).collect();
    let busy = scorer.scores(&artifact, json!([[-1]]));
    let wait = async {
        reached_gate(1).await;
        let asked = [1.5, 7.25, 1e-9].map(|x: f64| scorer.scores(&artifact, json!([[x], [10]])));
        let bad = scorer.ask(&artifact, json!([[null]]));
        let open = async {
            scorer.until_waiting(4).await;
            open_gate(1);
        };
        tokio::join!(futures_util::future::join_all(asked), bad, open)
    };
    let (_, (answers, (status, problem), ())) = tokio::join!(busy, wait);
    assert_eq!(answers, alone, "bit for bit, whoever else asked");
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("DATA")), "its own fault alone");

    let busy = scorer.scores(&artifact, json!([[-2]]));
    let wait = async {
        reached_gate(2).await;
        let asked = [1.5, 7.25, 1e-9].map(|x: f64| scorer.scores(&artifact, json!([[x], [10]])));
        let open = async {
            scorer.until_waiting(3).await;
            open_gate(2);
        };
        tokio::join!(futures_util::future::join_all(asked), open)
    };
    let before = scorer.metric("nunatak_scorer_batch_requests_count").await;
    let (_, (answers, ())) = tokio::join!(busy, wait);
    assert_eq!(answers, alone);
    let calls = scorer.metric("nunatak_scorer_batch_requests_count").await - before;
    assert_eq!(calls, 2, "the one that held the thread, and the three behind it in one call");
    scorer.worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn models_make_room_for_others_and_a_large_one_is_served_all_the_same() {
    let [a, b] = [version(1.0), version(2.0)];
    let limit = (a.len() + b.len() - 1) as u64;
    let scorer = Scorer::start(ScoringOptions { model_cache_bytes: limit, ..options() }).await;
    let [first, second] = [scorer.artifact("a", &a), scorer.artifact("b", &b)];
    for artifact in [&first, &second, &second, &first] {
        scorer.scores(artifact, json!([[3]])).await;
        assert!(scorer.metric("nunatak_scorer_model_bytes").await <= limit);
        assert_eq!(scorer.metric("nunatak_scorer_models").await, 1);
    }
    assert_eq!(scorer.metric("nunatak_scorer_model_load_seconds_count").await, 3);
    assert_eq!(scorer.metric("nunatak_scorer_model_evictions_total").await, 2);
    assert_eq!(scorer.metric("nunatak_scorer_model_hits_total").await, 1);
    assert_eq!(scorer.downloads(), 2, "their files stay on the disk");
    scorer.worker.end().await;

    let scorer = Scorer::start(ScoringOptions { model_cache_bytes: 10, ..options() }).await;
    let large = scorer.artifact("a", &a);
    assert_eq!(scorer.scores(&large, json!([[3]])).await, json!([2.0]));
    let busy = scorer.scores(&large, json!([[-3]]));
    let meanwhile = async {
        reached_gate(3).await;
        let loads = scorer.metric("nunatak_scorer_model_load_seconds_count").await;
        let other = scorer.scores(&large, json!([[5]])).await;
        open_gate(3);
        (other, scorer.metric("nunatak_scorer_model_load_seconds_count").await - loads)
    };
    let (_, (other, loads)) = tokio::join!(busy, meanwhile);
    assert_eq!((other, loads), (json!([4.0]), 0), "shared while it is in use");
    assert_eq!(scorer.metric("nunatak_scorer_models").await, 0);
    scorer.worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_server_is_answered_and_no_body_does_harm() {
    let scorer = Scorer::start(options()).await;
    let artifact = scorer.artifact("a", &version(1.0));
    let question = |changes: Value| {
        let mut question = json!({ "artifact": artifact, "columns": ["x"], "rows": [[3]] });
        for (key, value) in changes.as_object().unwrap() {
            question[key] = value.clone();
        }
        question.to_string()
    };
    for secret in ["", "wrong", &SECRET[1..]] {
        let (status, answer) = scorer.post(secret, question(json!({}))).await;
        assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("UNAUTHENTICATED")));
    }
    let elsewhere = |url: &str| json!({ "sha256": "0".repeat(64), "size": 1, "url": url, "token": "t" });
    for body in [
        String::new(),
        "[]".into(),
        "{".repeat(100_000),
        question(json!({ "rows": [] })),
        question(json!({ "rows": [[1, 2]] })),
        question(json!({ "rows": [[1], []] })),
        question(json!({ "rows": [["1"]] })),
        question(json!({ "categories": [["a"], ["b"]], "categoryColumns": ["kind"] })),
        question(json!({ "times": [1, 2] })),
        question(json!({ "reasons": -1 })),
        question(json!({})).replace("[[3]]", "[[1e999]]"),
        question(json!({ "artifact": elsewhere("http://elsewhere/") })),
        question(json!({ "artifact": elsewhere("//elsewhere/") })),
    ] {
        let (status, answer) = scorer.post(SECRET, body.clone()).await;
        let shown: String = body.chars().take(100).collect();
        assert_eq!((status, &answer["code"]), (StatusCode::BAD_REQUEST, &json!("INVALID_INPUT")), "{shown}");
    }
    assert_eq!(scorer.downloads(), 0);
    for (changes, code) in [
        (json!({ "columns": ["y"] }), "INPUT_SCHEMA"),
        (json!({ "columns": ["x", "x"], "rows": [[1, 2]] }), "DATA"),
        (json!({ "rows": [[666]] }), "NUMERIC"),
        (json!({ "artifact": scorer.artifact("broken", b"no artefact at all") }), "ARTIFACT"),
    ] {
        let (status, answer) = scorer.post(SECRET, question(changes)).await;
        assert_eq!((status, &answer["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(code)), "{answer}");
    }
    for sha256 in ["../../etc/passwd".to_owned(), "0".repeat(64)] {
        let artifact = json!({ "sha256": sha256, "size": 1, "url": "/files/none", "token": "t" });
        let (status, _) = scorer.ask(&artifact, json!([[3]])).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(scorer.scores(&artifact, json!([[3]])).await, json!([2.0]), "it is as well as before");
    scorer.worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_told_to_come_again() {
    let scorer = Scorer::start(ScoringOptions { max_waiting: 1, ..options() }).await;
    let artifact = scorer.artifact("a", &version(1.0));
    let busy = scorer.scores(&artifact, json!([[-4]]));
    let meanwhile = async {
        reached_gate(4).await;
        let refused = scorer.ask(&artifact, json!([[3]])).await;
        open_gate(4);
        refused
    };
    let (_, (status, answer)) = tokio::join!(busy, meanwhile);
    assert_eq!((status, &answer["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("OVERLOADED")));
    assert_eq!(scorer.scores(&artifact, json!([[3]])).await, json!([2.0]));
    scorer.worker.end().await;
}

#[tokio::test]
async fn an_address_of_all_interfaces_needs_the_one_that_the_server_reaches() {
    let server = FakeServer::start().await;
    let open = ScoringOptions::new("0.0.0.0:0", SECRET);
    let named = ScoringOptions { url: Some("http://scorer.example:{port}".into()), ..open.clone() };
    let worker = RunningWorker::start_with(server, Duration::from_secs(5), Some(named));
    let input = worker.server.called("RegisterRunner").await;
    let url = input["scoring"]["url"].as_str().unwrap();
    assert!(url.starts_with("http://scorer.example:") && !url.ends_with("}"), "{url}");
    worker.end().await;

    let worker = RunningWorker::start_with(FakeServer::start().await, Duration::from_secs(5), Some(open));
    let error = worker.ended().await.unwrap_err().to_string();
    assert!(error.contains("--scoring-url"), "{error}");
}
