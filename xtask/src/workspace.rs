//! Where the checkout is, and which files are its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the workspace's Cargo.toml.
///
/// Cargo tells it at run time; the compiled-in one is for a binary that was started without cargo.
pub(crate) fn root() -> PathBuf {
    let xtask =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map(Path::to_path_buf).unwrap_or(xtask)
}

/// A command that runs in a folder of the workspace (`""` for its root).
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>, folder: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root().join(folder));
    // `cargo run` describes xtask to us in these. A cargo below us would see them change from one caller to
    // the next, and build again each crate whose build script names one (ring's does).
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// The workspace's own files, relative to its root: what git tracks or would track.
///
/// An unpacked archive has no git, so there every folder is walked except those that tools fill.
pub(crate) fn files() -> Vec<PathBuf> {
    let root = root();
    let mut files = git_files(&root).unwrap_or_else(|| {
        let mut found = Vec::new();
        walk(&root, &root, &mut found);
        found
    });
    files.sort();
    files
}

fn git_files(root: &Path) -> Option<Vec<PathBuf>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    // A tracked file that was deleted and not yet committed is still listed.
    let files = names.split_terminator('\0').map(PathBuf::from);
    Some(files.filter(|file| root.join(file).is_file()).collect())
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type();
        if kind.as_ref().is_ok_and(fs::FileType::is_dir) {
            let filled = ["target", "node_modules", "dist", "data", "__pycache__"];
            let hidden = name.to_string_lossy().starts_with('.');
            if !hidden && !filled.iter().any(|filled| name == *filled) {
                walk(root, &path, found);
            }
        } else if kind.is_ok_and(|kind| kind.is_file()) {
            found.extend(path.strip_prefix(root).map(Path::to_path_buf));
        }
    }
}

/// Whether `product` was made after the last change of every one of `sources`.
pub(crate) fn is_newer(product: &Path, sources: &[PathBuf]) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let Some(made) = changed(product) else {
        return false;
    };
    sources.iter().all(|source| changed(source).is_some_and(|changed| changed <= made))
}
