use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use nunatak_domain::Timestamp;
use tokio::sync::Notify;

use super::Event;

/// While the database cannot be told, so many different events are kept for it: about 4 MB.
const CAPACITY: usize = 20_000;

/// What the other servers have yet to be told. An event that is in already is not kept twice: who hears it reads
/// the row as it is by then.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<Batch>,
    filled: Notify,
}

/// What goes out together, in no order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) events: BTreeSet<Event>,
    /// There were more than could be kept: the others are to read afresh from here on.
    pub(super) missed: Option<Timestamp>,
    /// When the oldest of `events` came in.
    pub(super) oldest: Option<Timestamp>,
}

impl Outbox {
    pub(super) fn push(&self, event: Event, now: Timestamp) {
        let mut waiting = self.waiting();
        let oldest = *waiting.oldest.get_or_insert(now);
        waiting.events.insert(event);
        if waiting.events.len() > CAPACITY {
            waiting.events.clear();
            waiting.oldest = None;
            waiting.missed.get_or_insert(oldest);
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Takes all that is there; waits for the first. Nothing is lost when the future is dropped.
    pub(super) async fn take(&self) -> Batch {
        loop {
            let batch = std::mem::take(&mut *self.waiting());
            if batch != Batch::default() {
                return batch;
            }
            self.filled.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Batch> {
        // Every change under the lock is whole, whatever panicked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use nunatak_domain::{JobId, ProjectId};

    use super::*;

    #[tokio::test]
    async fn an_outbox_that_is_too_full_says_since_when() {
        let (early, late) = (Timestamp::from_micros(1_000), Timestamp::from_micros(2_000));
        let (outbox, project) = (Outbox::default(), ProjectId::new(early));
        let changed = |job| Event::JobChanged { job, project };
        let job = JobId::new(early);
        outbox.push(changed(job), early);
        outbox.push(changed(job), late);
        assert_eq!(outbox.take().await.events.len(), 1, "the same twice is told once");

        outbox.push(changed(job), early);
        for _ in 0..CAPACITY {
            outbox.push(changed(JobId::new(late)), late);
        }
        outbox.push(changed(job), late);
        let batch = outbox.take().await;
        assert_eq!((batch.missed, batch.events.len()), (Some(early), 1));
    }
}
