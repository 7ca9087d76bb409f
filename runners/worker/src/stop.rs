//! Why an attempt ends before its work is done, and telling everybody at once.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use crate::failure::Failure;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Someone asked the server to cancel the job.
    Cancelled,
    /// The job is another runner's now, or nobody's: nothing we say about it counts.
    LeaseLost,
    /// The worker shuts down and the job did not finish in time.
    Shutdown,
}

/// The first reason to stop, seen by async code as a future and by detectors as a flag. Clones are the same signal.
#[derive(Clone, Debug)]
pub(crate) struct StopSignal {
    flag: Arc<AtomicBool>,
    reason: watch::Sender<Option<Stop>>,
}

impl StopSignal {
    pub(crate) fn new() -> Self {
        Self { flag: Arc::default(), reason: watch::Sender::new(None) }
    }

    /// The first call decides, save that a lost lease outranks what came before.
    pub(crate) fn stop(&self, stop: Stop) {
        self.flag.store(true, Ordering::Relaxed);
        self.reason.send_if_modified(|reason| {
            let changes = reason.is_none() || (stop == Stop::LeaseLost && *reason != Some(stop));
            if changes {
                *reason = Some(stop);
            }
            changes
        });
    }

    pub(crate) fn reason(&self) -> Option<Stop> {
        *self.reason.borrow()
    }

    /// The flag that detectors look at.
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    /// Completes once there is a reason.
    pub(crate) async fn stopped(&self) {
        self.when(|_| true).await;
    }

    /// Completes once the worker shuts down.
    pub(crate) async fn shut_down(&self) {
        self.when(|stop| stop == Stop::Shutdown).await;
    }

    /// `work`, unless there is a reason to stop first.
    pub(crate) async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.stopped() => Err(Failure::Stopped),
            result = work => result,
        }
    }

    async fn when(&self, reached: impl Fn(Stop) -> bool) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.reason.subscribe().wait_for(|reason| reason.is_some_and(&reached)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::{Stop, StopSignal};

    #[test]
    fn the_first_reason_stays_but_for_a_lost_lease() {
        let signal = StopSignal::new();
        assert!(!signal.flag().load(Ordering::Relaxed));
        signal.stop(Stop::Cancelled);
        signal.stop(Stop::Shutdown);
        assert_eq!(signal.reason(), Some(Stop::Cancelled));
        signal.stop(Stop::LeaseLost);
        assert_eq!(signal.reason(), Some(Stop::LeaseLost));
        assert!(signal.flag().load(Ordering::Relaxed));
    }
}
