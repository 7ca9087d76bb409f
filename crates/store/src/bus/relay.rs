//! Events between the servers of one PostgreSQL database, by LISTEN and NOTIFY.
//!
//! Two connections beside the pools, so that neither waits for a query: one tells, one hears. Every server says
//! something each beat. A server that no longer hears itself knows that its connection is dead, whatever the network
//! says; one that no longer hears another knows that it may have ended between a commit and telling of it. In both
//! cases those who listen here are told to read afresh.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use nunatak_domain::{Clock, Timestamp};
use sea_orm::{
    entity::prelude::Uuid,
    sqlx::{
        self, ConnectOptions, PgConnection,
        postgres::{PgConnectOptions, PgListener, PgNotification, PgPoolOptions},
    },
};
use tokio::{
    sync::{broadcast, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{Bus, Heard, outbox::Outbox, wire};

const CHANNEL: &str = "nunatak_events";
/// What the database's list of sessions shows.
const APPLICATION: &str = "nunatak live events";
/// A connection that takes longer to open or to answer is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Who has been silent for so many beats is gone.
const SILENT_BEATS: u32 = 3;
/// Soon enough after a hiccup, seldom enough while the database is away.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// The notification does not wait for the disk: it holds a lock that all notifying transactions of the whole database
/// server take turns at, and the change that it tells of is safe already.
const NOTIFY: &str = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)";

/// After telling: what comes in meanwhile goes together. Who registers a thousand versions a second would otherwise
/// have a notification sent, and heard by every server, for nearly each; nobody notices a hundredth of a second.
const REST: Duration = Duration::from_millis(10);

#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("the connection failed")]
    Failed(#[from] sqlx::Error),
    #[error("the database closed the connection")]
    Closed,
    #[error("the database did not answer")]
    Slow(#[from] tokio::time::error::Elapsed),
    #[error("this server does not hear itself; a pooler between it and the database must not share sessions")]
    Deaf,
}

/// Starts telling and hearing; the receiver turns true once everything is heard.
pub(super) fn start(
    options: &PgConnectOptions,
    outbox: Arc<Outbox>,
    bus: &Bus,
) -> (JoinSet<()>, watch::Receiver<bool>) {
    let (hears, listening) = watch::channel(false);
    let options = options.clone().application_name(APPLICATION);
    let ear = Ear {
        me: Uuid::new_v4(),
        options: options.clone(),
        local: bus.local.clone(),
        clock: bus.clock.clone(),
        beat: bus.beat,
        hears,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(tell(ear.me, options, outbox, bus.beat));
    tasks.spawn(ear.run());
    (tasks, listening)
}

/// Returns once everything is heard, or when that takes longer.
pub(super) async fn wait(mut listening: watch::Receiver<bool>, patience: Duration) {
    if timeout(patience, listening.wait_for(|hears| *hears)).await.is_err() {
        tracing::warn!("starting without the live events of other servers; trying on in the background");
    }
}

/// Sends what the outbox holds, in as few notifications as hold it; what comes in meanwhile goes together.
async fn tell(me: Uuid, options: PgConnectOptions, outbox: Arc<Outbox>, beat: Duration) {
    let (mut line, mut pause) = (None, PAUSES.0);
    loop {
        // Nothing to say is said, too.
        let batch = timeout(beat, outbox.take()).await.unwrap_or_default();
        for text in wire::encode(me, &batch) {
            while let Err(lost) = say(&mut line, &options, &text).await {
                tracing::warn!(error = %chain(&lost), "other servers could not be told of live events; trying again");
                sleep(pause).await;
                pause = longer(pause);
            }
            pause = PAUSES.0;
        }
        sleep(REST).await;
    }
}

async fn say(line: &mut Option<PgConnection>, options: &PgConnectOptions, text: &str) -> Result<(), Lost> {
    // Taken out: a connection that fails, or is given up in the middle, is not used again.
    let open = line.take();
    let said = async {
        let mut connection = match open {
            Some(connection) => connection,
            None => options.connect().await?,
        };
        sqlx::query(NOTIFY).bind(CHANNEL).bind(text).execute(&mut connection).await?;
        Ok::<_, sqlx::Error>(connection)
    };
    *line = Some(timeout(PATIENCE, said).await??);
    Ok(())
}

/// What hears the others, and passes it on to those who listen here.
struct Ear {
    me: Uuid,
    options: PgConnectOptions,
    local: broadcast::Sender<Heard>,
    clock: Arc<dyn Clock>,
    beat: Duration,
    hears: watch::Sender<bool>,
}

/// When a server was last heard: to measure how long ago, and to say since when.
type Seen = BTreeMap<Uuid, (Instant, Timestamp)>;

impl Ear {
    async fn run(self) {
        let (mut since, mut pause) = (self.clock.now(), PAUSES.0);
        loop {
            let Err(lost) = self.hear(&mut since, &mut pause).await;
            tracing::warn!(error = %chain(&lost), "live events of other servers are not heard; trying again");
            sleep(pause).await;
            pause = longer(pause);
        }
    }

    /// Hears until the connection is lost. Everything until `since` has been heard.
    async fn hear(&self, since: &mut Timestamp, pause: &mut Duration) -> Result<Infallible, Lost> {
        let mut listener = timeout(PATIENCE, self.connect()).await??;
        // Only now: what happens from here on is heard, what happened before can be read.
        self.pass(Heard::Missed { since: *since });
        // An error says that nobody waits.
        let _ = self.hears.send(true);
        let mut seen = Seen::from([(self.me, (Instant::now(), *since))]);
        let mut ticks = tokio::time::interval(self.beat);
        loop {
            tokio::select! {
                heard = listener.try_recv() => {
                    let notification = heard?.ok_or(Lost::Closed)?;
                    *since = self.clock.now();
                    if self.take(&notification, &mut seen) {
                        *pause = PAUSES.0;
                    }
                }
                _ = ticks.tick() => self.look_after(&mut seen)?,
            }
        }
    }

    async fn connect(&self) -> Result<PgListener, sqlx::Error> {
        // A pool for each attempt: an old connection may hang in one for as long as the network lets it.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(self.options.clone());
        let mut listener = PgListener::connect_with(&pool).await?;
        // A new connection only with a `Missed`.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }

    /// Passes on what another server says; true for the echo of this one.
    fn take(&self, notification: &PgNotification, seen: &mut Seen) -> bool {
        let Some((from, events)) = wire::decode(notification.payload()) else {
            tracing::debug!(channel = CHANNEL, "a notification that no server wrote");
            return false;
        };
        seen.insert(from, (Instant::now(), self.clock.now()));
        // Those who listen here have heard this server's own events already.
        if from != self.me {
            events.into_iter().for_each(|heard| self.pass(heard));
        }
        from == self.me
    }

    fn look_after(&self, seen: &mut Seen) -> Result<(), Lost> {
        let silence = self.beat * SILENT_BEATS;
        seen.retain(|server, (at, since)| {
            let there = at.elapsed() <= silence;
            if !there && *server != self.me {
                tracing::info!(%server, "another server is gone; reading afresh what it may not have told");
                self.pass(Heard::Missed { since: *since });
            }
            there
        });
        if seen.contains_key(&self.me) { Ok(()) } else { Err(Lost::Deaf) }
    }

    fn pass(&self, heard: Heard) {
        // An error only says that nobody listens.
        let _ = self.local.send(heard);
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).min(PAUSES.1)
}

/// An error and its cause.
fn chain(lost: &Lost) -> String {
    match std::error::Error::source(lost) {
        Some(cause) => format!("{lost}: {cause}"),
        None => lost.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use nunatak_domain::ManualClock;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_server_starts_without_the_others_and_tries_again() {
        let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(refusing.local_addr().unwrap().port())
            .username("nunatak");
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_micros(0)));
        let bus = Bus::new(clock, Duration::from_secs(5));
        let (_tasks, listening) = start(&options, Arc::default(), &bus);
        wait(listening.clone(), Duration::from_millis(1)).await;
        assert!(!*listening.borrow());
        for _ in 0..3 {
            drop(refusing.accept().await.unwrap());
        }
        // And gives up one that never answers.
        let _silent = refusing.accept().await.unwrap();
        refusing.accept().await.unwrap();
    }
}
