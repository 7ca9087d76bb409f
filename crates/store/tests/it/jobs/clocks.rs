//! Two servers whose clocks do not agree, over one database: leases and pauses do not depend on them.

use std::time::Duration;

use super::world::{CSV, World};

const MINUTES: Duration = Duration::from_secs(10 * 60);

/// On SQLite the second store stands for the same server after its clock was set.
async fn skewed(world: &World) -> [(nunatak_store::Store, std::sync::Arc<nunatak_domain::ManualClock>); 2] {
    let mut servers =
        [world.replica(Duration::from_millis(400)).await, world.replica(Duration::from_millis(400)).await];
    for (store, _) in &mut servers {
        store.keep_common_time().await.unwrap();
    }
    servers
}

#[tokio::test]
async fn a_server_that_is_minutes_ahead_takes_no_job_from_its_runner() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let dataset = world.dataset(CSV).await;
    let [(here, _), (ahead, clock)] = skewed(&world).await;
    let job = world.train_at(&here, dataset).await;
    let claim = here.claim_job(&world.admin, runner, Duration::ZERO).await.unwrap().unwrap();
    clock.advance(MINUTES);
    assert_eq!(ahead.reap_jobs().await.unwrap(), 0);
    assert!(ahead.claim_job(&world.admin, runner, Duration::ZERO).await.unwrap().is_none());
    let reporter = world.reporter(&claim).await;
    ahead.heartbeat(&reporter).await.unwrap();
    here.heartbeat(&reporter).await.expect("the attempt still runs");
    // Silence is noticed all the same, by either.
    let reaped = super::eventually(async || here.reap_jobs().await.unwrap() + ahead.reap_jobs().await.unwrap()).await;
    assert_eq!(reaped, 1);
    assert_eq!(ahead.claim_job(&world.admin, runner, Duration::ZERO).await.unwrap().unwrap().job.id, job.id);
}

#[tokio::test]
async fn a_server_that_is_minutes_behind_leaves_no_job_waiting() {
    let world = World::new().await;
    let runner = world.runner("one").await;
    let dataset = world.dataset(CSV).await;
    let [(here, clock), (behind, _)] = skewed(&world).await;
    clock.advance(MINUTES);
    let job = world.train_at(&here, dataset).await;
    let claim = behind.claim_job(&world.admin, runner, Duration::ZERO).await.unwrap().expect("at once");
    assert_eq!(claim.job.id, job.id);
    let reaped = super::eventually(async || behind.reap_jobs().await.unwrap()).await;
    assert_eq!(reaped, 1, "counted in the time that passes, not in that of the server that gave the lease");
    here.heartbeat(&world.reporter(&claim).await).await.expect_err("the attempt is over for all");
}
