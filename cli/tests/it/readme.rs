//! What the README shows works when it is pasted.

use std::{path::Path, process::Stdio};

use nunatak_test_support::{TestApp, TestDb};
use serde_json::json;

use crate::processes::nunatak;

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
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let script = block("shell: postgres").replace("8080", &port);
    let script = format!(
        "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\nexport NUNATAK_SERVER_URL=http://127.0.0.1:{port}\n{script}"
    );
    let binary = Path::new(env!("CARGO_BIN_EXE_nunatak")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(binary.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    std::os::unix::fs::symlink(examples, db.dir.path().join("examples")).unwrap();
    let template = nunatak(&db);
    let mut command = std::process::Command::new("bash");
    command.arg("-c").arg(script).env_clear().current_dir(db.dir.path()).stdin(Stdio::null());
    for (key, value) in template.get_envs() {
        command.env(key, value.unwrap_or_default());
    }
    let output = command.env("PATH", path.unwrap()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{error}");
    assert!(text.contains("\"anomalyCount\""), "{text}\n{error}");
    assert!(error.contains("roc_auc"), "{error}");
    assert!(db.dir.path().join("thyroid.safetensors").metadata().unwrap().len() > 10_000);
}
