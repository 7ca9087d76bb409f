//! The server's task that does what is due of schedules.

use std::{collections::BTreeSet, future::Future, time::Duration};

use nunatak_domain::ProjectId;
use nunatak_store::{Event, Heard, Listener, Store, schedules::Watched};

/// A cron expression names minutes; what waits for a job's end or a measured value should not wait long.
const STEP: Duration = Duration::from_secs(1);
/// How many steps until all metrics are looked at, heard of or not: windows of time move by themselves.
const STEPS_TO_ALL: u32 = 30;

pub(crate) async fn run(store: Store, end: impl Future<Output = ()>) {
    let mut listener = store.bus().listen();
    let mut ticks = tokio::time::interval(STEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    tokio::pin!(end);
    for step in 0_u32.. {
        tokio::select! {
            () = &mut end => return,
            _ = ticks.tick() => {}
        }
        let heard = heard(&mut listener);
        let watched = if step % STEPS_TO_ALL == 0 { Watched::All } else { heard };
        if let Err(error) = store.step_schedules(&watched).await {
            tracing::warn!(%error, "schedules could not be looked at; trying again");
        }
    }
}

/// The projects in which something happened since the last step.
fn heard(listener: &mut Listener) -> Watched {
    let mut projects = BTreeSet::<ProjectId>::new();
    while let Some(heard) = listener.hear_waiting() {
        match heard {
            Heard::Event(
                Event::JobChanged { project, .. }
                | Event::VersionRegistered { project, .. }
                | Event::MetricLogged { project, .. },
            ) => {
                projects.insert(project);
            }
            Heard::Event(Event::JobQueued { .. } | Event::SweepChanged { .. }) => {}
            Heard::Missed { .. } => return Watched::All,
        }
    }
    Watched::Projects(projects.into_iter().collect())
}
