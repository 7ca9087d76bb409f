//! Log lines on stderr: for people on a terminal, as JSON with `NUNATAK_LOG_FORMAT=json`.

use tracing_subscriber::EnvFilter;

/// `quiet`: only warnings unless `NUNATAK_LOG` says otherwise (the demo draws on the terminal).
pub fn start(quiet: bool) {
    let default = if quiet { "warn" } else { "info" };
    let filter = EnvFilter::try_from_env("NUNATAK_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::env::var("NUNATAK_LOG_FORMAT").is_ok_and(|format| format == "json") {
        lines.json().init();
    } else {
        lines.init();
    }
}
