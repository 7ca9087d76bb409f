//! What the README shows works when it is pasted.

use nunatak_test_support::{TestApp, TestDb};
use serde_json::json;

use crate::shell;

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"));

/// The code block after the comment `<!-- mark -->`.
fn block(mark: &str) -> &'static str {
    let rest = README.split_once(&format!("<!-- {mark} -->")).unwrap_or_else(|| panic!("no block {mark}")).1;
    let code = rest.split_once("```").unwrap().1.split_once('\n').unwrap().1;
    code.split_once("```").unwrap().0
}

#[tokio::test]
async fn the_tours_queries_are_answered() {
    let (app, ada) = TestApp::with_user().await;
    for name in ["find", "trace", "detectors"] {
        app.ok(Some(&ada.token), block(&format!("tour: {name}")), json!({})).await;
    }
}

/// The shell lines, as they stand but for the port, which others may use on this machine.
#[tokio::test(flavor = "multi_thread")]
async fn the_shell_lines_train_and_predict() {
    let db = TestDb::fresh().await;
    let (text, error) = shell::run(&db, block("shell: postgres"));
    assert!(text.contains("\"anomalyCount\""), "{text}\n{error}");
    assert!(error.contains("roc_auc"), "{error}");
    assert!(db.dir.path().join("thyroid.safetensors").metadata().unwrap().len() > 10_000);
}
