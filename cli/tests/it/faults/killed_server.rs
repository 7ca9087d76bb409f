use sea_orm::ConnectionTrait;

use super::{Fault, World};

/// Each time the proxy stops the runner's call, the server is killed and another one starts at its address.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_while_it_takes_a_result_costs_no_attempt() {
    let mut world = World::with_long_leases().await;
    let proxy = world.proxy().await;
    let _runner = world.runner("one", &proxy.url);
    let stages = [
        ("PUT /uploads", Fault::HalfSent),
        ("CompleteUpload", Fault::Before),
        ("CompleteUpload", Fault::After),
        // The answer is lost after the commit: the runner says the same again.
        ("CompleteJob", Fault::After),
    ];
    for (call, fault) in stages {
        proxy.arrange(&[(call, fault)]);
        let job = world.train().await;
        proxy.reached(call).await;
        world.restart_server();
        proxy.cut();
        assert_eq!(world.succeeded(&job).await.attempt, 1, "{call} {fault:?}");
    }
    world.aftermath().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_before_the_commit_leaves_neither_half() {
    let mut world = World::with_long_leases().await;
    let proxy = world.proxy().await;
    let _runner = world.runner("one", &proxy.url);
    proxy.arrange(&[("CompleteJob", Fault::Before)]);
    let job = world.train().await;
    proxy.reached("CompleteJob").await;
    // Whatever the server does now, it cannot commit.
    let lock = if world.db.is_postgres() { "BEGIN; LOCK TABLE jobs IN EXCLUSIVE MODE" } else { "BEGIN IMMEDIATE" };
    let holder = world.db.connect().await;
    holder.execute_unprepared(lock).await.unwrap();
    proxy.go_on();
    if world.db.is_postgres() {
        let waiting = "SELECT 'x' FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE jobs SET status = 2%'";
        let look = async || world.texts(waiting).await.pop();
        crate::processes::eventually("the server's wait for the lock", look).await;
    }
    drop(world.server.take());
    let versions = world.texts("SELECT 'version' FROM versions").await;
    holder.execute_unprepared("ROLLBACK").await.unwrap();
    assert_eq!(versions, [""; 0]);
    world.restart_server();
    assert_eq!(world.succeeded(&job).await.attempt, 1, "the runner handed it in once more");
    world.aftermath().await;
}
