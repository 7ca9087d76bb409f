//! Who tells whom that something happened: first within the process, then ([`relay`]) between the servers of one
//! PostgreSQL database.

mod outbox;
mod relay;
mod wire;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use nunatak_domain::{Clock, JobId, ModelId, ProjectId, Timestamp, VersionId};
use tokio::{
    sync::broadcast::{
        self,
        error::{RecvError, TryRecvError},
    },
    task::JoinSet,
};

use self::outbox::Outbox;
use crate::Store;

/// Something happened: ids only. Who hears it reads the row again, scoped to its own eyes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A job was queued, claimed, moved on or ended.
    JobChanged {
        job: JobId,
        project: ProjectId,
    },
    /// A job of this project waits for a runner.
    JobQueued {
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

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Event(Event),
    /// Events were missed; all that were published before `since` have been heard. Read afresh what may have
    /// happened from then on.
    Missed {
        since: Timestamp,
    },
}

/// Tells those who listen in this process, and the other servers where [`Store::join_replicas`] was called.
#[derive(Debug)]
pub struct Bus {
    local: broadcast::Sender<Heard>,
    clock: Arc<dyn Clock>,
    /// How often servers say that they are there.
    beat: Duration,
    replicas: OnceLock<Replicas>,
}

/// The way to the other servers, for as long as the bus lives.
#[derive(Debug)]
struct Replicas {
    outbox: Arc<Outbox>,
    /// Dropping them ends them.
    _tasks: JoinSet<()>,
}

/// Enough for a burst of progress reports from many runners between two polls of a slow listener.
const CAPACITY: usize = 4096;

impl Bus {
    pub(crate) fn new(clock: Arc<dyn Clock>, beat: Duration) -> Self {
        Self { local: broadcast::channel(CAPACITY).0, clock, beat, replicas: OnceLock::new() }
    }

    /// Call after the transaction that caused it has been committed.
    pub fn publish(&self, event: Event) {
        if let Some(replicas) = self.replicas.get() {
            replicas.outbox.push(event.clone(), self.clock.now());
        }
        // An error only says that nobody listens.
        let _ = self.local.send(Heard::Event(event));
    }

    /// Hears everything from now on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        Listener { events: self.local.subscribe(), caught_up: self.clock.now(), clock: self.clock.clone() }
    }
}

/// One who listens. Falls it behind by more than the capacity, it is told so ([`Heard::Missed`]).
#[derive(Debug)]
pub struct Listener {
    events: broadcast::Receiver<Heard>,
    clock: Arc<dyn Clock>,
    caught_up: Timestamp,
}

impl Listener {
    /// The next that happens. Nothing is lost when the future is dropped.
    pub async fn hear(&mut self) -> Heard {
        self.look();
        match self.events.recv().await {
            Ok(heard) => heard,
            Err(RecvError::Lagged(_)) => Heard::Missed { since: self.caught_up },
            // The store is ending: nothing happens any more.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }

    /// What has happened already, without waiting.
    pub fn hear_waiting(&mut self) -> Option<Heard> {
        self.look();
        match self.events.try_recv() {
            Ok(heard) => Some(heard),
            Err(TryRecvError::Lagged(_)) => Some(Heard::Missed { since: self.caught_up }),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }

    /// Everything that was published before this moment has been heard.
    #[must_use]
    pub const fn caught_up(&self) -> Timestamp {
        self.caught_up
    }

    fn look(&mut self) {
        // The time first: what is published in between then counts as later.
        let now = self.clock.now();
        if self.events.is_empty() {
            self.caught_up = now;
        }
    }
}

impl Store {
    /// From now on hears what other servers on the same PostgreSQL database do, and tells them what this one does.
    /// Waits for the connection a few seconds at most; where it takes longer, or breaks later, it is tried again in
    /// the background. On SQLite, which has one server, it does nothing, and so does calling it again.
    pub async fn join_replicas(&self) {
        if !self.0.db.is_postgres() || self.0.bus.replicas.get().is_some() {
            return;
        }
        let bus = &self.0.bus;
        let options = self.0.db.read().get_postgres_connection_pool().connect_options();
        let outbox = Arc::new(Outbox::default());
        let (tasks, listening) = relay::start(&options, outbox.clone(), bus);
        if bus.replicas.set(Replicas { outbox, _tasks: tasks }).is_ok() {
            relay::wait(listening, relay::PATIENCE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use nunatak_domain::ManualClock;

    use super::*;

    fn event(now: Timestamp) -> Event {
        Event::JobChanged { job: JobId::new(now), project: ProjectId::new(now) }
    }

    #[tokio::test]
    async fn who_falls_behind_is_told_since_when() {
        let start = Timestamp::from_micros(1_000_000);
        let clock = Arc::new(ManualClock::starting_at(start));
        let bus = Bus::new(clock.clone(), Duration::from_secs(5));
        let mut listener = bus.listen();
        bus.publish(event(start));
        clock.advance(Duration::from_secs(1));
        assert!(matches!(listener.hear().await, Heard::Event(_)));
        assert_eq!(listener.caught_up(), start, "an event was waiting until now");
        assert_eq!(listener.hear_waiting(), None);
        let caught_up = start.plus(Duration::from_secs(1));
        assert_eq!(listener.caught_up(), caught_up);

        clock.advance(Duration::from_secs(60));
        for _ in 0..=CAPACITY {
            bus.publish(event(start));
        }
        assert_eq!(listener.hear().await, Heard::Missed { since: caught_up });
    }
}
