use nunatak_domain::{JobId, ModelId, ProjectId, VersionId};
use tokio::sync::broadcast;

/// Something happened: ids only. Who hears it reads the row again, scoped to its own eyes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A job was queued, claimed, moved on or ended.
    JobChanged {
        job: JobId,
        project: ProjectId,
    },
    VersionRegistered {
        version: VersionId,
        model: ModelId,
        project: ProjectId,
    },
    MetricLogged {
        version: VersionId,
        project: ProjectId,
    },
}

/// Tells those who listen in this process. A listener that falls behind by more than the capacity is told
/// so (`Lagged`) and reads afresh.
#[derive(Debug, Clone)]
pub struct Bus(broadcast::Sender<Event>);

/// Enough for a burst of progress reports from many runners between two polls of a slow listener.
const CAPACITY: usize = 4096;

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::channel(CAPACITY).0)
    }
}

impl Bus {
    /// Call after the transaction that caused it has been committed.
    pub fn publish(&self, event: Event) {
        // An error only says that nobody listens.
        let _ = self.0.send(event);
    }

    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
