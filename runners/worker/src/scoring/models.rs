//! Models in memory, by the SHA-256 of their files, within a limit of bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::desk::Desk;
use super::meter::Meter;

#[derive(Debug)]
pub(super) struct Models {
    max_bytes: u64,
    state: Mutex<State>,
    meter: Arc<Meter>,
}

#[derive(Debug, Default)]
struct State {
    kept: HashMap<String, Kept>,
    /// Counts uses: the order of use without a clock.
    tick: u64,
    bytes: u64,
    /// Those that do not fit, for as long as somebody has them scored.
    passing: HashMap<String, Weak<Desk>>,
    /// Held by who loads a model, so that the others wait and then find it.
    flights: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
}

#[derive(Debug)]
struct Kept {
    desk: Arc<Desk>,
    used: u64,
}

impl Models {
    pub(super) fn new(max_bytes: u64, meter: Arc<Meter>) -> Self {
        Self { max_bytes, state: Mutex::default(), meter }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, sha256: &str) -> Option<Arc<Desk>> {
        let mut state = self.state();
        state.tick += 1;
        let tick = state.tick;
        if let Some(kept) = state.kept.get_mut(sha256) {
            kept.used = tick;
            return Some(Arc::clone(&kept.desk));
        }
        state.passing.get(sha256).and_then(Weak::upgrade)
    }

    pub(super) fn flight(&self, sha256: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut state = self.state();
        state.flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(state.flights.entry(sha256.to_owned()).or_default())
    }

    /// Takes a model in, and takes those out that were not used for longest until it fits. Who has one of them scored right
    /// now keeps it until then.
    pub(super) fn keep(&self, sha256: &str, desk: &Arc<Desk>) {
        let mut state = self.state();
        state.passing.retain(|_, desk| desk.strong_count() > 0);
        if desk.bytes > self.max_bytes {
            tracing::warn!(
                file.sha256 = sha256,
                file.size_bytes = desk.bytes,
                "a model is larger than the model cache"
            );
            state.passing.insert(sha256.to_owned(), Arc::downgrade(desk));
            return;
        }
        while state.bytes + desk.bytes > self.max_bytes {
            let oldest = state.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(sha256, _)| sha256.clone());
            let Some(evicted) = oldest.and_then(|sha256| state.kept.remove(&sha256)) else { break };
            state.bytes -= evicted.desk.bytes;
            self.meter.evictions.inc();
        }
        state.tick += 1;
        let kept = Kept { desk: Arc::clone(desk), used: state.tick };
        state.bytes += desk.bytes;
        if let Some(replaced) = state.kept.insert(sha256.to_owned(), kept) {
            state.bytes -= replaced.desk.bytes;
        }
        self.meter.cached(state.kept.len(), state.bytes);
    }
}
