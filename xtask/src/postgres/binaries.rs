//! Where PostgreSQL's programs are; Debian keeps the server's off the PATH.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::apt;

const MISSING: &str = "PostgreSQL's server is not installed (`--no-postgres` leaves its tests out)";

pub(crate) struct Binaries {
    pub(crate) initdb: PathBuf,
    pub(crate) postgres: PathBuf,
}

impl Binaries {
    /// Finds them, and installs them where they are missing and we may.
    pub(crate) fn get() -> Result<Self> {
        if let Some(found) = Self::find() {
            return Ok(found);
        }
        apt::ensure_possible(&["postgresql"], MISSING)?;
        apt::install(&["postgresql-common"], MISSING)?;
        keep_debian_from_starting_one()?;
        apt::install(&["postgresql"], MISSING)?;
        Self::find().context("Debian's postgresql is installed, but its initdb and postgres were not found")
    }

    fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = std::env::split_paths(&path).collect::<Vec<_>>();
        folders.extend(debian_folders(Path::new("/usr/lib/postgresql")));
        folders.iter().find_map(|folder| {
            let found = Self { initdb: folder.join("initdb"), postgres: folder.join("postgres") };
            (found.initdb.is_file() && found.postgres.is_file()).then_some(found)
        })
    }
}

/// `/usr/lib/postgresql/<version>/bin`, the newest first.
fn debian_folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())));
    let mut versions = numbered.collect::<Vec<_>>();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder.join("bin")).collect()
}

/// Installing Debian's server also makes a cluster and starts it on port 5432, which nobody asked for.
fn keep_debian_from_starting_one() -> Result<()> {
    let file = Path::new("/etc/postgresql-common/createcluster.conf");
    let mut settings = OpenOptions::new()
        .append(true)
        .create(true)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(writeln!(settings, "create_main_cluster = false")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first_by_number() {
        let parent = tempfile::tempdir().unwrap();
        for version in ["9", "15", "common"] {
            fs::create_dir(parent.path().join(version)).unwrap();
        }
        let found = debian_folders(parent.path());
        assert_eq!(found, ["15/bin", "9/bin"].map(|folder| parent.path().join(folder)));
    }
}
