use super::{Fault, World};

/// The first runner's result is on its way while its signs of life are lost; the second one does the job anew. Then the
/// first result arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_comes_after_the_next_attempt_began_is_refused() {
    let world = World::with_short_leases().await;
    let proxy = world.proxy().await;
    proxy.arrange(&[("CompleteJob", Fault::Before), ("Heartbeat", Fault::Before), ("ReportProgress", Fault::Before)]);
    let first = world.runner("first", &proxy.url);
    let job = world.train().await;
    proxy.reached("CompleteJob").await;
    let second_proxy = world.proxy().await;
    second_proxy.arrange(&[("PUT /uploads", Fault::Before)]);
    let _second = world.runner("second", &second_proxy.url);
    second_proxy.reached("PUT /uploads").await;

    let claims = proxy.count("ClaimJob");
    proxy.go_on();
    proxy.came("ClaimJob", claims + 1).await;
    assert!(!world.job(&job).await.status.is_final(), "the second attempt goes on");
    second_proxy.go_on();
    assert_eq!(world.succeeded(&job).await.attempt, 2);
    drop(first);
    world.aftermath().await;
}
