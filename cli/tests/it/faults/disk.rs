use nunatak_client::ClientError;
use nunatak_test_support::TestDb;

use super::{World, world::limited};
use crate::processes::eventually;

/// Files of 100 KB at most (in blocks of 512 bytes, where the shell counts in those), which the dataset is not.
const SMALL_FILES: &str = "ulimit -f 100";
/// Room for the SQLite database and its log, and not for the upload.
const LARGE_FILES: &str = "ulimit -f 40000";

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_whose_disk_is_full_gives_the_job_to_another() {
    let world = World::with_short_leases().await;
    let full = world.limited_runner(SMALL_FILES, "full", &world.url);
    let job = world.train().await;
    let given_back = async || world.job(&job).await.error;
    let error = eventually("the failure", given_back).await;
    assert_eq!((error.code.as_str(), error.retryable), ("DISK", true), "{error:?}");
    drop(full);
    let _other = world.runner("other", &world.url);
    assert!(world.succeeded(&job).await.attempt >= 2);
    world.aftermath().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_disk_is_full_says_so_and_keeps_no_half() {
    let world = World::new(TestDb::fresh().await, "30", |command| {
        let mut shell = limited(LARGE_FILES);
        shell.args(command.get_args()).env_clear().stdin(std::process::Stdio::null());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        *command = shell;
    })
    .await;
    let large = world.client.upload(&world.project, vec![7_u8; 60_000_000], "large.bin").await.unwrap_err();
    assert!(matches!(&large, ClientError::Rejected { code, .. } if code == "DISK_FULL"), "{large:?}");
    let sizes = std::fs::read_dir(world.data("uploads")).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    assert_eq!(sizes.collect::<Vec<_>>(), [0]);
    world.client.upload(&world.project, vec![7_u8; 1000], "small.bin").await.expect("there is room for this one");
}
