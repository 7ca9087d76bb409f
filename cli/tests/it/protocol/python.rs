//! Where there is a Python that has the runner's package.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(super) const HINT: &str = "no Python has the package nunatak_runner: run `cargo xtask test`, which installs it, or \
                               set NUNATAK_TEST_PYTHON";

/// # Panics
/// When `NUNATAK_TEST_PYTHON` names one that does not have the package: who set it wants these tests.
pub(super) fn interpreter() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("NUNATAK_TEST_PYTHON").filter(|path| !path.is_empty()) {
        let named = PathBuf::from(named);
        assert!(has_package(&named), "NUNATAK_TEST_PYTHON: `{} -c 'import nunatak_runner'` fails", named.display());
        return Some(named);
    }
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python/bin/python");
    has_package(&installed).then_some(installed)
}

fn has_package(python: &Path) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import nunatak_runner"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
