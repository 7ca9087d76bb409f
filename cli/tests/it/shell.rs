//! Running the shell lines of a page as they stand.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use nunatak_test_support::TestDb;

use crate::processes::nunatak;

/// Runs `script` with the built programs on the path, `examples` beside it, and a port that is free in the place of 8080,
/// which others may use on this machine. What it starts in the background ends with it. Gives what it printed to stdout
/// and to stderr.
///
/// # Panics
/// When a line fails.
pub(crate) fn run(db: &TestDb, script: &str) -> (String, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let script = script.replace("8080", &port);
    let script = format!(
        "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\nexport NUNATAK_SERVER_URL=http://127.0.0.1:{port}\n{script}"
    );
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    std::os::unix::fs::symlink(examples, db.dir.path().join("examples")).unwrap();
    let mut command = Command::new("bash");
    command.arg("-c").arg(script).env_clear().current_dir(db.dir.path()).stdin(Stdio::null());
    for (key, value) in nunatak(db).get_envs() {
        command.env(key, value.unwrap_or_default());
    }
    let output = command.env("PATH", path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{error}");
    (text, error)
}

fn path() -> std::ffi::OsString {
    let binaries = Path::new(env!("CARGO_BIN_EXE_nunatak")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap();
    std::env::join_paths(std::iter::once(binaries).chain(std::env::split_paths(&path))).unwrap()
}
