//! What the cache knows of its files; no disk here.

use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Index {
    max_bytes: u64,
    entries: HashMap<String, Entry>,
    /// Held by who looks a file up and perhaps fetches it, so that the others wait and then find it.
    flights: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
    /// Counts uses: the order of use without a clock.
    tick: u64,
}

#[derive(Debug)]
struct Entry {
    bytes: u64,
    used: u64,
    pins: usize,
    checked: bool,
}

pub(super) struct Found {
    pub(super) bytes: u64,
    pub(super) checked: bool,
}

impl Index {
    /// `files` with their sizes, the longest unused first. They have not been checked.
    pub(super) fn new(max_bytes: u64, files: Vec<(String, u64)>) -> Self {
        let mut index = Self { max_bytes, entries: HashMap::new(), flights: HashMap::new(), tick: 0 };
        for (sha256, bytes) in files {
            index.tick += 1;
            index.entries.insert(sha256, Entry { bytes, used: index.tick, pins: 0, checked: false });
        }
        index
    }

    pub(super) fn flight(&mut self, sha256: &str) -> Arc<tokio::sync::Mutex<()>> {
        self.flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(self.flights.entry(sha256.to_owned()).or_default())
    }

    /// Keeps the file until [`unpin`](Self::unpin).
    pub(super) fn pin(&mut self, sha256: &str) -> Option<Found> {
        let entry = self.entries.get_mut(sha256)?;
        self.tick += 1;
        entry.used = self.tick;
        entry.pins += 1;
        Some(Found { bytes: entry.bytes, checked: entry.checked })
    }

    /// Adds or replaces a checked file and pins it.
    pub(super) fn insert(&mut self, sha256: &str, bytes: u64) {
        self.tick += 1;
        // A damaged file may have been replaced while another job still holds it: its pins count on.
        let pins = self.entries.get(sha256).map_or(0, |entry| entry.pins) + 1;
        self.entries.insert(sha256.to_owned(), Entry { bytes, used: self.tick, pins, checked: true });
    }

    pub(super) fn unpin(&mut self, sha256: &str) {
        if let Some(entry) = self.entries.get_mut(sha256) {
            entry.pins = entry.pins.saturating_sub(1);
        }
    }

    pub(super) fn set_checked(&mut self, sha256: &str, checked: bool) {
        if let Some(entry) = self.entries.get_mut(sha256) {
            entry.checked = checked;
        }
    }

    /// Takes out the least recently used files, none of them in use, until `coming` more bytes fit; gives their names.
    pub(super) fn evict(&mut self, coming: u64) -> Vec<String> {
        let mut total = self.entries.values().map(|entry| entry.bytes).sum::<u64>().saturating_add(coming);
        let mut unused: Vec<_> =
            self.entries.iter().filter(|(_, entry)| entry.pins == 0).map(|(key, entry)| (entry.used, key)).collect();
        unused.sort_unstable();
        let mut evicted = Vec::new();
        for (_, sha256) in unused {
            if total <= self.max_bytes {
                break;
            }
            total = total.saturating_sub(self.entries[sha256].bytes);
            evicted.push(sha256.clone());
        }
        for sha256 in &evicted {
            self.entries.remove(sha256);
        }
        evicted
    }
}
