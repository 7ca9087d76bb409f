//! Starting `nunatak` and looking after what was started.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use nunatak_client::Client;
use nunatak_test_support::TestDb;

/// Nothing here takes this long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
pub(crate) const PASSWORD: &str = "a long password";

/// A process that ends with the test.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `nunatak` with the environment that a test's installation has, and nothing of the machine's own.
pub(crate) fn nunatak(db: &TestDb) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nunatak"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("NUNATAK_DATABASE_URL", &db.options.database_url)
        .env("NUNATAK_DATA_DIR", db.dir.path().join("data"))
        .env("NUNATAK_ADMIN_PASSWORD", PASSWORD)
        .stdin(Stdio::null());
    command
}

/// What a command prints, which must go well.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// A server on a free port without a runner, and its URL.
pub(crate) fn server(db: &TestDb) -> (Process, String) {
    let mut command = nunatak(db);
    command.args(["server", "--port", "0", "--runner-embedded", "false", "--lease-seconds", "2"]);
    serve(command)
}

/// Starts a server's command and waits until it serves.
pub(crate) fn serve(mut command: Command) -> (Process, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the server starts");
    let stderr = child.stderr.take().expect("stderr is piped");
    let (send, receive) = mpsc::channel();
    // Reads on to the end, so that the server never waits for room in the pipe.
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some(url) = line.split("http://").nth(1).filter(|_| line.contains("serving")) {
                let address: String =
                    url.chars().take_while(|c| !c.is_whitespace() && *c != '"' && *c != '\u{1b}').collect();
                let _ = send.send(format!("http://{address}"));
            }
        }
    });
    let url = receive.recv_timeout(PATIENCE).expect("the server says where it serves");
    (Process(child), url)
}

/// A runner process for the server at `url`.
pub(crate) fn runner(db: &TestDb, url: &str, name: &str) -> Process {
    runner_with(db, url, name, &[])
}

/// The same with further arguments.
pub(crate) fn runner_with(db: &TestDb, url: &str, name: &str, arguments: &[&str]) -> Process {
    let token = output(nunatak(db).args(["token", "create", "--runner", "--name", name]));
    let mut command = nunatak(db);
    command
        .args(["runner", "--name", name, "--server-url", url, "--cache-dir"])
        .arg(cache(db.dir.path(), name))
        .args(arguments);
    Process(command.env("NUNATAK_TOKEN", token).stderr(Stdio::null()).spawn().expect("the runner starts"))
}

fn cache(dir: &Path, name: &str) -> std::path::PathBuf {
    dir.join(format!("cache-{name}"))
}

/// A client signed in as the first administrator, `ada`.
pub(crate) async fn signed_in(db: &TestDb, url: &str) -> Client {
    output(nunatak(db).args(["admin", "create", "--login", "ada"]));
    let anonymous = Client::new(url, None).unwrap();
    let session = anonymous.login("ada", PASSWORD).await.unwrap();
    anonymous.with_token(&session.access_token)
}

/// Looks again and again until `look` finds something.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let search = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}
