use nunatak_client::jobs::JobStatus;

use super::World;
use crate::processes::Process;

/// Memory for the program, and not for the 288 MB that this training asks for: the allocation aborts the process.
const LITTLE_MEMORY: &str = "ulimit -v 450000";

/// A job that ends its runner is not given to runners for ever; something starts the runner again each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_crashes_its_runners_is_parked_with_a_reason() {
    let world = World::with_short_leases().await;
    let start = || world.limited_runner(LITTLE_MEMORY, "small", &world.url);
    let mut runner = start();
    let job = world.poison().await;
    let mut crashes = 0;
    let parked = loop {
        let state = world.job(&job).await;
        if state.status.is_final() {
            break state;
        }
        if crashed(&mut runner) {
            crashes += 1;
            runner = start();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!((parked.status, parked.attempt, crashes), (JobStatus::Failed, 2, 2), "{parked:?}");
    let error = parked.error.unwrap();
    assert_eq!((error.code.as_str(), error.retryable), ("LEASE_EXPIRED", true));
    assert!(error.message.contains("the job may be what ends it"), "{}", error.message);

    // The runner is there for others.
    let next = world.train().await;
    assert_eq!(world.succeeded(&next).await.attempt, 1);
    world.aftermath().await;
}

fn crashed(runner: &mut Process) -> bool {
    runner.0.try_wait().unwrap().is_some()
}
