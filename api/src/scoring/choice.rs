//! Which runner is asked first for a version's file.

use std::hash::{DefaultHasher, Hash, Hasher};

use nunatak_domain::RunnerId;

/// Rendezvous hashing: each runner draws a number for the file, the highest is asked first. The same file goes to the
/// same runner, where it is warm; when runners come or go, only the files move that they win or leave.
pub(super) fn weight(runner: RunnerId, sha256: &str) -> u64 {
    // With its fixed keys the same on every server of one release, which is all that is needed.
    let mut hasher = DefaultHasher::new();
    (runner.0.as_bytes(), sha256).hash(&mut hasher);
    hasher.finish()
}

/// Whether a detector of version `ours` reads what `theirs` wrote: within a major number, newer code reads older files.
pub(super) fn reads(ours: &str, theirs: &str) -> bool {
    ours.split('.').next() == theirs.split('.').next()
}

#[cfg(test)]
mod tests {
    use nunatak_domain::Timestamp;

    use super::*;

    #[test]
    fn files_are_spread_and_move_only_when_they_must() {
        let runners: Vec<RunnerId> = (0..4).map(|at| RunnerId::new(Timestamp::from_micros(at))).collect();
        let first = |runners: &[RunnerId], file: &str| {
            *runners.iter().max_by_key(|runner| weight(**runner, file)).expect("there are some")
        };
        let files: Vec<String> = (0..400).map(|number| format!("{number:064x}")).collect();
        for runner in &runners {
            let own = files.iter().filter(|file| first(&runners, file) == *runner).count();
            assert!((50..150).contains(&own), "{own}");
        }
        let moved = |file: &&String| first(&runners, file) != first(&runners[1..], file);
        assert!(files.iter().filter(moved).all(|file| first(&runners, file) == runners[0]));
    }

    #[test]
    fn majors_must_agree() {
        assert!(reads("1.10.0", "1.2.0") && !reads("2.0.0", "1.2.0"));
    }
}
