//! What this server knows of the runners that score, and which of them did not answer lately.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use nunatak_store::{Store, StoreError, scoring::ScoringRunner};
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use super::{ScoringPatience, call, choice};

#[derive(Debug)]
pub(super) struct Roster {
    store: Store,
    patience: ScoringPatience,
    known: Mutex<Known>,
    /// Held by who reads them anew; the others go on with what is known.
    reading: AsyncMutex<()>,
    /// By address and secret: a runner that starts again is another one.
    away: Mutex<HashMap<String, Instant>>,
}

#[derive(Debug, Default, Clone)]
struct Known {
    read_at: Option<Instant>,
    runners: Arc<Vec<Arc<ScoringRunner>>>,
}

impl Roster {
    pub(super) fn new(store: Store, patience: ScoringPatience) -> Self {
        Self { store, patience, known: Mutex::default(), reading: AsyncMutex::new(()), away: Mutex::default() }
    }

    /// The runners that can apply the detector's versions, in the order in which to ask them; known since `since` at
    /// least, or not too old.
    pub(super) async fn able(
        &self,
        (name, version): (&str, &str),
        sha256: &str,
        since: Option<Instant>,
    ) -> Result<Vec<Arc<ScoringRunner>>, StoreError> {
        let known = self.known(since).await?;
        let able =
            |runner: &&Arc<ScoringRunner>| runner.detectors.get(name).is_some_and(|ours| choice::reads(ours, version));
        let mut able: Vec<Arc<ScoringRunner>> = known.iter().filter(able).cloned().collect();
        // Those that did not answer come last: they may be all that there is.
        able.sort_by_cached_key(|runner| (self.is_away(runner), std::cmp::Reverse(choice::weight(runner.id, sha256))));
        Ok(able)
    }

    pub(super) fn leave_out(&self, runner: &ScoringRunner) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, left_out) = (Instant::now(), self.patience.leave_out);
        away.retain(|_, since| now.duration_since(*since) < left_out);
        away.insert(call::address(runner), now);
    }

    fn is_away(&self, runner: &ScoringRunner) -> bool {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        !away.is_empty()
            && away.get(&call::address(runner)).is_some_and(|since| since.elapsed() < self.patience.leave_out)
    }

    async fn known(&self, since: Option<Instant>) -> Result<Arc<Vec<Arc<ScoringRunner>>>, StoreError> {
        let fresh = |known: &Known| match (known.read_at, since) {
            (None, _) => false,
            (Some(read_at), Some(since)) => read_at >= since,
            (Some(read_at), None) => read_at.elapsed() < self.patience.known_for,
        };
        let known = self.snapshot();
        if fresh(&known) {
            return Ok(known.runners);
        }
        let _reading = match self.reading.try_lock() {
            Ok(reading) => reading,
            // Somebody is reading already: what is known will do, unless it is nothing or just turned out to be wrong.
            Err(_) if known.read_at.is_some() && since.is_none() => return Ok(known.runners),
            Err(_) => self.reading.lock().await,
        };
        let known = self.snapshot();
        if fresh(&known) {
            return Ok(known.runners);
        }
        let read_at = Some(Instant::now());
        let runners = Arc::new(self.store.scoring_runners().await?.into_iter().map(Arc::new).collect::<Vec<_>>());
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Known { read_at, runners: runners.clone() };
        Ok(runners)
    }

    fn snapshot(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
