use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tokio::sync::Notify;

use super::*;

fn sha256_of(content: &str) -> String {
    hex::encode(Sha256::digest(content))
}

/// A cache in a directory of its own, and how often it fetched.
struct Fixture {
    directory: TempDir,
    cache: Cache,
    fetches: AtomicUsize,
}

impl Fixture {
    fn new(max_bytes: u64) -> Self {
        let directory = TempDir::new().unwrap();
        let cache = Cache::open(directory.path(), max_bytes).unwrap();
        Self { directory, cache, fetches: AtomicUsize::new(0) }
    }

    /// The same directory in a later process.
    fn reopen(self, max_bytes: u64) -> Self {
        drop(self.cache);
        let cache = Cache::open(self.directory.path(), max_bytes).unwrap();
        Self { directory: self.directory, cache, fetches: AtomicUsize::new(0) }
    }

    async fn get(&self, content: &str) -> CachedFile {
        let fetch = |path: PathBuf| {
            self.fetches.fetch_add(1, Ordering::Relaxed);
            std::fs::write(path, content).unwrap();
            async { Ok(content.len() as u64) }
        };
        self.cache.get(&sha256_of(content), content.len() as u64, fetch).await.unwrap()
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }

    fn has(&self, content: &str) -> bool {
        self.cache.shared.slot.path(&sha256_of(content)).exists()
    }
}

#[tokio::test]
async fn a_file_is_fetched_once_and_found_by_a_later_process() {
    let fixture = Fixture::new(1000);
    fixture.get("a").await;
    assert_eq!(std::fs::read_to_string(fixture.get("a").await.path()).unwrap(), "a");
    assert_eq!(fixture.fetches(), 1);

    let fixture = fixture.reopen(1000);
    fixture.get("a").await;
    assert_eq!(fixture.fetches(), 0);
}

#[tokio::test]
async fn jobs_that_ask_at_once_share_one_download() {
    let fixture = Fixture::new(1000);
    let (gate, sha256) = (Notify::new(), sha256_of("a"));
    let get = || {
        fixture.cache.get(&sha256, 1, |path| {
            fixture.fetches.fetch_add(1, Ordering::Relaxed);
            async {
                gate.notified().await;
                std::fs::write(path, "a").unwrap();
                Ok(1)
            }
        })
    };
    let (one, two, three, ()) = tokio::join!(get(), get(), get(), async { gate.notify_one() });
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(fixture.fetches(), 1);
}

#[tokio::test]
async fn a_failed_download_leaves_the_next_one_to_try() {
    let fixture = Fixture::new(1000);
    let gone = || async { Err(ClientError::Unreachable { message: "gone".into() }) };
    assert!(fixture.cache.get(&sha256_of("a"), 1, |_| gone()).await.is_err());
    fixture.get("a").await;
    assert_eq!(fixture.fetches(), 1);
}

#[tokio::test]
async fn the_least_recently_used_goes_but_never_a_file_in_use() {
    let fixture = Fixture::new(10);
    let (a, b) = ("aaaa", "bbbb");
    drop((fixture.get(a).await, fixture.get(b).await));
    let held = fixture.get(a).await;
    drop(fixture.get("cccc").await);
    assert!(fixture.has(a) && !fixture.has(b) && fixture.has("cccc"));

    let large = fixture.get("dddddddddd").await;
    assert!(fixture.has(a) && fixture.has("dddddddddd"), "files in use stay although they are too much");
    drop(held);
    assert!(!fixture.has(a), "and go when they are released");
    drop(large);
    assert!(fixture.has("dddddddddd"));
}

#[tokio::test]
async fn a_damaged_file_is_fetched_again() {
    let fixture = Fixture::new(1000);
    drop(fixture.get("aaaa").await);
    let path = fixture.cache.shared.slot.path(&sha256_of("aaaa"));

    std::fs::write(&path, "aa").unwrap();
    let file = fixture.get("aaaa").await;
    assert_eq!((std::fs::read_to_string(file.path()).unwrap().as_str(), fixture.fetches()), ("aaaa", 2));
    drop(file);

    std::fs::write(&path, "aaab").unwrap();
    let fixture = fixture.reopen(1000);
    let file = fixture.get("aaaa").await;
    assert_eq!((std::fs::read_to_string(file.path()).unwrap().as_str(), fixture.fetches()), ("aaaa", 1));
}

#[tokio::test]
async fn workers_that_share_a_directory_take_slots_of_their_own_and_clean_up() {
    let fixture = Fixture::new(1000);
    let second = Cache::open(fixture.directory.path(), 1000).unwrap();
    assert_ne!(second.directory(), fixture.cache.directory());

    let leftover = fixture.cache.directory().join(".nunatak-x.part");
    std::fs::write(&leftover, "half").unwrap();
    let fixture = fixture.reopen(1000);
    assert!(!leftover.exists() && fixture.cache.directory().ends_with("slot-0"));
}

#[tokio::test]
async fn a_checksum_cannot_leave_the_directory() {
    let fixture = Fixture::new(1000);
    let result = fixture.cache.get("../../etc/passwd", 1, |_| async { Ok(1) }).await;
    assert!(matches!(result, Err(ClientError::Protocol { .. })));
}
